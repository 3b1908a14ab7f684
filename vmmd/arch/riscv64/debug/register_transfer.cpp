// Registers by gdb's numbers.
#include "arch/register_transfer.hpp"

#include "libhvcall/vcpu.hpp"

namespace redoubt::vmmd {

namespace {

using namespace gdb;

constexpr struct {
    unsigned number;
    std::uint64_t abi::VcpuState::* member;
} kSystem[] = {{kSstatus, &abi::VcpuState::vsstatus}, {kSie, &abi::VcpuState::vsie},
               {kStvec, &abi::VcpuState::vstvec},     {kSscratch, &abi::VcpuState::vsscratch},
               {kSepc, &abi::VcpuState::vsepc},       {kScause, &abi::VcpuState::vscause},
               {kStval, &abi::VcpuState::vstval},     {kSatp, &abi::VcpuState::vsatp}};

}  // namespace

gdb::Registers to_gdb(const abi::VcpuState& state) {
    Registers registers;
    for (unsigned i = 1; i < 32; ++i) registers.set(kX0 + i, state.gpr[i]);
    registers.set(kPc, state.pc);
    for (unsigned i = 0; i < 32; ++i) registers.set(kF0 + i, state.f[i]);
    registers.set(kFcsr, state.fcsr);
    for (const auto& system : kSystem) registers.set(system.number, state.*system.member);
    registers.set(kPrivilege, state.mode);
    return registers;
}

void from_gdb(abi::VcpuState& state, const gdb::Registers& registers) {
    const auto before = to_gdb(state);
    const auto changed = [&](unsigned number) {
        return before.value(number) != registers.value(number);
    };
    for (unsigned i = 1; i < 32; ++i) state.gpr[i] = registers.value(kX0 + i);
    state.pc = registers.value(kPc);
    state.mode = registers.value(kPrivilege) & 1;
    for (unsigned i = 0; i < 32; ++i) {
        if (!changed(kF0 + i)) continue;
        state.f[i] = registers.value(kF0 + i);
        hvcall::mark_dirty(state, abi::RegisterGroup::Fpu);
    }
    if (changed(kFcsr)) {
        state.fcsr = registers.value(kFcsr);
        hvcall::mark_dirty(state, abi::RegisterGroup::Fpu);
    }
    for (const auto& system : kSystem) {
        if (!changed(system.number)) continue;
        state.*system.member = registers.value(system.number);
        hvcall::mark_dirty(state, abi::RegisterGroup::Supervisor);
    }
}

}  // namespace redoubt::vmmd
