// The VM manager.
#include "vmmd/vm_manager.hpp"

#include <algorithm>

#include "libhvcall/hypervisor.hpp"
#include "vmmd/console/console_hub.hpp"
#include "vmmd/debug/gdb_connection.hpp"
#include "vmmd/exit_status.hpp"
#include "vmmd/log.hpp"
#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

VmManager::VmManager(EventLoop& loop, Options options, std::vector<VmConfig> configs,
                     std::function<void(int, const std::string&)> finished)
    : loop_(loop), options_(std::move(options)), finished_(std::move(finished)) {
    for (auto& config : configs) {
        VirtualMachine::Surroundings surroundings;
        surroundings.hypervisor = options_.hypervisor;
        surroundings.no_hypervisor_reason = options_.no_hypervisor_reason;
        surroundings.folder = options_.folder;
        surroundings.load_linux = options_.load_linux;
        surroundings.emit = [this](const VmEvent& event) { emit(event); };
        surroundings.ended = [this] { loop_.post([this] { finish_if_all_stopped(); }); };
        entries_.push_back({std::make_unique<VirtualMachine>(
                                std::move(config), std::move(surroundings), ConsoleHub::create()),
                            nullptr});
    }
}

VmManager::~VmManager() {
    // All at once, then one after the other.
    for (auto& entry : entries_) static_cast<void>(entry.vm->stop());
    entries_.clear();
}

void VmManager::start_all() {
    for (auto& entry : entries_) {
        const auto& config = entry.vm->config();
        auto backend = open_backend(config.serial, loop_, entry.vm->console());
        if (backend) {
            entry.backend = std::move(*backend);
        } else {
            // The VM is still usable through vmmctl attach.
            log::warning("VM " + config.name + ": serial " + config.serial + ": " +
                         backend.error());
        }
    }
    bool any = false;
    for (auto& entry : entries_) {
        if (!entry.vm->config().autostart) continue;
        any = true;
        if (const auto started = entry.vm->start(); !started) {
            log::error(started.error().description);
        }
    }
    if (any) finish_if_all_stopped();
}

void VmManager::finish_if_all_stopped() {
    const bool all_stopped = std::ranges::all_of(entries_, [](const Entry& entry) {
        const auto state = entry.vm->state();
        return state == VmState::Stopped || state == VmState::Crashed;
    });
    if (!all_stopped || finished_called_) return;
    finished_called_ = true;
    int status = kStatusClean;
    std::string reasons;
    for (const auto& entry : entries_) {
        const auto end = entry.vm->last_end();
        if (end == VmEnd::NeverRan) continue;
        if (end == VmEnd::Crashed) status = kStatusCrash;
        if (end == VmEnd::FailedToStart && status == kStatusClean) status = kStatusCannotStart;
        if (!reasons.empty()) reasons += "; ";
        reasons += entry.vm->config().name + ": " + entry.vm->stop_reason();
    }
    if (quitting_) status = kStatusClean;
    finished_(status, reasons.empty() ? "no VM ran" : reasons);
}

// -- VmControl

/// Applies `action` to the VM of that name, or passes the error on.
template <class Action>
auto VmManager::with(std::string_view name, Action action) const {
    using Value = std::invoke_result_t<Action, VirtualMachine&>;
    if constexpr (requires(Value value) { value.error(); }) {
        const auto vm = find(name);
        return vm ? action(**vm) : Value(std::unexpected(vm.error()));
    } else {
        const auto vm = find(name);
        return vm ? ControlResult<Value>(action(**vm))
                  : ControlResult<Value>(std::unexpected(vm.error()));
    }
}

ControlResult<VirtualMachine*> VmManager::find(std::string_view name) const {
    if (name.empty()) {
        if (entries_.size() == 1) return entries_.front().vm.get();
        return std::unexpected(ControlError{
            ControlError::Kind::Refused,
            "there are " + std::to_string(entries_.size()) + " VMs: say which one with \"name\""});
    }
    for (const auto& entry : entries_) {
        if (entry.vm->config().name == name) return entry.vm.get();
    }
    return std::unexpected(
        ControlError{ControlError::Kind::NoSuchVm, "there is no VM \"" + std::string(name) + "\""});
}

std::vector<VmSummary> VmManager::list() const {
    std::vector<VmSummary> result;
    for (const auto& entry : entries_) result.push_back(entry.vm->summary());
    return result;
}

ControlResult<HostInfo> VmManager::host() const {
    if (options_.hypervisor == nullptr) {
        return std::unexpected(
            ControlError{ControlError::Kind::Refused, options_.no_hypervisor_reason});
    }
    return HostInfo{options_.hypervisor->capabilities(), options_.hypervisor->available_memory()};
}

ControlResult<VmDetails> VmManager::info(std::string_view name) const {
    return with(name, [](VirtualMachine& vm) { return vm.details(); });
}
ControlResult<VmStatistics> VmManager::statistics(std::string_view name) const {
    return with(name, [](VirtualMachine& vm) { return vm.statistics(); });
}
ControlResult<std::vector<TraceEntry>> VmManager::trace(std::string_view name,
                                                        const TraceQuery& query) const {
    return with(name, [&](VirtualMachine& vm) { return vm.trace(query); });
}
ControlResult<RegisterView> VmManager::registers(std::string_view name, unsigned vcpu) {
    return with(name, [&](VirtualMachine& vm) { return vm.registers(vcpu); });
}
ControlResult<CodeListing> VmManager::code(std::string_view name, const CodeQuery& query) {
    return with(name, [&](VirtualMachine& vm) { return vm.code(query); });
}
ControlResult<void> VmManager::start(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.start(); });
}
ControlResult<void> VmManager::stop(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.stop(); });
}
ControlResult<void> VmManager::pause(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.pause(); });
}
ControlResult<void> VmManager::resume(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.resume(); });
}
ControlResult<void> VmManager::reset(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.reset(); });
}
ControlResult<void> VmManager::powerdown(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.powerdown(); });
}
ControlResult<std::shared_ptr<ConsoleHub>> VmManager::console(std::string_view name) {
    return with(name, [](VirtualMachine& vm) { return vm.console(); });
}

ControlResult<std::shared_ptr<StreamSource>> VmManager::debug(std::string_view name) {
    const auto vm = find(name);
    if (!vm) return std::unexpected(vm.error());
    auto connection = GdbConnection::open(loop_, (*vm)->debugger());
    if (connection) return std::move(*connection);
    return std::unexpected(ControlError{
        ControlError::Kind::Refused, "VM \"" + (*vm)->config().name + "\" " + connection.error()});
}

void VmManager::quit() {
    quitting_ = true;
    for (auto& entry : entries_) static_cast<void>(entry.vm->stop());
    loop_.post([this] { finish_if_all_stopped(); });
}

void VmManager::set_event_handler(EventHandler handler) {
    std::scoped_lock lock(handler_mutex_);
    handler_ = std::move(handler);
}

void VmManager::emit(const VmEvent& event) {
    std::scoped_lock lock(handler_mutex_);
    if (handler_) handler_(event);
}

}  // namespace redoubt::vmmd
