// Reset and start.
#include "vmmd/arch/riscv64/cpu/initial_state.hpp"

#include <algorithm>

#include "abi/object.hpp"
#include "libhvcall/vcpu.hpp"

namespace redoubt::vmmd {

namespace {
constexpr unsigned kA0 = 10, kA1 = 11;
constexpr std::uint64_t kUxl64 = std::uint64_t{2} << 32;
constexpr std::uint64_t kModeVs = 1;
constexpr std::uint64_t kIllegalVectorType = std::uint64_t{1} << 63;  // vtype.vill
}  // namespace

void set_reset_state(abi::VcpuState& state) {
    state.inject = 0;
    state.control = 0;
    state.exception_exits = 0;
    std::ranges::fill(state.gpr, 0);
    state.pc = 0;
    state.mode = kModeVs;
    state.vsstatus = kUxl64;
    state.vsie = state.vstvec = state.vsscratch = state.vsepc = 0;
    state.vscause = state.vstval = state.vsatp = 0;
    // As firmware leaves it: user programs may read the time, and cycles and instructions where
    // there are counters.
    state.scounteren = 7;
    state.senvcfg = 0;
    state.timer = abi::kNever;
    std::ranges::fill(state.f, 0);
    state.fcsr = 0;
    state.vstart = state.vcsr = state.vl = 0;
    state.vtype = kIllegalVectorType;
    std::ranges::fill(state.v, 0);
    hvcall::mark_dirty(state, abi::RegisterGroup::All);
}

void set_start(abi::VcpuState& state, std::uint64_t address, std::uint64_t hart,
               std::uint64_t opaque) {
    set_reset_state(state);
    state.pc = address;
    state.gpr[kA0] = hart;
    state.gpr[kA1] = opaque;
}

}  // namespace redoubt::vmmd
