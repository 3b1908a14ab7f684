// The machine around a VM's vCPUs: harts, SBI, chipset, bus, and what is in memory at first.
#pragma once

#include <expected>

#include "arch/chipset.hpp"
#include "arch/vcpu_events.hpp"
#include "vmmd/arch/riscv64/debug/debug_aids.hpp"
#include "vmmd/bus/bus.hpp"
#include "vmmd/devices/unclaimed.hpp"
#include "vmmd/platform_host.hpp"

namespace redoubt::vmmd {

struct ExitRecord;

class Platform {
  public:
    explicit Platform(PlatformHost host);

    /// What a vCPU's loop needs. All vCPUs exist then.
    ExitContext context(unsigned vcpu);

    /// Everything as after power-on. vCPUs' registers too.
    void power_on();
    /// Puts the kernel and what it needs into memory. Throws std::runtime_error with a sentence for
    /// a person.
    void load_linux();

    CharacterInput& serial_input() { return chipset_.serial_input(); }
    /// The error is a sentence's end.
    std::expected<void, std::string> press_power_button();
    /// Name of the device that answered an exit; empty if none did.
    std::string_view handler_of(const ExitRecord& record) const;

  private:
    ChipsetOptions chipset_options();
    /// The guest's is zero now.
    void start_time();

    PlatformHost host_;
    const bool has_sstc_;
    Harts harts_;
    Unclaimed unclaimed_memory_;
    MmioBus mmio_;
    Chipset chipset_;
    SbiMachine sbi_;
    DebugAids debug_aids_;
};

}  // namespace redoubt::vmmd
