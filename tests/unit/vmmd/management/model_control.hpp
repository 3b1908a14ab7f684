// A VM manager for tests: VMs that are only names and states, and a record of what was asked.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "vmmd/console/console_hub.hpp"
#include "vmmd/management/control.hpp"

namespace redoubt::vmmd {

class ModelControl final : public VmControl {
  public:
    struct Machine {
        VmState state = VmState::Running;
        std::shared_ptr<ConsoleHub> console = ConsoleHub::create();
    };

    bool out_of_memory = false;  ///< when registers are asked for

    explicit ModelControl(std::vector<std::string> names) {
        for (const auto& name : names) machines[name];
    }

    std::vector<VmSummary> list() const override {
        std::vector<VmSummary> rows;
        for (const auto& [name, machine] : machines) rows.push_back(summary(name));
        return rows;
    }
    ControlResult<HostInfo> host() const override { return HostInfo{"backend: model", 1 << 20}; }
    ControlResult<VmDetails> info(std::string_view name) const override {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        return VmDetails{summary(*found), "initfs:/guests/vmlinuz", "",
                         "console=ttyS0", "console:" + *found,      ""};
    }
    ControlResult<VmStatistics> statistics(std::string_view name) const override {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        VcpuStatistics vcpu;
        vcpu.times = {{5}, {4}, {3}, {2}, {1}};
        vcpu.exits = {{"port_io", 12}, {"hlt", 3}};
        vcpu.exits_in_kernel = 7;
        vcpu.interrupts = {{0xEC, 30}};
        vcpu.nmis = 1;
        vcpu.exceptions = 2;
        return VmStatistics{std::chrono::milliseconds(1500),
                            vcpu.exits,
                            {vcpu},
                            {1 << 20, 1 << 16, 1 << 15, 1 << 19, 1 << 18}};
    }
    ControlResult<std::vector<TraceEntry>> trace(std::string_view name,
                                                 const TraceQuery& query) const override {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        ExitRecord record;
        record.number = 41;
        record.pc = 0xFFFF'FFFF'8100'0000;
        record.kind = abi::ExitKind::PortIo;
        record.info = 0x3F8;
        return std::vector<TraceEntry>(std::min<std::size_t>(query.count, 2),
                                       {query.vcpu.value_or(0), Nanoseconds{1'500'000}, record,
                                        "out 0x3f8 byte 0x41", "serial"});
    }
    ControlResult<RegisterView> registers(std::string_view name, unsigned vcpu) override {
        if (out_of_memory) throw std::bad_alloc();
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        return RegisterView{{{"rax", vcpu}, {"rip", 0x1000}}, "rax and rip\n"};
    }
    ControlResult<CodeListing> code(std::string_view name, const CodeQuery& query) override {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        const auto address = query.address.value_or(0x1000);
        return CodeListing{address, "64-bit", {}, {{address, {0x0F, 0x0B}, "ud2"}}, "the end"};
    }
    ControlResult<void> start(std::string_view name) override {
        return change(name, "start", VmState::Running, VmEvent::Kind::VmStarted);
    }
    ControlResult<void> stop(std::string_view name) override {
        return change(name, "stop", VmState::Stopped, VmEvent::Kind::VmStopped);
    }
    ControlResult<void> pause(std::string_view name) override {
        return change(name, "pause", VmState::Paused, VmEvent::Kind::Stop);
    }
    ControlResult<void> resume(std::string_view name) override {
        return change(name, "resume", VmState::Running, VmEvent::Kind::Resume);
    }
    ControlResult<void> reset(std::string_view name) override {
        return change(name, "reset", VmState::Running, VmEvent::Kind::Reset);
    }
    ControlResult<void> powerdown(std::string_view name) override {
        return change(name, "powerdown", VmState::Running, VmEvent::Kind::PowerDown);
    }
    void quit() override { asked.push_back("quit"); }

    ControlResult<std::shared_ptr<ConsoleHub>> console(std::string_view name) override {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        return machines[*found].console;
    }
    ControlResult<std::shared_ptr<StreamSource>> debug(std::string_view name) override {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        return std::unexpected(
            ControlError{ControlError::Kind::Refused, "VM \"" + *found + "\" is a model"});
    }
    void set_event_handler(EventHandler handler) override {
        const std::scoped_lock lock(handler_mutex_);
        handler_ = std::move(handler);
    }

    void emit(const VmEvent& event) {
        const std::scoped_lock lock(handler_mutex_);
        if (handler_) handler_(event);
    }

    std::map<std::string, Machine> machines;
    std::vector<std::string> asked;  ///< "pause web", …

  private:
    ControlResult<std::string> find(std::string_view name) const {
        if (name.empty() && machines.size() == 1) return machines.begin()->first;
        if (name.empty()) {
            return std::unexpected(ControlError{ControlError::Kind::Refused,
                                                "there are several VMs: say which with \"name\""});
        }
        if (machines.contains(std::string(name))) return std::string(name);
        return std::unexpected(
            ControlError{ControlError::Kind::NoSuchVm, "there is no VM " + std::string(name)});
    }

    VmSummary summary(const std::string& name) const {
        return {name, machines.at(name).state, 2, 256u << 20, std::chrono::milliseconds(1234)};
    }

    ControlResult<void> change(std::string_view name, const std::string& what, VmState state,
                               VmEvent::Kind kind) {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        asked.push_back(what + " " + *found);
        machines[*found].state = state;
        emit({.kind = kind, .name = *found, .reason = "asked to " + what});
        return {};
    }

    std::mutex handler_mutex_;
    EventHandler handler_;
};

}  // namespace redoubt::vmmd
