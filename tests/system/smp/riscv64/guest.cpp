// Guests in supervisor mode without paging: s0 is the page, s1 the words they count in, a0 what is
// in their floating-point register, a1 whether it is in their vector registers. Their calls are the
// SBI's; interrupts are software interrupts.
#include "tests/system/smp/guest.hpp"

asm(R"(
    .section .rodata
    .option push
    .option norvc
    .balign 4
copying_code:
    li t0, 64
1:  lhu a0, 0(s0)
    sh a0, 0(s1)
    addi t0, t0, -1
    bnez t0, 1b
    li a7, 0
    ecall
    j copying_code
copying_code_end:
interrupted_code:
    fmv.d.x f0, a0
    .option arch, +v
    beqz a1, 4f
    vsetvli t0, zero, e64, m8, ta, ma
    vmv.v.x v8, a0
    vmv.v.x v24, a0
4:  csrsi sstatus, 2
1:  lhu t0, 0x10(s1)
2:  addi t0, t0, -1
    bnez t0, 2b
    fmv.x.d t1, f0
    bne t1, a0, 3f
    beqz a1, 5f
    vmsne.vx v0, v8, a0
    vmsne.vx v1, v24, a0
    vmor.mm v0, v0, v1
    vcpop.m t1, v0
    bnez t1, 3f
5:  wfi
    j 1b
3:  li a7, 0x99
    ecall
interrupted_code_end:
handler_code:
    csrci sip, 2
    lhu t2, 0(s1)
    addi t2, t2, 1
    sh t2, 0(s1)
    li a7, 0
    ecall
    sret
handler_code_end:
    .option pop
    .text
)");
extern "C" const unsigned char copying_code[], copying_code_end[], interrupted_code[],
    interrupted_code_end[], handler_code[], handler_code_end[];
/// For stress_victim(), too.
extern "C" unsigned char stress_has_vectors;
unsigned char stress_has_vectors = 0;

namespace redoubt::stress {

namespace {

enum Register { kS0 = 8, kS1, kA0, kA1, kA7 = 17 };
constexpr std::uint64_t kComplaint = 0x99;
constexpr unsigned kInstructionBytes = 4;
constexpr std::uint64_t kInterruptsOn = 2, kFloatingPointInitial = 1 << 13,
                        kVectorsInitial = 1 << 9;

}  // namespace

Program copying_guest() { return {copying_code, copying_code_end}; }
Program interrupted_guest() { return {interrupted_code, interrupted_code_end}; }
Program interrupt_handler() { return {handler_code, handler_code_end}; }

void set_guest_state(abi::VcpuState& state) {
    state.pc = kMemoryAddress + kCodeOffset;
    state.mode = 1;
    state.gpr[kS0] = kPageAddress;
    state.gpr[kS1] = kMemoryAddress + kCopyOffset;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Supervisor);
}

void set_interrupt_state(abi::VcpuState& state, volatile unsigned char*, std::uint32_t mine) {
    state.vstvec = kMemoryAddress + kHandlerOffset;
    state.vsie = abi::kInterruptSoftware;
    state.vsstatus = kFloatingPointInitial | kVectorsInitial;
    state.gpr[kA0] = mine;
    state.gpr[kA1] = stress_has_vectors;
}

bool go_on_after_call(abi::VcpuState& state) {
    if (state.exit.kind != abi::ExitKind::Hypercall) return false;
    state.pc += kInstructionBytes;
    return true;
}
bool go_on_after_halt(abi::VcpuState& state) {
    if (state.exit.kind != abi::ExitKind::Halt) return false;
    state.pc += kInstructionBytes;
    return true;
}
bool is_complaint(const abi::VcpuState& state) {
    return state.exit.kind == abi::ExitKind::Hypercall && state.gpr[kA7] == kComplaint;
}

bool takes_interrupts(const abi::VcpuState& state) {
    return (state.vsstatus & kInterruptsOn) != 0 && (state.inject & abi::kInjectSoftware) == 0;
}
void inject(abi::VcpuState& state) { state.inject |= abi::kInjectSoftware; }
const bool kInterruptsRepeat = false;
const std::uint32_t kWaitsForInterrupts = 0;

void use_vectors() { stress_has_vectors = 1; }
void set_vector_register(std::uint64_t value) {
    asm volatile("fmv.d.x f3, %0" : : "r"(value));
    if (stress_has_vectors == 0) return;
    asm volatile(
        ".option push\n.option arch, +v\n"
        "vsetivli zero, 2, e64, m1, ta, ma\n vmv.v.x v17, %0\n.option pop"
        :
        : "r"(value));
}
std::uint64_t vector_register() {
    std::uint64_t value = 0, other = 0, differing = 0;
    asm volatile("fmv.x.d %0, f3" : "=r"(value));
    if (stress_has_vectors == 0) return value;
    // With the vl and vtype of then.
    asm volatile(
        ".option push\n.option arch, +v\n"
        "vmv.x.s %0, v17\n vmsne.vx v0, v17, %2\n vcpop.m %1, v0\n.option pop"
        : "=&r"(other), "=r"(differing)
        : "r"(value));
    return differing == 0 ? value : ~other;
}

}  // namespace redoubt::stress
