# The guest's side of the exit benchmarks: loops of one exiting instruction each, run at a fixed address in VS-mode
# without translation. Those that measure themselves take s0: where to put 64-bit tick counts, s1: how many, and wait
# for interrupts at the end, of which none is enabled. s2, s3: a call's extension and function; s4: an address; s5: the
# handler's.
    .set kStatusInterrupts, 1 << 1
    .set kTimer, 1 << 5
    .set kExternal, 1 << 9
    .set kStimecmp, 0x14D

    .option norvc
    .section .rodata
    .macro routine name
    .globl guest_\name, guest_\name\()_end
    .balign 4
guest_\name:
    .endm
    .macro finish name
guest_\name\()_end:
    .endm
    .macro begin_measured
1:  rdtime s10
    .endm
    .macro end_measured
    rdtime s11
    sub s11, s11, s10
    sd s11, 0(s0)
    addi s0, s0, 8
    addi s1, s1, -1
    bnez s1, 1b
    csrci sstatus, kStatusInterrupts
    csrw sie, zero
2:  wfi
    j 2b
    .endm

    routine call
    begin_measured
    li a0, -1
    li a1, 0
    mv a6, s3
    mv a7, s2
    ecall
    end_measured
    finish call

    routine ipi                    # to itself, and away with it
    begin_measured
    li a0, 1
    li a1, 0
    mv a6, s3
    mv a7, s2
    ecall
    csrci sip, 2
    end_measured
    finish ipi

    routine load
    begin_measured
    lbu t0, 0(s4)
    end_measured
    finish load

    routine load_word
    begin_measured
    lwu t0, 0(s4)
    end_measured
    finish load_word

    routine store
    begin_measured
    sb t0, 0(s4)
    end_measured
    finish store

    routine halt
    wfi
    j guest_halt
    finish halt

    routine touch                  # s4: a block of 2 MiB that nobody has touched, and so on
    li t1, 1 << 21
    begin_measured
    sd t0, 0(s4)
    add s4, s4, t1
    end_measured
    finish touch

    routine timer                  # the handler below counts at s4
    csrw stvec, s5
    li t0, kTimer
    csrw sie, t0
    csrsi sstatus, kStatusInterrupts
    begin_measured
    ld t0, 0(s4)
    rdtime t1
    csrw kStimecmp, t1
3:  ld t1, 0(s4)
    beq t0, t1, 3b
    end_measured
    finish timer

    routine timer_handler          # what a compiler makes of such a handler, roughly
    addi sp, sp, -32
    sd a3, 0(sp)
    sd a4, 8(sp)
    sd a5, 16(sp)
    csrr a5, scause
    li a4, -1
    slli a4, a4, 63
    addi a4, a4, 5
    bne a4, a5, 4f
    li a5, -1
    csrw kStimecmp, a5
    ld a3, 0(s4)
    addi a3, a3, 1
    sd a3, 0(s4)
4:  ld a3, 0(sp)
    ld a4, 8(sp)
    ld a5, 16(sp)
    addi sp, sp, 32
    sret
    finish timer_handler

    routine interrupt              # the handler below is called once per round
    csrw stvec, s5
    li t0, kExternal
    csrw sie, t0
    csrsi sstatus, kStatusInterrupts
    li a7, 1
1:  ecall
    nop
    j 1b
    finish interrupt

    routine interrupt_handler
    li a7, 2
    ecall
    li a7, 1
    sret
    finish interrupt_handler

    .section .note.GNU-stack, "", @progbits
