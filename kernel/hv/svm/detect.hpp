// What this SVM implementation offers, and the per-processor state that SVM needs.
#pragma once

#include <cstdint>

#include "arch/cpu.hpp"
#include "kernel/hv/caps.hpp"
#include "kernel/hv/svm/control.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel::svm {

/// The features that change what the code does; hv:/caps lists all.
struct Features {
    bool next_rip_save = false;
    bool decode_assists = false;
    bool rdtscp = false;
    bool breakpoints_follow_host = false;  ///< see set_debug_registers()
    unsigned asids = 0;
};
inline Features detected_features;
inline const Features& features() { return detected_features; }

/// CPUID 8000_0001h, 8000_000Ah and VM_CR (APM vol. 2, 15.4). False, with the reason, if SVM cannot
/// be used.
bool detect(hv::Capabilities& capabilities);

struct Processor {
    alignas(4096) std::uint8_t host_save_area[4096];  ///< VM_HSAVE_PA: the processor's own
    alignas(4096) Vmcb host_state;     ///< for VMSAVE and VMLOAD of the host's registers
    std::uint64_t host_state_address;  ///< physical
    std::uint64_t asid_generation;     ///< ASIDs given out in an older generation are void
    std::uint32_t next_asid;
};

static_assert(sizeof(Processor) <= kHvBytes);

/// Sets EFER.SVME and VM_HSAVE_PA of the processor it runs on.
void enable_processor();
inline Processor& this_processor() { return *static_cast<Processor*>(this_cpu().hv); }

/// Physical addresses of the permission maps.
PhysicalAddress io_map();
PhysicalAddress msr_map();

}  // namespace redoubt::kernel::svm
