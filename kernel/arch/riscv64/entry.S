// Entries from user space and from interrupts, and the way back. Interrupts are off throughout.
//
// tp points to PerCpu in the kernel; while in user mode sscratch does, and is zero otherwise. Everything is stored
// straight into the running thread's UserContext. Offsets are those of TrapFrame in arch/context.hpp and PerCpu in
// arch/cpu.hpp.

.set kContext, 8
.set kScratch, 16
.set kKernelStack, 24
.set kPanicStack, 32
.set kScratch2, 40
.set kShortWays, 64

.set kPc, 0
.set kCause, 256
.set kValue, 264
.set kFrameBytes, 272
.set kUserCall, 8
.set kCallBytes, 4
.set kShortWaysShift, 5                 // as many entries, from abi::kNativeBase on
.set kNativeBase, 0x1000
.set kStatusPrevious, 1 << 8            // SPP
.set kStatusInterrupts, 1 << 5          // SPIE

// All but pc, sp, tp and what a native system call loses.
.macro store_kept base
    sd ra, 8(\base)
    sd gp, 24(\base)
    .irp number, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    sd x\number, 8 * \number(\base)
    .endr
.endm
// t0 … t6 and a6: after a native system call they are what they were when they were last stored.
.macro store_lost base
    .irp number, 5, 6, 7, 16, 28, 29, 30, 31
    sd x\number, 8 * \number(\base)
    .endr
.endm
// What C functions may change, and s0; but pc, sp, tp, a0 and message registers.
.macro load_changed base
    ld ra, 8(\base)
    ld gp, 24(\base)
    .irp number, 5, 6, 7, 8, 11, 16, 17, 28, 29, 30, 31
    ld x\number, 8 * \number(\base)
    .endr
.endm
// What they preserve, but s0, sp and tp.
.macro load_preserved base
    .irp number, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    ld x\number, 8 * \number(\base)
    .endr
.endm
// a2 … a5.
.macro load_message base
    .irp number, 12, 13, 14, 15
    ld x\number, 8 * \number(\base)
    .endr
.endm
// pc; changes t0. SPP and SPIE of sstatus need no care: a trap from user mode leaves them as SRET needs them, SRET does
// after one from the kernel, and hext_switch clears SPP after one from a guest.
.macro load_state base
    ld t0, kPc(\base)
    sc.d zero, t0, (\base)             // no reservation outlives the thread's turn; the value is the same
    csrw sepc, t0
    csrw sscratch, tp
.endm
.macro return_to_user base
    ld sp, 16(\base)
    ld tp, 32(\base)
    ld a0, 80(\base)
    sret
.endm

.section .text.entry, "ax", @progbits

    .balign 64
    .globl trap_entry
trap_entry:
    csrrw tp, sscratch, tp
    beqz tp, kernel_trap
    sd sp, kScratch(tp)
    ld sp, kContext(tp)
    store_kept sp
    ld a1, kScratch(tp)
    sd a1, 16(sp)
    csrrw a2, sscratch, zero
    sd a2, 32(sp)
    csrr a3, sepc
    csrr a4, scause
    sd a4, kCause(sp)
    mv a0, sp
    ld sp, kKernelStack(tp)
    li s0, 0
    li a5, kUserCall
    bne a4, a5, other_trap
    addi a3, a3, kCallBytes
    sd a3, kPc(a0)
    srli a4, a7, kShortWaysShift
    addi a4, a4, -(kNativeBase >> kShortWaysShift)
    bnez a4, foreign_call
    ld a4, kShortWays(tp)
    andi a5, a7, (1 << kShortWaysShift) - 1
    slli a5, a5, 3
    add a4, a4, a5
    ld a4, 0(a4)
    jalr a4
    bnez a1, restore_with_message
    bnez a0, restore_same
    ld a0, kContext(tp)
    .globl usual_way
usual_way:
    call kernel_entry_syscall
    bnez a1, restore_with_message

// a0: the UserContext that came in, but for whose s0 everything that C functions preserve is in its register.
restore_same:
    load_state a0
    load_changed a0
    load_message a0
    return_to_user a0

// Reflected, it loses nothing.
foreign_call:
    store_lost a0
    j usual_way

other_trap:
    store_lost a0
    sd a3, kPc(a0)
    csrr a5, stval
    sd a5, kValue(a0)
    call kernel_entry_trap
// a0: the UserContext to continue.
restore_user:
    mv a1, a0
// a1: the one in which its message registers are.
restore_with_message:
    load_state a0
    load_message a1
    load_changed a0
    load_preserved a0
    return_to_user a0

// fpu_save(t1), called with t0 as the link register; keeps everything else.
    .globl fpu_save_keeping
    .balign 4
fpu_save_keeping:
    addi sp, sp, -kFrameBytes
    .irp number, 1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    sd x\number, 8 * \number(sp)
    .endr
    mv a0, t1
    call fpu_save
    .irp number, 1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    ld x\number, 8 * \number(sp)
    .endr
    addi sp, sp, kFrameBytes
    jr t0

    .globl enter_scheduler_on_stack
enter_scheduler_on_stack:
    ld sp, kKernelStack(tp)
    li s0, 0
    li t0, kStatusPrevious
    csrc sstatus, t0
    li t0, kStatusInterrupts
    csrs sstatus, t0
    call kernel_first_entry
    j restore_user

// From the kernel itself: an interrupt it let in, on the stack it has, or a mistake, on the panic stack. tp is zero,
// sscratch the kernel's tp.
    .balign 4
kernel_trap:
    csrrw tp, sscratch, tp
    sd sp, kScratch(tp)
    sd t0, kScratch2(tp)
    csrr t0, scause
    bltz t0, 1f
    ld sp, kPanicStack(tp)
1:  addi sp, sp, -kFrameBytes
    ld t0, kScratch2(tp)
    store_kept sp
    store_lost sp
    ld t0, kScratch(tp)
    sd t0, 16(sp)
    sd tp, 32(sp)
    csrr t0, sepc
    sd t0, kPc(sp)
    csrr t0, scause
    sd t0, kCause(sp)
    csrr t0, stval
    sd t0, kValue(sp)
    mv a0, sp
    call kernel_mode_trap
    mv a0, sp
    ld t0, kPc(a0)
    csrw sepc, t0
    li t1, kStatusPrevious | kStatusInterrupts
    csrs sstatus, t1
    load_changed a0
    load_preserved a0
    load_message a0
    ld sp, 16(a0)
    ld a0, 80(a0)
    sret

.section .note.GNU-stack, "", @progbits
