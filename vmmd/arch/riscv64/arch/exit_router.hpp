// From an exit record to whoever answers it: the bus, the SBI, or an exception for the guest.
#pragma once

#include <string>

#include "libhvcall/hypervisor.hpp"
#include "vmmd/arch/riscv64/cpu/sbi.hpp"
#include "vmmd/arch/riscv64/isa/access_cache.hpp"
#include "vmmd/exit_next.hpp"

namespace redoubt::vmmd {

class MmioBus;
struct DebugAids;

/// What one vCPU's exits may reach.
struct ExitContext {
    hvcall::Vcpu& vcpu;
    const hvcall::GuestMemory& memory;
    MmioBus& mmio;
    unsigned hart;
    Harts& harts;
    const SbiMachine& sbi;
    const hvcall::Hypervisor& hypervisor;
    bool has_sstc;                    ///< the guest sets its timer itself
    DebugAids* debug_aids = nullptr;  ///< for VcpuDebug
};

class ExitRouter {
  public:
    explicit ExitRouter(const ExitContext& context);

    /// Answers the exit in the state page.
    ExitNext route();
    /// What the last exit did to a memory-mapped device.
    struct MmioAccess {
        unsigned size = 0;  ///< bytes, 0: none
        std::uint64_t value = 0;
    };
    const MmioAccess& device_access() const { return access_; }
    /// Gives the guest an exception of VS-mode.
    void raise(std::uint64_t cause, std::uint64_t value);
    /// Exceptions given to the guest so far.
    std::uint64_t raised() const { return raised_; }
    /// For a person, with pc where it helps.
    const std::string& reason() const { return reason_; }
    /// `what`, and where in the guest.
    std::string at_pc(std::string what) const;

  private:
    ExitNext mmio();
    ExitNext refuse_mmio();
    ExitNext other();
    ExitNext hypercall();
    ExitNext stop(std::string reason);
    const isa::MemoryAccess* decode_access();
    /// Goes on after the instruction.
    void advance(unsigned length);

    ExitContext context_;
    abi::VcpuState& state_;
    MmioAccess access_;
    std::uint64_t raised_ = 0;
    Sbi sbi_;
    isa::MemoryAccess told_;  ///< by the processor
    std::string reason_;
    isa::AccessCache accesses_;
};

}  // namespace redoubt::vmmd
