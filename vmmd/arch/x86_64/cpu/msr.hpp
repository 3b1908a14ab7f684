// The model-specific registers of one vCPU that the kernel does not pass through.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "abi/x86_64/vcpu_state.hpp"
#include "libhvcall/hypervisor.hpp"
#include "vmmd/arch/x86_64/cpu/kvmclock.hpp"

namespace redoubt::vmmd {

class CpuidPolicy;
class LocalApic;
class TscClock;

namespace msr {
inline constexpr std::uint32_t kTsc = 0x10;
inline constexpr std::uint32_t kApicBase = 0x1B;
inline constexpr std::uint32_t kTscAdjust = 0x3B;
inline constexpr std::uint32_t kTscDeadline = 0x6E0;
inline constexpr std::uint32_t kX2ApicFirst = 0x800;
inline constexpr std::uint32_t kX2ApicLast = 0x8FF;
inline constexpr std::uint32_t kEfer = 0xC0000080;
inline constexpr std::uint32_t kTscAux = 0xC0000103;

}  // namespace msr

/// Registers that are only storage are rows of a table in msr.cpp; the rest are cases there.
class MsrBank {
  public:
    /// Told once per access that is answered with #GP because nobody knows the register.
    using UnknownHook = std::function<void(std::uint32_t number, bool write, std::uint64_t value)>;

    MsrBank(hvcall::Vcpu& vcpu, const hvcall::GuestMemory& memory,
            const hvcall::Hypervisor& hypervisor, const CpuidPolicy& cpuid, LocalApic& apic,
            TscClock& tsc, UnknownHook unknown);

    /// Nothing: the guest gets #GP(0).
    std::optional<std::uint64_t> read(std::uint32_t number);
    /// False: the guest gets #GP(0).
    [[nodiscard]] bool write(std::uint32_t number, std::uint64_t value);
    /// The guest's TSC was stopped for that many ticks.
    void delay_tsc(std::uint64_t ticks);
    /// As after power-on; the guest's TSC was zero at `tsc_zero`, the same on all vCPUs.
    void reset(std::uint64_t memory_below_4g, std::uint64_t memory_end, hvcall::HostTicks tsc_zero);

  private:
    struct Stored {
        std::uint32_t number;
        std::uint64_t value;
        std::uint64_t writable;
    };
    Stored* find(std::uint32_t number);
    bool write_efer(std::uint64_t value);
    void set_tsc_offset(std::uint64_t offset);
    std::uint64_t tsc_now() const;
    /// Seconds since 1970 when the guest's TSC was 0.
    std::uint64_t boot_time() const;

    hvcall::Vcpu& vcpu_;
    const hvcall::Hypervisor& hypervisor_;
    const CpuidPolicy& cpuid_;
    LocalApic& apic_;
    TscClock& tsc_;
    std::uint64_t stopped_ticks_ = 0;  ///< by which the devices' clock is behind the host's
    UnknownHook unknown_;
    KvmClock kvm_clock_;
    std::uint64_t tsc_adjust_ = 0;
    std::vector<Stored> stored_;  ///< sorted by number
};

}  // namespace redoubt::vmmd
