// The table of VcpuCall::SetIdentification: what CPUID answers.
#pragma once

#include <cstdint>

namespace redoubt::abi::hv {

struct CpuidEntry {
    static constexpr std::uint32_t kAnySubleaf = 1U << 0;
    static constexpr std::uint32_t kShowsOsxsave = 1U << 1;  ///< bit 27 of ecx is the guest's CR4.OSXSAVE

    std::uint32_t leaf, subleaf;
    std::uint32_t flags;
    std::uint32_t eax, ebx, ecx, edx;
    std::uint32_t reserved;  ///< 0
};
static_assert(sizeof(CpuidEntry) == 32);
inline constexpr unsigned kMaximumCpuidEntries = 64;

}  // namespace redoubt::abi::hv
