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
.set kNativeBase, 0x1000
.set kNativeCalls, 23
.set kStatusPrevious, 1 << 8            // SPP
.set kStatusInterrupts, 1 << 5          // SPIE

// All but pc, sp and tp.
.macro store_registers base
    sd ra, 8(\base)
    sd gp, 24(\base)
    .irp number, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
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
// pc, and what SRET makes of sstatus; changes t0 and t1.
.macro load_state base
    ld t0, kPc(\base)
    sc.d zero, t0, (\base)             // no reservation outlives the thread's turn; the value is the same
    csrw sepc, t0
    li t1, kStatusPrevious
    csrc sstatus, t1
    li t1, kStatusInterrupts
    csrs sstatus, t1
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
    store_registers sp
    ld t0, kScratch(tp)
    sd t0, 16(sp)
    csrrw t1, sscratch, zero
    sd t1, 32(sp)
    csrr t2, sepc
    csrr t3, scause
    sd t3, kCause(sp)
    mv a0, sp
    ld sp, kKernelStack(tp)
    li s0, 0
    li t4, kUserCall
    bne t3, t4, other_trap
    addi t2, t2, kCallBytes
    sd t2, kPc(a0)
    li t0, -kNativeBase
    add t0, a7, t0
    li t1, kNativeCalls
    bgeu t0, t1, usual_way
    ld t2, kShortWays(tp)
    slli t0, t0, 3
    add t2, t2, t0
    ld t2, 0(t2)
    beqz t2, usual_way
    jalr t2
    bnez a1, restore_with_message
    bnez a0, restore_same
    ld a0, kContext(tp)
usual_way:
    call kernel_entry_syscall
    bnez a1, restore_with_message

// a0: the UserContext that came in, but for whose s0 everything that C functions preserve is in its register.
restore_same:
    load_state a0
    load_changed a0
    load_message a0
    return_to_user a0

other_trap:
    sd t2, kPc(a0)
    csrr t5, stval
    sd t5, kValue(a0)
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

    .globl enter_scheduler_on_stack
enter_scheduler_on_stack:
    ld sp, kKernelStack(tp)
    li s0, 0
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
    store_registers sp
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
