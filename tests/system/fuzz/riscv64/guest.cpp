// Guests in supervisor mode without paging; their calls are the SBI's.
#include "tests/system/fuzz/guest.hpp"

asm(R"(
    .section .rodata
    .option push
    .option norvc
    .balign 16
soak_programs:
1:  j 1b
    .balign 16
    lui t1, 2
1:  sw t0, 0(t1)
    addi t0, t0, 1
    j 1b
    .balign 16
1:  ecall
    j 1b
    .balign 16
1:  wfi
    j 1b
    .balign 16
    .option pop
    .text
)");
extern "C" const unsigned char soak_programs[];

namespace redoubt::fuzz {

std::span<const unsigned char> soak_program(unsigned which) {
    constexpr unsigned kBytes = 16;
    return {soak_programs + which * kBytes, kBytes};
}

void set_guest_state(abi::VcpuState& state, std::uint64_t code) {
    state.pc = code;
    state.mode = 1;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Supervisor);
}

bool go_on_after_call(abi::VcpuState& state) {
    if (state.exit.kind != abi::ExitKind::Hypercall) return false;
    state.pc = state.exit.next_pc;
    return true;
}

void set_program_counter(abi::VcpuState& state, std::uint64_t value) { state.pc = value; }

}  // namespace redoubt::fuzz
