// The life cycle of a VM.
#include "vmmd/virtual_machine.hpp"

#include <exception>
#include <utility>

#include "arch/registers.hpp"
#include "vmmd/config/text.hpp"
#include "vmmd/console/console_hub.hpp"
#include "vmmd/debug/guest_debugger.hpp"
#include "vmmd/devices/character_backend.hpp"
#include "vmmd/linear_memory.hpp"
#include "vmmd/log.hpp"
#include "vmmd/machine.hpp"
#include "vmmd/trace/crash_report.hpp"
#include "vmmd/trace/describe.hpp"

namespace redoubt::vmmd {

namespace {

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 start);
}

std::unexpected<ControlError> refused(std::string description) {
    return std::unexpected(ControlError{ControlError::Kind::Refused, std::move(description)});
}

/// Of all vCPUs together; VM_STOPPED has to fit in a message.
constexpr std::size_t kExitsLeftBehind = 1024;

/// "ran 12.3 s; exits: port_io 4711, msr 1200"
std::string describe(const VmStatistics& statistics) {
    const auto tenths = statistics.run_time.count() / 100;
    std::string text =
        "ran " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s; exits:";
    for (const auto& [kind, count] : statistics.exits) {
        text += " " + kind + " " + std::to_string(count) + ",";
    }
    text.pop_back();
    return text;
}

}  // namespace

/// COM1's output into the console hub.
class VirtualMachine::SerialOutput final : public CharacterBackend {
  public:
    explicit SerialOutput(ConsoleHub& hub) : hub_(hub) {}
    void write(std::span<const std::uint8_t> bytes) override { hub_.write(bytes); }

  private:
    ConsoleHub& hub_;
};

VirtualMachine::VirtualMachine(VmConfig config, Surroundings surroundings,
                               std::shared_ptr<ConsoleHub> console)
    : config_(std::move(config)),
      surroundings_(std::move(surroundings)),
      console_(std::move(console)),
      debugger_(std::make_shared<GuestDebugger>(GuestDebugger::Actions{
          [this] { static_cast<void>(reset()); }, [this] { static_cast<void>(stop()); },
          [this](bool still) {
              surroundings_.emit({.kind = still ? VmEvent::Kind::Stop : VmEvent::Kind::Resume,
                                  .name = config_.name,
                                  .reason = {}});
          }})) {}

VirtualMachine::~VirtualMachine() {
    static_cast<void>(stop());
    if (thread_.joinable()) thread_.join();
}

// -- control

ControlError VirtualMachine::not_running() const {
    if (state_ == VmState::Running || state_ == VmState::Paused) {
        return {ControlError::Kind::Refused,
                "VM \"" + config_.name + "\" is being started or ended: try again"};
    }
    return {ControlError::Kind::Refused,
            "VM \"" + config_.name + "\" is " + std::string(to_string(state_)) + ", not running"};
}

std::unexpected<ControlError> VirtualMachine::no_such_vcpu(unsigned vcpu) const {
    return refused(describe_missing_vcpu(config_, vcpu));
}

ControlResult<void> VirtualMachine::start() {
    std::unique_lock lock(mutex_);
    if (state_ == VmState::Running || state_ == VmState::Paused) {
        return refused("VM \"" + config_.name + "\" runs already");
    }
    if (surroundings_.hypervisor == nullptr) {
        stop_reason_ = surroundings_.no_hypervisor_reason;
        last_end_ = VmEnd::FailedToStart;
        return refused("VM \"" + config_.name + "\" cannot start: " + stop_reason_);
    }
    // A thread that has set the state to stopped is at its end.
    if (thread_.joinable()) thread_.join();
    state_ = VmState::Running;
    stop_requested_ = false;
    has_run_ = false;
    stop_reason_.clear();
    final_statistics_ = {};
    final_trace_.clear();
    started_ = std::chrono::steady_clock::now();
    debugger_->machine_coming(config_.gdb_wait);
    thread_ = std::thread([this] { thread_main(); });
    return {};
}

ControlResult<void> VirtualMachine::stop() {
    std::scoped_lock lock(mutex_);
    if (state_ != VmState::Running && state_ != VmState::Paused) {
        return std::unexpected(not_running());
    }
    stop_requested_ = true;
    if (machine_ != nullptr) machine_->vcpus().stop();
    return {};
}

ControlResult<void> VirtualMachine::pause() {
    {
        std::scoped_lock lock(mutex_);
        if (state_ == VmState::Paused) return {};
        if (state_ != VmState::Running || machine_ == nullptr) {
            return std::unexpected(not_running());
        }
        machine_->vcpus().pause();
        state_ = VmState::Paused;
    }
    surroundings_.emit({.kind = VmEvent::Kind::Stop, .name = config_.name, .reason = {}});
    return {};
}

ControlResult<void> VirtualMachine::resume() {
    {
        std::scoped_lock lock(mutex_);
        if (state_ == VmState::Running) {
            if (debugger_->stop_waiting() || !debugger_->stands_still()) return {};
            return refused("VM \"" + config_.name +
                           "\" is stopped by a debugger: let it go on there, or disconnect it");
        }
        if (state_ != VmState::Paused || machine_ == nullptr) {
            return std::unexpected(not_running());
        }
        state_ = VmState::Running;
        machine_->vcpus().resume();
    }
    if (debugger_->stands_still()) return {};
    surroundings_.emit({.kind = VmEvent::Kind::Resume, .name = config_.name, .reason = {}});
    return {};
}

ControlResult<void> VirtualMachine::reset() {
    std::scoped_lock lock(mutex_);
    if (machine_ == nullptr) return std::unexpected(not_running());
    reset_by_guest_ = false;
    machine_->vcpus().reset();
    return {};
}

ControlResult<void> VirtualMachine::powerdown() {
    {
        std::scoped_lock lock(mutex_);
        if (machine_ == nullptr) return std::unexpected(not_running());
        if (const auto pressed = machine_->platform().press_power_button(); !pressed) {
            return refused("VM \"" + config_.name + "\" " + pressed.error());
        }
    }
    surroundings_.emit({.kind = VmEvent::Kind::PowerDown, .name = config_.name, .reason = {}});
    return {};
}

// -- the thread

void VirtualMachine::thread_main() {
    log::info("VM " + config_.name + " starts: " + format_size(config_.memory_bytes) + " memory, " +
              config_.kernel);
    surroundings_.emit({.kind = VmEvent::Kind::VmStarted, .name = config_.name, .reason = {}});
    std::pair<VmEnd, std::string> end;
    try {
        end = run_machine();
    } catch (const std::exception& error) {
        std::scoped_lock lock(mutex_);
        end = {has_run_ ? VmEnd::Crashed : VmEnd::FailedToStart, error.what()};
    }
    debugger_->machine_gone();
    const auto& [how, reason] = end;
    VmEvent shutdown{.kind = VmEvent::Kind::Shutdown, .name = config_.name, .reason = reason};
    VmEvent stopped{.kind = VmEvent::Kind::VmStopped, .name = config_.name, .reason = reason};
    {
        std::scoped_lock lock(mutex_);
        final_statistics_.run_time = since(started_);
        stopped.statistics = final_statistics_;
        stopped.trace = select(final_trace_, {.count = kExitsLeftBehind});
        stopped.end = how;
        shutdown.guest = !stop_requested_ && how != VmEnd::FailedToStart;
        stop_reason_ = reason;
        last_end_ = how;
    }
    const auto line = "VM " + config_.name + " stopped: " + reason;
    how == VmEnd::Clean ? log::info(line) : log::error(line);
    if (!stopped.statistics.exits.empty()) {
        log::info("VM " + config_.name + " " + describe(stopped.statistics));
    }
    stopped.console = console_->history();
    surroundings_.emit(shutdown);
    {
        std::scoped_lock lock(mutex_);
        state_ = how == VmEnd::Clean ? VmState::Stopped : VmState::Crashed;
    }
    surroundings_.emit(stopped);
    surroundings_.ended();
}

std::pair<VmEnd, std::string> VirtualMachine::run_machine() {
    SerialOutput serial(*console_);
    MachineOptions options;
    options.config = &config_;
    options.folder = surroundings_.folder;
    options.serial = &serial;
    options.load_linux = surroundings_.load_linux;
    options.log = [name = config_.name](const std::string& line) {
        log::info("VM " + name + ": " + line);
    };
    Machine machine(*surroundings_.hypervisor, options);

    auto& input = machine.platform().serial_input();
    input.set_ready_callback([hub = console_.get()] { hub->device_ready(); });
    machine.power_on();
    console_->set_device_input(
        [&input](std::span<const std::uint8_t> bytes) { return input.receive(bytes); });
    debugger_->machine_up(machine);
    publish(&machine);
    // Whatever way this function is left, nobody may reach the machine any more.
    struct Retreat {
        VirtualMachine& vm;
        ~Retreat() {
            vm.console_->set_device_input({});
            vm.debugger_->machine_gone();
            std::scoped_lock lock(vm.mutex_);
            vm.final_statistics_ = vm.collect_statistics();
            vm.final_trace_ = vm.machine_->trace({});
            vm.machine_ = nullptr;
        }
    } retreat{*this};

    for (;;) {
        const auto end = machine.run();
        switch (end.cause) {
            case LoopEnd::Cause::Requested:
                return {VmEnd::Clean, "stopped on request"};
            case LoopEnd::Cause::PowerOff:
                return {VmEnd::Clean, "the guest powered off"};
            case LoopEnd::Cause::Destroyed:
                return {VmEnd::Crashed, "the hypervisor destroyed the VM"};
            case LoopEnd::Cause::Crash:
                report_crash(machine, end);
                return {VmEnd::Crashed, end.reason};
            case LoopEnd::Cause::Reset:
                break;
        }
        log::info("VM " + config_.name + " is reset");
        VmEvent event{.kind = VmEvent::Kind::Reset, .name = config_.name, .reason = {}};
        {
            std::scoped_lock lock(mutex_);
            event.guest = std::exchange(reset_by_guest_, true);
        }
        surroundings_.emit(event);
        debugger_->machine_resets();
        machine.power_on();
    }
}

void VirtualMachine::publish(Machine* machine) {
    std::scoped_lock lock(mutex_);
    machine_ = machine;
    has_run_ = true;
    if (stop_requested_) machine->vcpus().stop();
}

void VirtualMachine::report_crash(Machine& machine, const LoopEnd& end) const {
    log::error("VM " + config_.name + ": " + end.reason + "; " + crash_report(machine, end.vcpu));
}

// -- what others want to know

VmStatistics VirtualMachine::collect_statistics() const {
    if (machine_ == nullptr) return final_statistics_;
    VmStatistics result;
    result.run_time = since(started_);
    for (unsigned i = 0; i < machine_->vcpu_count(); ++i) {
        result.vcpus.push_back(machine_->vcpu_statistics(i));
    }
    result.exits = sum(result.vcpus);
    result.memory = machine_->memory_statistics();
    return result;
}

VmStatistics VirtualMachine::statistics() const {
    std::scoped_lock lock(mutex_);
    return collect_statistics();
}

ControlResult<std::vector<TraceEntry>> VirtualMachine::trace(const TraceQuery& query) const {
    if (query.vcpu && *query.vcpu >= config_.cpus) return no_such_vcpu(*query.vcpu);
    std::scoped_lock lock(mutex_);
    return machine_ != nullptr ? machine_->trace(query) : select(final_trace_, query);
}

/// The machine can end or be reset meanwhile, which nobody who looks may delay.
ControlResult<void> VirtualMachine::look_at(unsigned vcpu, const Look& look) {
    // Much more than a vCPU takes to come out; its thread may have an exit to handle first.
    constexpr std::chrono::seconds kPatience{5};
    constexpr std::chrono::milliseconds kStep{1};
    if (vcpu >= config_.cpus) return no_such_vcpu(vcpu);
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    std::unique_lock lock(mutex_);
    if (machine_ == nullptr) return std::unexpected(not_running());
    bool parked = machine_->vcpus().hold(VcpuGroup::Holder::Look);
    while (!parked && std::chrono::steady_clock::now() < limit) {
        lock.unlock();
        std::this_thread::sleep_for(kStep);
        lock.lock();
        if (machine_ == nullptr) return std::unexpected(not_running());
        parked = machine_->vcpus().all_parked();
    }
    if (parked) look(*machine_, machine_->vcpu(vcpu));
    machine_->vcpus().release(VcpuGroup::Holder::Look);
    if (parked) return {};
    return refused("VM \"" + config_.name + "\" is too busy to be looked at: try again");
}

ControlResult<RegisterView> VirtualMachine::registers(unsigned vcpu) {
    RegisterView view;
    const auto seen = look_at(vcpu, [&](const Machine&, const VcpuLoop& loop) {
        const auto& state = loop.state();
        view = {register_values(state), loop.describe() + ":\n" + describe_registers(state) +
                                            describe_system_registers(state)};
    });
    if (!seen) return std::unexpected(seen.error());
    return view;
}

ControlResult<CodeListing> VirtualMachine::code(const CodeQuery& query) {
    CodeListing listing;
    const auto seen = look_at(query.vcpu, [&](const Machine& machine, const VcpuLoop& loop) {
        const auto& state = loop.state();
        listing =
            list_code(state, machine.memory(), query.address.value_or(isa::code_address(state)),
                      query.before, query.count);
    });
    if (!seen) return std::unexpected(seen.error());
    return listing;
}

VmSummary VirtualMachine::summary() const {
    std::scoped_lock lock(mutex_);
    const bool runs = state_ == VmState::Running || state_ == VmState::Paused;
    const bool debugged = state_ == VmState::Running && debugger_->stands_still();
    return {config_.name, debugged ? VmState::Paused : state_, config_.cpus, config_.memory_bytes,
            runs ? since(started_) : final_statistics_.run_time};
}

VmDetails VirtualMachine::details() const {
    VmDetails details{.summary = summary(),
                      .kernel = config_.kernel,
                      .initrd = config_.initrd,
                      .cmdline = config_.cmdline,
                      .serial = config_.serial,
                      .stop_reason = stop_reason()};
    return details;
}

VmState VirtualMachine::state() const {
    std::scoped_lock lock(mutex_);
    return state_;
}
VmEnd VirtualMachine::last_end() const {
    std::scoped_lock lock(mutex_);
    return last_end_;
}
std::string VirtualMachine::stop_reason() const {
    std::scoped_lock lock(mutex_);
    return stop_reason_;
}

}  // namespace redoubt::vmmd
