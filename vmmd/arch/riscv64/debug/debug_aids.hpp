// What the debuggers of a VM's vCPUs have in common.
#pragma once

#include "vmmd/arch/riscv64/debug/code_patches.hpp"
#include "vmmd/arch/riscv64/debug/watched_pages.hpp"

namespace redoubt::vmmd {

struct DebugAids {
    explicit DebugAids(hvcall::Vm& vm) : watched(vm) {}

    CodePatches patches;
    WatchedPages watched;
};

}  // namespace redoubt::vmmd
