// The life of a VM over the lives of its monitors.
#include "vmmd/manager/managed_vm.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "vmmd/console/console_hub.hpp"
#include "vmmd/exit_status.hpp"
#include "vmmd/log.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/manager/relay.hpp"

namespace redoubt::vmmd {

namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kBetweenConnections{100};
/// For what a dead monitor has sent to be read.
constexpr milliseconds kForLastWords{1'000};

Json done() { return {{"return", Json::object()}}; }
Json refused(const std::string& why) { return error_reply("GenericError", why); }

VmEnd end_from(const std::string& word) {
    for (const VmEnd end : {VmEnd::Clean, VmEnd::FailedToStart}) {
        if (word == to_string(end)) return end;
    }
    return VmEnd::Crashed;
}

/// A member of a monitor's object if it is there and a string; monitors are not trusted.
std::string text_of(const Json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json no_statistics() {
    return {{"run_time_ms", 0},
            {"exits", Json::object()},
            {"vcpus", Json::array()},
            {"memory", Json::object()}};
}

/// VM_STOPPED's summary as clients rely on it.
Json statistics_from(const Json& data) {
    Json result = no_statistics();
    const auto summary = data.find("summary");
    if (summary == data.end() || !summary->is_object()) return result;
    for (const auto& [member, value] : summary->items()) {
        const auto known = result.find(member);
        if (known == result.end() ||
            (known->is_object() == value.is_object() && known->is_array() == value.is_array())) {
            result[member] = value;
        }
    }
    if (!result["run_time_ms"].is_number_unsigned()) result["run_time_ms"] = 0;
    return result;
}

/// VM_STOPPED's exits, those that are ones.
Json exits_from(Json& data) {
    Json result = Json::array();
    const auto rows = data.find("trace");
    if (rows == data.end() || !rows->is_array()) return result;
    for (auto& row : *rows) {
        const auto number = [&row](const char* member) {
            const auto found = row.find(member);
            return found != row.end() && found->is_number_unsigned();
        };
        if (row.is_object() && number("vcpu") && number("time_ns")) {
            result.push_back(std::move(row));
        }
    }
    return result;
}

}  // namespace

ManagedVm::ManagedVm(VmConfig config, Surroundings surroundings)
    : config_(std::move(config)),
      surroundings_(std::move(surroundings)),
      timer_(surroundings_.loop->context()),
      limit_(surroundings_.loop->context()),
      backoff_(config_.restart, config_.restart_limit),
      statistics_(no_statistics()),
      console_(ConsoleHub::create()) {}

ManagedVm::~ManagedVm() {
    if (link_) link_->close();
    for (const auto& [id, waiting] : pending_) {
        if (waiting.stream) waiting.stream->close();
    }
}

VmState ManagedVm::state() const {
    switch (phase_) {
        case Phase::Stopped:
            return last_end_ == VmEnd::Crashed || last_end_ == VmEnd::FailedToStart
                       ? VmState::Crashed
                       : VmState::Stopped;
        case Phase::Restarting:
            return VmState::Restarting;
        default:
            return paused_ ? VmState::Paused : VmState::Running;
    }
}

milliseconds ManagedVm::uptime() const {
    if (phase_ == Phase::Stopped || phase_ == Phase::Restarting) return last_run_;
    return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - started_);
}

ControlError ManagedVm::not_running() const {
    const auto how = phase_ == Phase::Ending ? "about to end" : to_string(state());
    return {ControlError::Kind::Refused, quoted() + " is " + std::string(how) + ", not running"};
}

Json ManagedVm::no_answer() const {
    return refused("the monitor of " + quoted() + " does not answer");
}

Json ManagedVm::summary() const {
    Json row = {{"name", config_.name},          {"state", to_string(state())},
                {"cpus", config_.cpus},          {"memory", config_.memory_bytes},
                {"uptime_ms", uptime().count()}, {"restarts", restarts_}};
    if (monitor_) row["monitor"] = *monitor_;
    if (!reason_.empty()) row["last_reason"] = reason_;
    return row;
}

Json ManagedVm::details() const {
    Json info = summary();
    info["kernel"] = config_.kernel;
    info["initrd"] = config_.initrd;
    info["cmdline"] = config_.cmdline;
    info["serial"] = config_.serial;
    info["stop_reason"] = reason_;
    info["cpu_share"] = config_.cpu_share;
    info["cpu_limit"] = config_.cpu_limit;
    return info;
}

// -- starting

void ManagedVm::start(Reply reply) {
    if (phase_ != Phase::Stopped && phase_ != Phase::Restarting) {
        return reply(refused(quoted() + " runs already"));
    }
    timer_.cancel();
    backoff_.reset();
    launch(std::move(reply));
}

void ManagedVm::launch(Reply reply) {
    started_ = SteadyClock::now();
    stop_requested_ = false;
    paused_ = false;
    ended_.reset();
    stopped_event_.reset();
    kill_reason_.reset();
    const auto spawned = surroundings_.spawner->spawn(config_);
    if (!spawned) {
        const auto why = quoted() + " cannot start: " + spawned.error();
        log::error(why);
        reply(refused(why));
        return settle(VmEnd::FailedToStart, spawned.error(), milliseconds(0));
    }
    monitor_ = *spawned;
    phase_ = Phase::Starting;
    start_reply_ = std::move(reply);
    connect();
}

void ManagedVm::connect() {
    link_ready_ = false;
    link_ = std::make_shared<MonitorConnection>(surroundings_.loop->context(),
                                                surroundings_.spawner->socket_of(config_.name));
    link_->set_callbacks({[this] { connected(); }, [this](Json got) { message(std::move(got)); },
                          [this](MonitorConnection::Loss how) { lost(how); }});
    link_->open(surroundings_.patience.start);
}

void ManagedVm::connected() {
    link_ready_ = true;
    request({{"execute", "vm-list"}}, surroundings_.patience.answer, [this](Json reply) {
        if (!link_ready_) return;
        const auto rows = reply.find("return");
        if (rows == reply.end() || !rows->is_array() || rows->size() != 1 ||
            !rows->front().is_object()) {
            return end_monitor("its monitor does not answer", VmEnd::Crashed);
        }
        found_state(rows->front());
    });
}

/// What the monitor says about its VM when the connection is new, or new again.
void ManagedVm::found_state(const Json& row) {
    const std::string state = text_of(row, "state");
    const auto uptime = row.find("uptime_ms");
    const bool never_ran = uptime != row.end() && *uptime == 0;
    if (phase_ == Phase::Starting && state == "stopped" && never_ran) {
        started_ = SteadyClock::now();
        return request({{"execute", "vm-start"}}, surroundings_.patience.start, [this](Json reply) {
            if (!link_ready_) return;
            if (const auto error = reply.find("error"); error != reply.end()) {
                return end_monitor(text_of(*error, "desc"), VmEnd::FailedToStart);
            }
            go_live();
        });
    }
    if (phase_ == Phase::Starting && uptime != row.end() && uptime->is_number_unsigned()) {
        started_ = SteadyClock::now() - milliseconds(uptime->get<std::uint32_t>());
    }
    paused_ = state == "paused";
    go_live();
}

void ManagedVm::go_live() {
    if (phase_ == Phase::Starting) phase_ = Phase::Live;
    answer_start(done());
    send_waiting();
}

void ManagedVm::answer_start(Json reply) {
    if (const auto waiting = std::exchange(start_reply_, nullptr)) waiting(std::move(reply));
}

void ManagedVm::adopt(const FoundMonitor& found) {
    monitor_ = found.id;
    started_ = SteadyClock::now();
    phase_ = Phase::Starting;
    if (!found.running) return monitor_ended(found.end);
    log::info("VM " + config_.name + " goes on with the monitor it has");
    connect();
}

// -- talking

std::uint64_t ManagedVm::expect_answer(milliseconds limit, Reply reply) {
    const auto id = ++last_request_;
    auto timer = std::make_unique<boost::asio::steady_timer>(surroundings_.loop->context(), limit);
    timer->async_wait([this, id](boost::system::error_code cancelled) {
        if (cancelled) return;
        auto waiting = pending_.extract(id);
        if (!waiting.empty()) fail(waiting.mapped(), no_answer());
    });
    pending_.emplace(id, Pending{std::move(reply), std::move(timer), {}});
    return id;
}

void ManagedVm::request(Json message, milliseconds limit, Reply reply) {
    if (!link_ready_) return reply(no_answer());
    message["id"] = expect_answer(limit, std::move(reply));
    link_->send(message);
}

/// Requests of clients that came while there was no connection.
void ManagedVm::send_waiting() {
    for (auto& [id, waiting] : pending_) {
        if (waiting.unsent.is_null() || !link_ready_) continue;
        link_->send(std::exchange(waiting.unsent, Json()));
    }
}

void ManagedVm::fail(Pending& waiting, Json error) {
    if (waiting.stream) waiting.stream->close();
    waiting.reply(std::move(error));
}

void ManagedVm::fail_requests(Which which, const std::string& why) {
    std::map<std::uint64_t, Pending> failed;
    if (which == Which::All) {
        failed.swap(pending_);
    } else {
        for (auto next = pending_.begin(); next != pending_.end();) {
            const auto here = next++;
            if (!here->second.stream) failed.insert(pending_.extract(here));
        }
    }
    for (auto& [id, waiting] : failed) fail(waiting, refused(why));
}

void ManagedVm::forward(const Command& command, const Json& arguments, Reply reply) {
    const auto id = expect_answer(surroundings_.patience.answer, std::move(reply));
    Json message = {{"execute", command.name}, {"arguments", arguments}, {"id", id}};
    if (phase_ == Phase::Live && link_ready_) return link_->send(message);
    pending_.at(id).unsent = std::move(message);
}

void ManagedVm::open_stream(const Command& command, const Json& arguments, StreamReply reply) {
    const auto stream = std::make_shared<MonitorConnection>(
        surroundings_.loop->context(), surroundings_.spawner->socket_of(config_.name));
    const auto id = expect_answer(surroundings_.patience.answer,
                                  [reply](Json error) { reply(std::move(error), nullptr); });
    pending_.at(id).stream = stream;
    stream->set_callbacks(
        {[key = stream.get(), request = Json{{"execute", command.name}, {"arguments", arguments}}] {
             key->send(request);
         },
         [this, key = stream.get(), id, reply](Json message) {
             if (message.contains("event")) return;
             auto waiting = pending_.extract(id);
             if (!message.contains("return"))
                 return fail(waiting.mapped(), message.contains("error") ? message : no_answer());
             auto taken = key->take();
             reply(
                 {{"return", message["return"]}},
                 std::make_shared<MonitorStream>(std::move(taken.socket), std::move(taken.unread)));
         },
         [this, id](MonitorConnection::Loss how) {
             // It may be about to end, or has already.
             if (how == MonitorConnection::Loss::Closed) return;
             auto waiting = pending_.extract(id);
             fail(waiting.mapped(), no_answer());
         }});
    stream->open(surroundings_.patience.answer);
}

void ManagedVm::message(Json message) {
    if (message.contains("event")) return event(message);
    const auto id = message.find("id");
    if (id == message.end() || !id->is_number_unsigned()) return;
    auto waiting = pending_.extract(id->get<std::uint64_t>());
    if (waiting.empty()) return;  // too late
    const char* const kind = message.contains("return") ? "return" : "error";
    if (!message.contains(kind)) return waiting.mapped().reply(no_answer());
    waiting.mapped().reply({{kind, std::move(message[kind])}});
}

void ManagedVm::event(Json& event) {
    const std::string kind = text_of(event, "event");
    auto& data = event["data"];
    // The monitor's own end is no news, and a monitor speaks for its own VM.
    if (kind.empty() || kind == "DAEMON_EXIT" || !data.is_object()) return;
    data["name"] = config_.name;
    if (kind == "VM_STOPPED") {
        statistics_ = statistics_from(data);
        exits_ = exits_from(data);
        console_ = ConsoleHub::create();
        const std::string shown = text_of(data, "console");
        console_->write({reinterpret_cast<const std::uint8_t*>(shown.data()), shown.size()});
        stopped_event_ = std::move(data);
        phase_ = Phase::Ending;
        return expect_end();  // told when its memory is back
    }
    if (kind == "STOP") paused_ = true;
    if (kind == "RESUME") paused_ = false;
    if (!events_.take(SteadyClock::now())) return;
    surroundings_.emit({{"timestamp", event["timestamp"]}, {"event", kind}, {"data", data}});
}

void ManagedVm::lost(MonitorConnection::Loss how) {
    link_.reset();
    link_ready_ = false;
    fail_requests(Which::OnLink, "the monitor of " + quoted() + " is gone");
    if (ended_) return finish();
    if (how == MonitorConnection::Loss::Nonsense) {
        return end_monitor("its monitor sent nonsense", VmEnd::Crashed);
    }
    if (how == MonitorConnection::Loss::Unreachable) {
        return end_monitor("its monitor does not answer", VmEnd::Crashed);
    }
    // It ends, or the way to it was interrupted.
    timer_.expires_after(kBetweenConnections);
    timer_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled && monitor_ && !link_ && !ended_) connect();
    });
}

// -- ending

void ManagedVm::stop(Reply reply) {
    if (phase_ == Phase::Stopped) return reply(refused(not_running().description));
    if (phase_ == Phase::Restarting) {
        timer_.cancel();
        phase_ = Phase::Stopped;
        reply(done());
        return surroundings_.stopped();
    }
    stop_requested_ = true;
    if (phase_ == Phase::Ending) return reply(done());
    if (phase_ == Phase::Starting || !link_ready_) {
        end_monitor("stopped on request", VmEnd::Clean);
        return reply(done());
    }
    request({{"execute", "vm-stop"}}, surroundings_.patience.end,
            [this, reply = std::move(reply)](Json answer) {
                if (answer.contains("return") || !link_ready_) {
                    expect_end();
                } else if (phase_ == Phase::Live) {
                    end_monitor("stopped on request; its monitor did not answer", VmEnd::Clean);
                }
                reply(done());
            });
}

/// The monitor ends by itself, soon.
void ManagedVm::expect_end() {
    limit_.expires_after(surroundings_.patience.end);
    limit_.async_wait([this](boost::system::error_code cancelled) {
        if (cancelled || ended_ || !monitor_) return;
        end_monitor("stopped; its monitor did not end", VmEnd::Clean);
    });
}

void ManagedVm::end_monitor(std::string why, VmEnd end) {
    if (!monitor_ || ended_ || kill_reason_) return;
    kill_reason_ = std::move(why);
    kill_end_ = end;
    phase_ = Phase::Ending;
    surroundings_.spawner->kill(*monitor_);
}

void ManagedVm::monitor_ended(const MonitorEnd& end) {
    ended_ = end;
    limit_.cancel();
    if (!link_ || !link_ready_) return finish();
    // What it said last may still be on its way.
    limit_.expires_after(kForLastWords);
    limit_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled && ended_) finish();
    });
}

void ManagedVm::finish() {
    limit_.cancel();
    timer_.cancel();
    if (link_) link_->close();
    link_.reset();
    link_ready_ = false;
    monitor_.reset();
    const MonitorEnd ended = *std::exchange(ended_, std::nullopt);
    const auto ran = uptime();
    std::string reason;
    VmEnd end;
    if (stopped_event_) {
        reason = text_of(*stopped_event_, "reason");
        end = end_from(text_of(*stopped_event_, "result"));
    } else if (kill_reason_) {
        reason = *kill_reason_;
        end = kill_end_;
    } else {
        reason = "its monitor " + ended.how;
        end = ended.status == kStatusClean         ? VmEnd::Clean
              : ended.status == kStatusCannotStart ? VmEnd::FailedToStart
                                                   : VmEnd::Crashed;
    }
    if (!stopped_event_) {
        console_ = ConsoleHub::create();
        exits_ = Json::array();
        statistics_ = no_statistics();
        statistics_["run_time_ms"] = ran.count();
        const auto line = "VM " + config_.name + " stopped: " + reason;
        end == VmEnd::Clean ? log::info(line) : log::error(line);
    }
    stopped_event_.reset();
    phase_ = Phase::Stopped;
    fail_requests(Which::All, quoted() + " stopped: " + reason);
    answer_start(refused(quoted() + " cannot start: " + reason));
    settle(end, std::move(reason), ran);
}

/// It has ended, and nothing of it is left. Tells, and starts it again if its policy says so.
void ManagedVm::settle(VmEnd end, std::string reason, milliseconds ran) {
    phase_ = Phase::Stopped;
    paused_ = false;
    last_end_ = end;
    reason_ = std::move(reason);
    last_run_ = ran;
    const auto next = stop_requested_ || retired_ ? std::nullopt : backoff_.after(end, ran);
    if (next) phase_ = Phase::Restarting;
    surroundings_.emit(make_event("VM_STOPPED", {{"name", config_.name},
                                                 {"reason", reason_},
                                                 {"result", to_string(end)},
                                                 {"summary", statistics_}}));
    if (!next) return surroundings_.stopped();
    const milliseconds delay = next.value_or(milliseconds(0));
    ++restarts_;
    log::info("VM " + config_.name + " is started again in " + std::to_string(delay.count()) +
              " ms, attempt " + std::to_string(backoff_.attempts()));
    surroundings_.emit(make_event("VM_RESTARTED", {{"name", config_.name},
                                                   {"attempt", backoff_.attempts()},
                                                   {"delay_ms", delay.count()},
                                                   {"reason", reason_}}));
    timer_.expires_after(delay);
    timer_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled && phase_ == Phase::Restarting) launch([](const Json&) {});
    });
}

}  // namespace redoubt::vmmd
