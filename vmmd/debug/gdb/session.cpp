// The conversation: dispatch, stops, going on. session_requests.cpp has the requests about
// registers, memory and breakpoints, session_queries.cpp the questions.
#include "vmmd/debug/gdb/session.hpp"

#include <utility>

#include "vmmd/debug/gdb/text.hpp"

namespace redoubt::vmmd::gdb {

namespace {

constexpr int kSigInt = 2, kSigTrap = 5, kSigAbrt = 6;

std::string_view watch_name(Stop::Reason reason) {
    if (reason == Stop::Reason::WatchRead) return "rwatch";
    return reason == Stop::Reason::WatchWrite ? "watch" : "awatch";
}

}  // namespace

Session::Session(Target& target, const Stop& stop, Send send)
    : target_(target),
      send_(std::move(send)),
      stop_(stop),
      thread_(stop.vcpu),
      step_thread_(stop.vcpu) {}

// -- framing

bool Session::receive(std::string_view& bytes) {
    if (over_) return false;
    const auto item = reader_.next(bytes);
    if (!item) return true;
    switch (item->kind) {
        case PacketReader::Item::Kind::Interrupt:
            // One that comes too late, when everything stands still already, has its answer.
            if (answer_ != Answer::Now) target_.interrupt();
            break;
        case PacketReader::Item::Kind::Resend:
            if (acknowledge_) send_(last_);
            break;
        case PacketReader::Item::Kind::Damaged:
            if (acknowledge_) send_("-");
            break;
        case PacketReader::Item::Kind::TooLong:
            if (acknowledge_) send_("+");
            answer("E.the packet is longer than PacketSize");
            break;
        case PacketReader::Item::Kind::Packet:
            if (acknowledge_) send_("+");
            handle(item->data);
            break;
    }
    return !over_;
}

void Session::answer(std::string_view data) {
    last_ = make_packet(data);
    send_(last_);
}

// -- dispatch

void Session::handle(std::string_view packet) {
    const char kind = packet.empty() ? '\0' : packet.front();
    auto arguments = packet.substr(packet.empty() ? 0 : 1);
    if (kind == 'D') {
        over_ = true;
        target_.detach();
        return answer("OK");
    }
    if (kind == 'k' || packet.starts_with("vKill")) {
        over_ = true;
        target_.kill();
        if (kind != 'k') answer("OK");
        return;
    }
    if (answer_ != Answer::Now) return answer("E.the guest runs");
    switch (kind) {
        case '?':
            return stop_reply();
        case 'g':
            return answer(read_registers());
        case 'G':
            return answer(write_registers(arguments));
        case 'p':
            return answer(read_register(arguments));
        case 'P':
            return answer(write_register(arguments));
        case 'm':
            return answer(read_memory(arguments, false));
        case 'x':
            return answer(read_memory(arguments, true));
        case 'M':
            return answer(write_memory(arguments, false));
        case 'X':
            return answer(write_memory(arguments, true));
        case 'Z':
        case 'z':
            return answer(breakpoint(packet));
        case 'H':
            return answer(choose_thread(arguments));
        case 'T': {
            bool all = false;
            const auto thread = take_thread(arguments, all);
            return answer(thread && !all && arguments.empty() ? "OK" : "E01");
        }
        case 'c':
        case 'C':
        case 's':
        case 'S': {
            const auto refusal = go_on(packet);
            return refusal.empty() ? void() : answer(refusal);
        }
        case 'v': {
            const auto reply = verbose(packet);
            return answer_ != Answer::Now ? void() : answer(reply);
        }
        case 'q': {
            const auto reply = general_query(packet);
            return answer_ != Answer::Now ? void() : answer(reply);
        }
        case 'Q':
            return answer(set_query(packet));
        default:
            return answer("");
    }
}

// -- stops

void Session::stopped(const Stop& stop) {
    if (over_) return;
    stop_ = stop;
    thread_ = step_thread_ = stop.vcpu;
    switch (std::exchange(answer_, Answer::Now)) {
        case Answer::Now:
            break;  // nobody has asked to go on
        case Answer::AtStop:
            return stop_reply();
        case Answer::AtReset:
            return answer("OK");
    }
}

void Session::ended() {
    if (over_) return;
    over_ = true;
    // As a process that has exited; there is no status to tell.
    if (answer_ != Answer::Now) answer("W00");
}

void Session::stop_reply() {
    std::string reply = "T";
    int signal = kSigTrap;
    if (stop_.reason == Stop::Reason::Request) signal = kSigInt;
    if (stop_.reason == Stop::Reason::Crash) signal = kSigAbrt;
    const std::uint8_t code[] = {static_cast<std::uint8_t>(signal)};
    reply += to_hex(code) + "thread:" + hex_number(stop_.vcpu + 1) + ";";
    switch (stop_.reason) {
        case Stop::Reason::SoftwareBreakpoint:
            reply += "swbreak:;";
            break;
        case Stop::Reason::HardwareBreakpoint:
            reply += "hwbreak:;";
            break;
        case Stop::Reason::WatchWrite:
        case Stop::Reason::WatchRead:
        case Stop::Reason::WatchAccess:
            reply += std::string(watch_name(stop_.reason)) + ":" + hex_number(stop_.address) + ";";
            break;
        case Stop::Reason::Crash:
            answer("O" + to_hex(stop_.text + "\n"));
            break;
        case Stop::Reason::Request:
        case Stop::Reason::Step:
            break;
    }
    answer(reply);
}

// -- going on

void Session::run(const std::vector<Motion>& motions) {
    answer_ = Answer::AtStop;
    target_.resume(motions);
}

std::string Session::go_on(std::string_view packet) {
    const char kind = packet.front();
    packet.remove_prefix(1);
    if (kind == 'C' || kind == 'S') {
        // Signals mean nothing to a machine.
        if (!take_hex(packet)) return "E01";
        if (!packet.empty() && !take(packet, ';')) return "E01";
    }
    if (!packet.empty()) {
        const auto address = take_hex(packet);
        auto registers = target_.read_registers(step_thread_);
        if (!address || !packet.empty() || !registers) return "E01";
        registers->set(kProgramCounterNumber, *address);
        if (!target_.write_registers(step_thread_, *registers)) return "E01";
    }
    std::vector<Motion> motions(target_.vcpus(), Motion::Continue);
    if (kind == 's' || kind == 'S') motions[step_thread_] = Motion::Step;
    run(motions);
    return {};
}

/// vCont;action[:thread];… : the first action that fits a thread is its own.
std::string Session::vcont(std::string_view actions) {
    std::vector<std::optional<Motion>> chosen(target_.vcpus());
    while (take(actions, ';')) {
        Motion motion = Motion::Continue;
        if (actions.empty()) return "E01";
        const char kind = actions.front();
        actions.remove_prefix(1);
        if (kind == 's' || kind == 'S') {
            motion = Motion::Step;
        } else if (kind != 'c' && kind != 'C') {
            return "E01";
        }
        if ((kind == 'C' || kind == 'S') && !take_hex(actions)) return "E01";
        bool all = true;
        std::optional<unsigned> thread = 0;
        if (take(actions, ':')) thread = take_thread(actions, all);
        if (!thread) return "E01";
        for (unsigned vcpu = 0; vcpu < chosen.size(); ++vcpu) {
            if (!chosen[vcpu] && (all || vcpu == *thread)) chosen[vcpu] = motion;
        }
    }
    if (!actions.empty()) return "E01";
    std::vector<Motion> motions;
    bool any = false;
    for (const auto& motion : chosen) {
        motions.push_back(motion.value_or(Motion::Stay));
        any |= motion.has_value();
    }
    if (!any) return "E01";
    run(motions);
    return {};
}

}  // namespace redoubt::vmmd::gdb
