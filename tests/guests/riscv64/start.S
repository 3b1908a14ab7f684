// A Linux Image header around a small guest (Documentation/arch/riscv/boot-image-header.rst), its start, and attempt().
    .section .header, "ax"
    .option norvc
    .globl header
header:
    j start
    .word 0
    .quad 0x200000                      // text_offset
    .quad image_end - header            // image_size
    .quad 0                             // flags
    .word 2, 0                          // version
    .quad 0, 0
    .word 0x05435352, 0                 // "RSC\x05"

start:
    la sp, stack_top
    call guest_main
    .globl power_off
power_off:
    li a7, 0x53525354                   // SRST, shutdown
    li a6, 0
    li a0, 0
    li a1, 0
    ecall
    j power_off

// A further hart: its stack is given as SBI's opaque value. For the SBI a hart has to be started where this is.
    .globl start_hart
    .weak hart_main
start_hart:
    mv sp, a1
    call hart_main
1:  j 1b

    .text
// attempt(code, registers, table_register): runs code with x1 to x30 as registers[1 …] says; x31 is lost. It
// ends with the first trap. Nothing that it does to the registers of this hart stays. Gives scause.
    .balign 4
    .globl attempt
attempt:
    la t0, saved
    sd ra, 0(t0)
    sd sp, 8(t0)
    sd gp, 16(t0)
    sd tp, 24(t0)
    sd s0, 32(t0)
    sd s1, 40(t0)
    sd s2, 48(t0)
    sd s3, 56(t0)
    sd s4, 64(t0)
    sd s5, 72(t0)
    sd s6, 80(t0)
    sd s7, 88(t0)
    sd s8, 96(t0)
    sd s9, 104(t0)
    sd s10, 112(t0)
    sd s11, 120(t0)
    la t0, on_trap
    csrw stvec, t0
    mv t6, a0
    mv t5, a1
    ld x1, 8(t5)
    ld x2, 16(t5)
    ld x3, 24(t5)
    ld x4, 32(t5)
    ld x5, 40(t5)
    ld x6, 48(t5)
    ld x7, 56(t5)
    ld x8, 64(t5)
    ld x9, 72(t5)
    ld x10, 80(t5)
    ld x11, 88(t5)
    ld x12, 96(t5)
    ld x13, 104(t5)
    ld x14, 112(t5)
    ld x15, 120(t5)
    ld x16, 128(t5)
    ld x17, 136(t5)
    ld x18, 144(t5)
    ld x19, 152(t5)
    ld x20, 160(t5)
    ld x21, 168(t5)
    ld x22, 176(t5)
    ld x23, 184(t5)
    ld x24, 192(t5)
    ld x25, 200(t5)
    ld x26, 208(t5)
    ld x27, 216(t5)
    ld x28, 224(t5)
    ld x29, 232(t5)
    ld x30, 240(t5)
    // In the mode that sstatus.SPP says, with the page tables of `table_register`.
    csrw sepc, t6
    sret

    .balign 4
    .globl on_trap
on_trap:
    csrw satp, zero
    sfence.vma
    csrw sie, zero
    li t0, 0x200006100                  // UXL 64, FS dirty, SPP
    csrw sstatus, t0
    csrw senvcfg, zero
    la t0, on_trap
    csrw stvec, t0
    la t0, saved
    ld ra, 0(t0)
    ld sp, 8(t0)
    ld gp, 16(t0)
    ld tp, 24(t0)
    ld s0, 32(t0)
    ld s1, 40(t0)
    ld s2, 48(t0)
    ld s3, 56(t0)
    ld s4, 64(t0)
    ld s5, 72(t0)
    ld s6, 80(t0)
    ld s7, 88(t0)
    ld s8, 96(t0)
    ld s9, 104(t0)
    ld s10, 112(t0)
    ld s11, 120(t0)
    csrr a0, scause
    ret

// Counts an interrupt, takes its source away as far as that is ours, and goes on.
    .balign 4
    .globl on_interrupt
on_interrupt:
    addi sp, sp, -16
    sd t1, 0(sp)
    sd t2, 8(sp)
    csrci sip, 2
    la t1, interrupts
    ld t2, 0(t1)
    addi t2, t2, 1
    sd t2, 0(t1)
    csrr t1, scause
    slli t1, t1, 1
    li t2, 10
    bne t1, t2, 1f
    li t1, 32                           // the timer's: not before it is asked for again
    csrc sie, t1
1:  li t2, 18
    bne t1, t2, 2f
    li t1, 0xC200004                    // the PLIC's: claimed and completed
    lwu t2, 0(t1)
    sw t2, 0(t1)
    li t1, 0x10000001                   // the serial port says no more
    sb zero, 0(t1)
2:  ld t1, 0(sp)
    ld t2, 8(sp)
    addi sp, sp, 16
    sret

    .bss
    .balign 16
saved: .skip 128
    .globl interrupts
interrupts: .skip 8
    .balign 16
    .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
