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

.set kPc, 0
.set kCause, 256
.set kValue, 264
.set kFrameBytes, 272
.set kUserCall, 8
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
// All but pc, sp, tp and a0.
.macro load_registers base
    ld ra, 8(\base)
    ld gp, 24(\base)
    .irp number, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\number, 8 * \number(\base)
    .endr
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
    sd t2, kPc(sp)
    csrr t3, scause
    sd t3, kCause(sp)
    mv a0, sp
    ld sp, kKernelStack(tp)
    li s0, 0
    li t4, kUserCall
    bne t3, t4, 1f
    call kernel_entry_syscall
    j restore_user
1:  csrr t5, stval
    sd t5, kValue(a0)
    call kernel_entry_trap

// a0: the UserContext to continue.
restore_user:
    ld t0, kPc(a0)
    sc.d zero, t0, (a0)                 // no reservation outlives the thread's turn; the value is the same
    csrw sepc, t0
    li t1, kStatusPrevious
    csrc sstatus, t1
    li t1, kStatusInterrupts
    csrs sstatus, t1
    csrw sscratch, tp
    load_registers a0
    ld sp, 16(a0)
    ld tp, 32(a0)
    ld a0, 80(a0)
    sret

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
    load_registers a0
    ld sp, 16(a0)
    ld a0, 80(a0)
    sret

.section .note.GNU-stack, "", @progbits
