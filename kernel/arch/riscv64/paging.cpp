// The paging mode that the boot loader has chosen.
#include "arch/paging.hpp"

extern "C" {
constinit std::uintptr_t direct_map_start = redoubt::kernel::kDirectMapStart39;
}

namespace redoubt::kernel {

constinit std::uint64_t satp_mode = satp_mode_of(kFewestLevels);

void paging_initialize(unsigned levels) {
    satp_mode = satp_mode_of(levels);
    if (levels != kFewestLevels) direct_map_start = kDirectMapStart;
}

}  // namespace redoubt::kernel
