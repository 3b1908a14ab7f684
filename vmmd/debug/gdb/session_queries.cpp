// Questions: what is offered, the threads, the target description, monitor commands.
#include <algorithm>
#include <utility>

#include "vmmd/debug/gdb/session.hpp"
#include "vmmd/debug/gdb/text.hpp"

namespace redoubt::vmmd::gdb {

namespace {

constexpr std::string_view kMonitorHelp =
    "info   the virtual processors and the breakpoints\n"
    "reset  starts the machine anew and stops before its first instruction\n"
    "help   this\n";

}  // namespace

std::string Session::general_query(std::string_view packet) {
    if (packet.starts_with("qSupported")) {
        return "PacketSize=" + hex_number(kPacketBytes) +
               ";QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+"
               ";binary-upload+";
    }
    if (packet == "qC") return "QC" + hex_number(thread_ + 1);
    if (packet == "qAttached" || packet.starts_with("qAttached:")) return "1";
    if (packet == "qfThreadInfo") return threads();
    if (packet == "qsThreadInfo") return "l";
    if (take(packet, std::string_view("qThreadExtraInfo,"))) return thread_extra_info(packet);
    if (take(packet, std::string_view("qXfer:features:read:"))) return features(packet);
    if (take(packet, std::string_view("qRcmd,"))) return monitor(packet);
    return {};
}

std::string Session::set_query(std::string_view packet) {
    if (packet != "QStartNoAckMode") return {};
    // Its own answer is the last thing that is acknowledged.
    acknowledge_ = false;
    return "OK";
}

std::string Session::verbose(std::string_view packet) {
    if (packet == "vCont?") return "vCont;c;C;s;S";
    if (take(packet, std::string_view("vCont"))) return vcont(packet);
    return {};
}

std::string Session::threads() const {
    std::string list = "m";
    for (unsigned vcpu = 0; vcpu < target_.vcpus(); ++vcpu) {
        if (vcpu != 0) list += ',';
        list += hex_number(vcpu + 1);
    }
    return list;
}

std::string Session::thread_extra_info(std::string_view arguments) {
    bool all = false;
    const auto thread = take_thread(arguments, all);
    if (!thread || all || !arguments.empty()) return "E01";
    return to_hex(target_.describe(*thread));
}

std::string Session::features(std::string_view arguments) const {
    if (!take(arguments, std::string_view("target.xml:"))) return "E00";
    const auto offset = take_hex(arguments);
    if (!offset || !take(arguments, ',')) return "E01";
    const auto length = take_hex(arguments);
    if (!length || !arguments.empty()) return "E01";
    const std::string_view text = target_description();
    if (*offset > text.size()) return "E01";
    // Nothing in it needs an escape.
    const auto part = text.substr(*offset, std::min<std::uint64_t>(*length, kPacketBytes - 1));
    return (*offset + part.size() == text.size() ? "l" : "m") + std::string(part);
}

std::string Session::monitor(std::string_view arguments) {
    const auto bytes = from_hex(arguments);
    if (!bytes) return "E01";
    const std::string command(bytes->begin(), bytes->end());
    if (command == "info") return to_hex(target_.describe_all());
    if (command == "help") return to_hex(kMonitorHelp);
    if (command == "reset" || command == "system_reset") {
        answer_ = Answer::AtReset;
        if (target_.reset()) return {};
        answer_ = Answer::Now;
        return to_hex(std::string_view("there is nothing to reset\n"));
    }
    return to_hex("unknown command \"" + command + "\"; there are:\n" + std::string(kMonitorHelp));
}

}  // namespace redoubt::vmmd::gdb
