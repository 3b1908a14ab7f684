// One incarnation of a VM: guest memory, vCPUs and the platform around them, from power-on to
// power-off.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/platform.hpp"
#include "libhvcall/hypervisor.hpp"
#include "vmmd/guest_clock.hpp"
#include "vmmd/trace/describe.hpp"
#include "vmmd/vcpu_loop.hpp"
#include "vmmd/vm_statistics.hpp"

namespace redoubt::vmmd {

struct MachineOptions {
    const VmConfig* config = nullptr;
    std::string folder;  ///< that relative file: URLs start from
    CharacterBackend* serial = nullptr;
    std::function<void(const std::string&)> log;
    bool load_linux = true;  ///< false for scripted guests, which have no image
};

class Machine {
  public:
    /// Throws std::runtime_error with a sentence for a person.
    Machine(hvcall::Hypervisor& hypervisor, const MachineOptions& options);
    ~Machine();

    /// Puts the guest's images into memory and everything into its state after power-on.
    void power_on();
    /// Until the guest stops, with a thread for each vCPU, the caller's for the first. After
    /// LoopEnd::Cause::Reset: power_on() and run() again.
    LoopEnd run();

    /// Stop, pause, reset: for all vCPUs together.
    VcpuGroup& vcpus() { return group_; }
    unsigned vcpu_count() const { return static_cast<unsigned>(processors_.size()); }
    /// Its statistics can be read at any time, its state page only while it does not run.
    const VcpuLoop& vcpu(unsigned index) const { return *processors_[index].loop; }
    Platform& platform() { return *platform_; }

    const hvcall::GuestMemory& memory() const { return vm_->memory(); }
    /// Makes all of a vCPU's state page valid. Only while it does not run.
    const abi::VcpuState& complete_state(unsigned index);
    /// The last exits of all vCPUs, oldest first. From any thread.
    std::vector<TraceEntry> trace(const TraceQuery& query) const;
    // Likewise.
    VcpuStatistics vcpu_statistics(unsigned index) const;
    MemoryStatistics memory_statistics() const;

    // -- for a debugger; vCPUs' states while they are parked
    VcpuLoop& vcpu(unsigned index) { return *processors_[index].loop; }

  private:
    /// One vCPU. Timers come first: everything else may arm or end one.
    struct Processor {
        explicit Processor(const Clock& clock) : timers(clock) {}

        TimerQueue timers;
        std::unique_ptr<hvcall::Vcpu> vcpu;
        std::unique_ptr<VcpuLoop> loop;
    };

    PlatformHost platform_host();
    void run_loop(unsigned index);

    hvcall::Hypervisor& hypervisor_;
    MachineOptions options_;
    GuestClock clock_;
    VcpuGroup group_;
    CounterScale host_time_;
    hvcall::HostTicks started_;
    std::unique_ptr<hvcall::Vm> vm_;
    // The first one's timers are the devices' too, so the platform ends before them.
    std::deque<Processor> processors_;
    std::optional<Platform> platform_;
};

}  // namespace redoubt::vmmd
