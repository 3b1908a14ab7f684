// SRET into the guest and its trap back (Privileged Architecture 8.6). Interrupts are off on entry and on return; the
// guest's do not depend on that. a0: the state page, and sstatus as the trap left it; everything else but sp, tp and
// s0 … s3 is lost.

.set kScratch, 16                       // PerCpu
.set kGuestStack, 56
.set kGuestState, 48
.set kGpr, 72                           // abi::VcpuState
.set kPc, 328
.set kStatusVirtualization, 1 << 7      // hstatus.SPV
.set kStatusPrevious, 1 << 8            // sstatus.SPP

.section .text, "ax", @progbits

    .globl hext_switch
    .type hext_switch, @function
    .balign 64
hext_switch:
    addi sp, sp, -48
    sc.d zero, zero, (sp)               // no reservation outlives anybody's turn
    sd ra, 8(sp)
    sd s0, 16(sp)
    sd s1, 24(sp)
    sd s2, 32(sp)
    sd s3, 40(sp)
    sd sp, kGuestStack(tp)
    sd a0, kGuestState(tp)
    lla t0, guest_trap
    csrw stvec, t0
    csrw sscratch, tp
    li t0, kStatusVirtualization
    csrs hstatus, t0
    ld t0, kPc(a0)
    andi t0, t0, -2                     // QEMU 7.2 would keep the lowest bit
    csrw sepc, t0
    .irp number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 10
    ld x\number, kGpr + 8 * \number(a0)
    .endr
    sret

    .balign 4
guest_trap:
    csrrw tp, sscratch, tp
    sd sp, kScratch(tp)
    ld sp, kGuestState(tp)
    .irp number, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\number, kGpr + 8 * \number(sp)
    .endr
    ld t0, kScratch(tp)
    sd t0, kGpr + 8 * 2(sp)
    csrrw t0, sscratch, zero
    sd t0, kGpr + 8 * 4(sp)
    csrr t0, sepc
    sd t0, kPc(sp)
    // A trap of the kernel, or a way to user space, is no way into the guest, nor into supervisor mode.
    li t0, kStatusVirtualization
    csrc hstatus, t0
    li a0, kStatusPrevious
    csrrc a0, sstatus, a0
    lla t0, trap_entry
    csrw stvec, t0
    ld sp, kGuestStack(tp)
    ld ra, 8(sp)
    ld s0, 16(sp)
    ld s1, 24(sp)
    ld s2, 32(sp)
    ld s3, 40(sp)
    addi sp, sp, 48
    ret
    .size hext_switch, . - hext_switch

.section .note.GNU-stack, "", @progbits
