// One incarnation of a VM: guest memory, vCPU, chipset and buses, from power-on to power-off.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "libhvcall/hypervisor.hpp"
#include "vmmd/bus/bus.hpp"
#include "vmmd/config/config.hpp"
#include "vmmd/cpu/cpuid.hpp"
#include "vmmd/cpu/once_log.hpp"
#include "vmmd/devices/chipset.hpp"
#include "vmmd/devices/unclaimed.hpp"
#include "vmmd/guest_clock.hpp"
#include "vmmd/vcpu_loop.hpp"

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
    /// Until the guest stops. After LoopEnd::Cause::Reset: power_on() and run() again.
    LoopEnd run();

    VcpuLoop& loop() { return *loop_; }
    Chipset& chipset() { return *chipset_; }
    const abi::VcpuState& vcpu_state() const { return vcpu_->state(); }

  private:
    ChipsetOptions chipset_options();
    void load_linux();

    hvcall::Hypervisor& hypervisor_;
    MachineOptions options_;
    CpuidPolicy cpuid_;
    GuestClock clock_;
    TimerQueue timers_;
    Unclaimed unclaimed_ports_;
    Unclaimed unclaimed_memory_;
    OnceLog unknown_msrs_;
    PortBus ports_;
    MmioBus mmio_;
    std::unique_ptr<hvcall::Vm> vm_;
    std::unique_ptr<hvcall::Vcpu> vcpu_;
    std::unique_ptr<Chipset> chipset_;
    std::unique_ptr<MsrBank> msrs_;
    std::unique_ptr<VcpuLoop> loop_;
};

}  // namespace redoubt::vmmd
