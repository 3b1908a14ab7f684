// See supervisor.hpp.
#include "schemes/init/supervisor.hpp"

#include <algorithm>
#include <new>

#include "abi/scheme.hpp"
#include "schemes/init/boot_archive.hpp"
#include "schemes/init/devices.hpp"
#include "schemes/init/layout.hpp"
#include "schemes/init/power.hpp"
#include "schemes/init/report.hpp"
#include "schemes/initfs/cpio.hpp"

namespace redoubt::init {

namespace {

constexpr std::string_view kStartList = "etc/start";
constexpr std::uint64_t kTimerBadge = 1;
/// Codes from here on mean death by a signal, as a shell reports it: abort() is 128 + 6.
constexpr unsigned kFirstSignalCode = 128;
/// The machine's status when a process crashed whose end turns it off.
constexpr unsigned kCrashCode = 100;
constexpr unsigned kStartListCode = 101;
constexpr unsigned kMostFailures = 6;
constexpr std::uint64_t kFirstDelayMilliseconds = 100;
/// A process that ran this long had started well.
constexpr std::uint64_t kGoodRunSeconds = 30;

}  // namespace

void Supervisor::run(const abi::BootInfo& boot) {
    alignas(Supervisor) static std::byte storage[sizeof(Supervisor)];
    Supervisor* supervisor = new (storage) Supervisor(boot);
    if (!supervisor->prepare()) {
        supervisor->power_off(kStartListCode);
    }
    supervisor->serve();
}

bool Supervisor::prepare() {
    resources_.initialize(boot_);
    initialize_devices(resources_);
    ticks_per_second_ = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    endpoint_ = resources_.make_object(abi::ObjectType::Endpoint);
    reply_ = resources_.make_object(abi::ObjectType::Reply);
    received_ = resources_.slots().allocate();
    const native::Slot bound = resources_.make_object(abi::ObjectType::Notification);
    const native::Slot expired = resources_.slots().allocate();
    if (endpoint_ == 0 || reply_ == 0 || received_ == 0 || bound == 0 ||
        !native::ok(native::mint(bound, abi::Rights::Write, kTimerBadge, expired)) ||
        !native::ok(native::thread_control(own_slot(abi::StartupSlot::MainThread),
                                           abi::ThreadOperation::BindNotification, bound)) ||
        !timer_.start(resources_, endpoint_, expired) || !messenger_.start(resources_, endpoint_)) {
        report(Line() << "cannot set itself up");
        return false;
    }
    archive_ = map_boot_archive(boot_);
    if (archive_.empty()) {
        report(Line() << "no boot archive; pass one as the boot module (-initrd)");
        return false;
    }
    read_start_list();
    if (listed_ == 0) {
        report(Line() << "nothing to start");
        return false;
    }
    return true;
}

void Supervisor::read_start_list() {
    const auto file = cpio::find(archive_, kStartList);
    if (!file) {
        report(Line() << "the boot archive has no file /" << kStartList);
        return;
    }
    StartListParser parser(
        {reinterpret_cast<const char*>(file->contents.data()), file->contents.size()});
    StartEntry entry;
    while (parser.next(entry)) {
        if (const auto& error = parser.error()) {
            report((Line() << '/' << kStartList << ':' << std::uint64_t{error->line} << ": "
                           << error->message << ": \"")
                       .untrusted(error->word)
                   << "\"; the line is skipped");
        } else if (listed_ == kMaximumListed) {
            report(Line() << '/' << kStartList << ':' << std::uint64_t{parser.line()}
                          << ": too many processes; the line is skipped");
        } else if (add_schemes(entry)) {
            processes_[listed_].entry = entry;
            processes_[listed_++].state = State::Idle;
        }
    }
}

bool Supervisor::add_schemes(const StartEntry& entry) {
    for (const std::string_view name : entry.serves) {
        for (std::size_t i = 0; i < scheme_count_; ++i) {
            if (schemes_[i].name == name) {
                report(Line() << entry.name << " is not started: the scheme " << name
                              << ": is served by another process already");
                return false;
            }
        }
        const native::Slot endpoint = resources_.make_object(abi::ObjectType::Endpoint);
        if (endpoint == 0 || scheme_count_ == schemes_.size()) {
            report(Line() << entry.name << " is not started: too many schemes");
            return false;
        }
        schemes_[scheme_count_++] = {name, endpoint};
    }
    return true;
}

std::uint64_t Supervisor::new_client() {
    do {
        last_client_ = last_client_ % 0xFFFE + 1;
    } while (process_of(last_client_) != nullptr);
    return last_client_;
}

/// Starts entries until one must be waited for, or the list ends.
void Supervisor::start_next() {
    while (next_to_start_ < listed_) {
        if (next_to_start_ != 0) {
            const Process& previous = processes_[next_to_start_ - 1];
            if (previous.state == State::Starting && previous.entry.wait_until_ready) {
                return;
            }
        }
        start(processes_[next_to_start_++]);
    }
}

abi::Error Supervisor::launch(Process& process) {
    const std::uint64_t client = new_client();
    process.started_at = native::ticks();
    const BuildRequest request{process.entry, archive_,
                               std::span<const SchemeEndpoint>(schemes_.data(), scheme_count_),
                               endpoint_, client};
    const abi::Error error = build_process(resources_, request, process.memory);
    process.client = native::ok(error) ? client : 0;
    process.state = native::ok(error) ? State::Starting : State::Ended;
    return error;
}

void Supervisor::start(Process& process) {
    if (native::ok(launch(process))) {
        return;
    }
    end_children(process);
    close_schemes(process);
    if (process.entry.power_off_on_exit) {
        power_off(kStartListCode);
    }
}

void Supervisor::serve() {
    start_next();
    for (;;) {
        native::expect_capabilities(received_, 1);
        const native::Received received = native::recv(endpoint_, reply_);
        native::Message answer;
        if (handle(received, answer)) {
            // Answered by itself: what follows may take long, or end the machine.
            native::reply(reply_, answer);
        }
        native::delete_capability(received_);
        start_next();
    }
}

bool Supervisor::handle(const native::Received& received, native::Message& answer) {
    if (!native::ok(received.error)) {
        return false;
    }
    const native::Message& message = received.message;
    const std::uint32_t label = message.info.label();
    if (label == abi::kNotificationLabel) {
        restart_due();
        return false;
    }
    if (label == abi::kFaultLabel && received.badge == kHelperBadge) {
        report(Line() << "a thread of init itself faulted, instruction "
                      << Hexadecimal{message.mr[2]} << ", address " << Hexadecimal{message.mr[1]});
        __builtin_trap();  // the kernel panics
    }
    Process* process = process_of(received.badge);
    if (process == nullptr) {
        answer = native::make_reply(abi::Error::InvalidState);
        return true;
    }
    answer = native::make_reply(abi::Error::Ok);
    if (label == abi::kFaultLabel) {
        faulted(*process, message);
        return false;
    }
    switch (static_cast<abi::ProcessMessage>(label)) {
        case abi::ProcessMessage::Ready:
            process->state = State::Ready;
            if (process->failures != 0) {
                tell_watchers(*process);
            }
            return true;
        case abi::ProcessMessage::WatchSchemes:
            if (message.info.capabilities() == 0 || !watch(process->watch)) {
                answer = native::make_reply(abi::Error::InvalidArgument);
            }
            return true;
        case abi::ProcessMessage::Exit: {
            const auto code = static_cast<unsigned>(message.mr[0] & 0xFF);
            End end{code >= kFirstSignalCode ? abi::ChildState::Crashed : abi::ChildState::Exited,
                    code,
                    {}};
            end.reason << "exit code " << std::uint64_t{code};
            ended(*process, end);
            return false;
        }
        case abi::ProcessMessage::PowerOff:
            if (!process->entry.grants.power) {
                answer = native::make_reply(abi::Error::MissingRight);
                return true;
            }
            report(Line() << process->entry.name << " turns the machine off");
            power_off(static_cast<unsigned>(message.mr[0]));
        case abi::ProcessMessage::Kill:
            answer = native::make_reply(kill(*process, message.mr[0]));
            return true;
        case abi::ProcessMessage::Spawn:
        case abi::ProcessMessage::Children:
        case abi::ProcessMessage::EndChild:
        case abi::ProcessMessage::WatchChildren:
        case abi::ProcessMessage::FreeMemory: {
            const abi::Error error =
                process->entry.grants.spawn
                    ? serve_parent(*process, static_cast<abi::ProcessMessage>(label), message,
                                   answer)
                    : abi::Error::MissingRight;
            if (!native::ok(error)) {
                answer = native::make_reply(error);
            }
            return true;
        }
        case abi::ProcessMessage::Log: {
            const std::uint64_t most = sizeof(abi::IpcBuffer::words) - 4 * sizeof(std::uint64_t);
            const std::uint64_t size = message.mr[0] < most ? message.mr[0] : most;
            std::string_view text(reinterpret_cast<const char*>(native::message_bytes()), size);
            if (text.ends_with('\n')) {
                text.remove_suffix(1);
            }
            print_line((Line() << process->entry.name << ": ").untrusted(text));
            return true;
        }
    }
    answer = native::make_reply(abi::Error::NotSupported);
    return true;
}

abi::Error Supervisor::kill(const Process& sender, std::uint64_t name_length) {
    if (!sender.entry.grants.power) return abi::Error::MissingRight;
    if (name_length > abi::scheme::kMaximumBytes) return abi::Error::InvalidArgument;
    const std::string_view name(reinterpret_cast<const char*>(native::message_bytes()),
                                name_length);
    for (Process& process : processes()) {
        if (process.client == 0 || &process == &sender || process.entry.name != name) continue;
        End end{abi::ChildState::Killed, kCrashCode, {}};
        end.reason << "killed by " << sender.entry.name;
        process.failures = 0;  // it says nothing about how long the program lasts
        ended(process, end);
        return abi::Error::Ok;
    }
    return abi::Error::NotFound;
}

void Supervisor::faulted(Process& process, const native::Message& message) {
    End end{abi::ChildState::Crashed, kCrashCode, {}};
    const std::uint64_t address = message.mr[1];
    switch (static_cast<abi::FaultKind>(message.mr[0])) {
        case abi::FaultKind::PageFault: {
            const std::uint64_t code = message.mr[3];
            end.reason << "page fault at " << Hexadecimal{address} << " ("
                       << ((code & 16) != 0  ? "execution"
                           : (code & 2) != 0 ? "write"
                                             : "read")
                       << ((code & 1) != 0 ? " not permitted)" : " of unmapped memory)");
            break;
        }
        case abi::FaultKind::Exception:
            end.reason << exception_name(address) << " (exception " << address << ", code "
                       << Hexadecimal{message.mr[3]} << ")";
            break;
        case abi::FaultKind::InvalidSyscall:
            end.reason << "Linux system call " << address << " without a handler";
            break;
    }
    end.reason << ", instruction " << Hexadecimal{message.mr[2]};
    ended(process, end);
}

void Supervisor::ended(Process& process, const End& end) {
    Line line;
    line << process.entry.name << " ended: " << end.reason.text();
    const std::uint64_t client = process.client;
    const std::uint64_t missing = end_process(resources_, process.memory);
    process.client = 0;
    drop_watch(process.watch);
    drop_watch(process.watch_children);
    release_process(resources_, process.memory);
    process.state = State::Ended;
    for (const std::string_view name : process.entry.uses) {
        for (std::size_t i = 0; i < scheme_count_; ++i) {
            if (schemes_[i].name == name && schemes_[i].endpoint != 0) {
                messenger_.client_gone(schemes_[i].endpoint, client);
            }
        }
    }
    const bool restarts = plan_restart(process, end, line);
    // A child that ends by itself is its parent's news.
    if (process.parent == nullptr || end.crashed()) {
        report(line);
    }
    if (missing != 0) {
        report(Line() << missing << " bytes of " << process.entry.name << " did not come back");
    }
    if (restarts) {
        arm_timer();
        return;
    }
    end_children(process);
    close_schemes(process);
    if (process.parent != nullptr) {
        child_ended(process, end);
    }
    if (process.entry.power_off_on_exit) {
        power_off(end.crashed() ? kCrashCode : end.code);
    }
}

/// Decides by the entry's policy, and tells `line`; sets `restart_at`.
bool Supervisor::plan_restart(Process& process, const End& end, Line& line) {
    const Restart policy = process.entry.restart;
    if (policy == Restart::Never || (policy == Restart::OnFailure && !end.crashed())) {
        return false;
    }
    const std::uint64_t now = native::ticks();
    if (now - process.started_at >= kGoodRunSeconds * ticks_per_second_) {
        process.failures = 0;
    }
    if (process.failures == kMostFailures) {
        line << "; it was started again " << std::uint64_t{kMostFailures}
             << " times and does not last";
        return false;
    }
    const std::uint64_t delay =
        process.failures == 0
            ? 0
            : (kFirstDelayMilliseconds << (process.failures - 1)) * (ticks_per_second_ / 1000);
    ++process.failures;
    process.restart_at = now + delay;
    process.state = State::Delayed;
    line << "; it is started again";
    return true;
}

void Supervisor::arm_timer() {
    std::uint64_t first = abi::kNever;
    for (const Process& process : processes()) {
        if (process.state == State::Delayed && process.restart_at < first) {
            first = process.restart_at;
        }
    }
    timer_.set(first);
}

void Supervisor::restart_due() {
    for (Process& process : processes()) {
        if (process.state == State::Delayed && process.restart_at <= native::ticks()) {
            start(process);
        }
    }
    arm_timer();
}

/// Nobody will serve these any more: whoever waits for an answer gets an error instead.
void Supervisor::close_schemes(const Process& process) {
    for (const std::string_view name : process.entry.serves) {
        for (std::size_t i = 0; i < scheme_count_; ++i) {
            if (schemes_[i].name == name && schemes_[i].endpoint != 0) {
                native::revoke(schemes_[i].endpoint);
                native::delete_capability(schemes_[i].endpoint);
                schemes_[i].endpoint = 0;
            }
        }
    }
    tell_watchers(process);
}

/// Keeps the notification that came with the message.
bool Supervisor::watch(native::Slot& watch) {
    drop_watch(watch);
    const native::Slot slot = resources_.slots().allocate();
    if (slot == 0 || !native::ok(native::copy(received_, abi::Rights::Write, slot))) {
        resources_.slots().free(slot, slot == 0 ? 0 : 1);
        return false;
    }
    watch = slot;
    return true;
}

void Supervisor::drop_watch(native::Slot& watch) {
    if (watch != 0) {
        native::delete_capability(watch);
        resources_.slots().free(watch, 1);
        watch = 0;
    }
}

/// Whoever uses what `server` serves has files that are dead by now.
void Supervisor::tell_watchers(const Process& server) {
    for (const Process& process : processes()) {
        const auto uses = [&](std::string_view scheme) {
            return std::ranges::find(process.entry.uses, scheme) != process.entry.uses.end();
        };
        if (process.watch != 0 && std::ranges::any_of(server.entry.serves, uses)) {
            native::signal(process.watch);
        }
    }
}

void Supervisor::power_off(unsigned code) {
    report(Line() << "power off, code " << std::uint64_t{code});
    init::power_off(boot_, code);
    // The kernel would panic without init.
    for (;;)
        native::thread_control(own_slot(abi::StartupSlot::MainThread),
                               abi::ThreadOperation::Suspend);
}

Supervisor::Process* Supervisor::process_of(std::uint64_t client) {
    for (Process& process : processes()) {
        if (process.client == client && client != 0) {
            return &process;
        }
    }
    return nullptr;
}

}  // namespace redoubt::init
