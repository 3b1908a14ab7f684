// The guest's own page tables, walked as the processor would (APM vol. 2 chapter 5; SDM vol.
// 3A 4.3-4.6).
#pragma once

#include <cstdint>
#include <expected>

#include "abi/x86_64/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"
#include "vmmd/arch/x86_64/isa/control_registers.hpp"
#include "vmmd/evidence.hpp"

namespace redoubt::vmmd::isa {

/// Inspect is a debugger's: whatever is mapped, for whomever, without leaving a trace.
enum class Access { Read, Write, Fetch, Inspect };

/// #PF: `error_code` as the processor pushes it, `address` for CR2.
struct PageFault {
    std::uint32_t error_code = 0;
    std::uint64_t address = 0;
};

/// Guest-physical address of a linear one. Sets accessed and dirty bits as the processor does.
/// `evidence` gets the table entries of a success, with those bits.
std::expected<std::uint64_t, PageFault> translate(const abi::VcpuState& state,
                                                  const hvcall::GuestMemory& memory,
                                                  std::uint64_t linear, Access access,
                                                  Evidence* evidence = nullptr);

inline bool in_long_mode(const abi::VcpuState& state) { return (state.efer & efer::kLma) != 0; }
/// CS.L is bit 9 of the attributes.
inline bool in_64bit_mode(const abi::VcpuState& state) {
    return in_long_mode(state) && (state.cs_attributes & 1U << 9) != 0;
}

}  // namespace redoubt::vmmd::isa
