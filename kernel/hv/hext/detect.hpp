// What this implementation of the H-extension offers, and the per-processor state that it needs.
#pragma once

#include <cstdint>

#include "arch/cpu.hpp"
#include "arch/page_format.hpp"
#include "kernel/hv/caps.hpp"

namespace redoubt::kernel::hext {

/// The features that change what the code does; hv:/caps lists all.
struct Features {
    std::uint32_t formats = 0;  ///< bit n: G-stage tables of n levels
    bool guest_timer = false;   ///< vstimecmp
    unsigned vmids = 0;

    bool has_levels(unsigned levels) const { return (formats >> levels & 1) != 0; }
};
inline Features detected_features;
inline const Features& features() { return detected_features; }

/// False, with the reason, if guests cannot be run.
bool detect(hv::Capabilities& capabilities);

struct Processor {
    std::uint64_t loaded;           ///< HextVcpu::loaded of the vCPU whose registers it holds
    std::uint64_t vmid_generation;  ///< VMIDs given out in an older generation are void
    std::uint64_t next_vmid;
};
static_assert(sizeof(Processor) <= kHvBytes);

/// Which traps and counters are the guests' own, on the processor it runs on.
void enable_processor();
inline Processor& this_processor() { return *static_cast<Processor*>(this_cpu().hv); }

}  // namespace redoubt::kernel::hext
