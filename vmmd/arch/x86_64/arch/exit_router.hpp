// From an exit record to whoever answers it: buses, CPUID and MSR policy, the emulator.
#pragma once

#include <string>

#include "libhvcall/vm.hpp"
#include "vmmd/arch/x86_64/cpu/debug_registers.hpp"
#include "vmmd/arch/x86_64/isa/emulator.hpp"
#include "vmmd/exit_next.hpp"

namespace redoubt::vmmd {

class CpuidPolicy;
class LocalApic;
class MmioBus;
class MsrBank;
class PortBus;

/// What one vCPU's exits may reach.
struct ExitContext {
    hvcall::Vcpu& vcpu;
    const hvcall::GuestMemory& memory;
    PortBus& ports;
    MmioBus& mmio;
    LocalApic& apic;
    const CpuidPolicy& cpuid;
    MsrBank& msrs;
};

class ExitRouter final : private isa::DeviceAccess {
  public:
    using Next = ExitNext;

    explicit ExitRouter(const ExitContext& context);

    /// Answers the exit in the state page.
    Next route();
    /// What the last exit did to a memory-mapped device; of several accesses the last.
    struct MmioAccess {
        unsigned size = 0;  ///< bytes, 0: none
        std::uint64_t value = 0;
    };
    const MmioAccess& device_access() const { return access_; }
    DebugRegisters& debug_registers() { return debug_registers_; }
    /// For a person, with rip where it helps.
    const std::string& reason() const { return reason_; }
    /// `what`, and where in the guest.
    std::string at_pc(std::string what) const;

  private:
    Next port_io();
    Next mmio();
    Next halt();
    Next cpuid();
    Next msr();
    Next control_register();
    Next debug_register();
    Next instruction();
    Next set_xcr0();
    Next stop(std::string reason);
    /// Goes on after the instruction: where the processor says, or `length` further.
    void advance(unsigned length);

    void read_memory(std::uint64_t address, std::span<std::uint8_t> data) override;
    void write_memory(std::uint64_t address, std::span<const std::uint8_t> data) override;
    std::uint32_t read_port(std::uint16_t port, unsigned size) override;
    void write_port(std::uint16_t port, unsigned size, std::uint32_t value) override;

    ExitContext context_;
    abi::VcpuState& state_;
    isa::Emulator emulator_;
    MmioAccess access_;
    DebugRegisters debug_registers_;
    std::string reason_;
};

}  // namespace redoubt::vmmd
