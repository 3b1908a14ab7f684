// Guests of the probe without paging, each position-independent and copied to where it runs.
    .macro guest name
    .globl guest_\name, guest_\name\()_end
guest_\name:
    .endm
    .macro done name
guest_\name\()_end:
    .endm
    .option norvc

    .section .rodata
    .balign 4

    guest spin
1:  j 1b
    done spin

    guest halt
    wfi
    done halt

    // Calls, then one access of each kind to a0, where nothing is. architecture.cpp knows the order and the lengths.
    guest exits
    ecall
    lb t0, 0(a0)
    lbu t1, 1(a0)
    lh t2, 2(a0)
    lhu s1, 4(a0)
    lw a1, 8(a0)
    lwu a2, 12(a0)
    ld a3, 16(a0)
    sb a4, 24(a0)
    sh a5, 26(a0)
    sw a6, 28(a0)
    sd a7, 32(a0)
    amoadd.w s2, s3, (a0)
    .option push
    .option rvc
    c.lw a1, 40(a0)
    c.ld a1, 48(a0)
    c.sw a1, 56(a0)
    c.sd a1, 64(a0)
    .option pop
    sd a7, 0(s5)                        // read-only
    rdcycle t0
    csrr t0, 0x600                      // hstatus
    ebreak
    wfi
    jr s4                               // where nothing is
    done exits

    // Its page tables are at a0, where nothing is.
    guest walk
    csrw satp, a0
    sfence.vma
    ld t0, 0(zero)
    done walk

    // Turns on paging as a0 says and reads what is at a1 into a2; a call lets the probe change the tables.
    guest paging
    csrw satp, a0
    sfence.vma
1:  ld a2, 0(a1)
    ecall
    sfence.vma
    j 1b
    done paging

    // Reports every trap with a call: a6 is its cause. Then goes on.
    .balign 4
    guest handler
    csrr a6, scause
    ecall
    sret
    done handler

    // Takes interrupts with the handler at a0; a1: which ones.
    guest open
    csrw stvec, a0
    csrw sie, a1
    csrsi sstatus, 2
1:  j 1b
    done open

    // With interrupts off: waits for one of a1, says with a call that it went on.
    guest waiter
    csrw sie, a1
    wfi
    li a6, 0x77
    ecall
    wfi
    j .
    done waiter

    // Its own timer, a1 ticks from now, with the handler at a0; then without, in WFI.
    guest timer
    csrw stvec, a0
    li t0, -1
    csrw 0x14D, t0                      // stimecmp
    li t0, 0x20
    csrw sie, t0
    rdtime t1
    add t1, t1, a1
    csrw 0x14D, t1
    csrsi sstatus, 2
1:  bne a6, t2, 1b                      // until the handler has set it: t2 is the cause to come
    csrci sstatus, 2
    rdtime t1
    add t1, t1, a1
    csrw 0x14D, t1
    wfi
    li a6, 0x78
    ecall
    done timer

    // Leaves for user mode at a1, with the handler at a0.
    guest drop
    csrw stvec, a0
    csrw sepc, a1
    li t0, 0x100
    csrc sstatus, t0
    csrw scounteren, zero
    sret
    done drop

    // User mode: WFI, a call, a counter.
    guest user
    wfi
    ecall
    rdtime t0
    done user

    // Clears the software interrupt that is pending.
    guest clear
    csrci sip, 2
    ecall
    csrsi sip, 2
    ecall
    done clear

    .option push
    .option arch, +v
    // Fills all vector registers with a0, of 64 bits each, then says so with a call; afterwards a2 is how many of v8 … v15
    // are not a1, a3 … a6 are vl, vtype, vstart and vcsr.
    guest vectors
    csrw stvec, a7
    li t0, 0x2200
    csrs sstatus, t0                    // FS, VS
    vsetvli t0, zero, e64, m8, ta, ma
    .irp register, v0, v8, v16, v24
    vmv.v.x \register, a0
    .endr
    csrwi vcsr, 5
    vsetivli t0, 3, e16, m2, ta, ma
    csrwi vstart, 2
    ecall
    csrr a3, vl
    csrr a4, vtype
    csrr a5, vstart
    csrr a6, vcsr
    csrwi vstart, 0
    vsetvli t0, zero, e64, m8, ta, ma
    vmsne.vx v0, v8, a1
    vcpop.m a2, v0
    ecall
    done vectors

    // Keeps comparing everything that is the guest's alone with its number, in a0; halts after a while, or calls when
    // something changed. a1: has it vector registers?
    guest identity
    li t0, 0x6000
    csrs sstatus, t0                    // FS
    mv t5, a1
    beqz t5, 3f
    li t0, 0x600
    csrs sstatus, t0                    // VS
    vsetvli t0, zero, e64, m4, ta, ma
    .irp register, v4, v8, v12, v16, v20, v24, v28
    vmv.v.x \register, a0
    .endr
    andi t1, a0, 7
    csrw vcsr, t1
3:
    .irp register, ft0, fs0, fa7, fs11, ft11
    fmv.d.x \register, a0
    .endr
    andi t1, a0, 3
    fsrm t1
    slli a1, a0, 2
    csrw stvec, a1
    csrw sscratch, a0
    csrw sepc, a1
    csrw scause, a0
    csrw stval, a0
    csrw scounteren, t1
    .irp register, ra, sp, gp, tp, t2, s0, s1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4
    mv \register, a0
    .endr
    li t6, 200000
1:  .irp register, ra, sp, gp, tp, t2, s0, s1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4
    bne \register, a0, 2f
    .endr
    .irp register, ft0, fs0, fa7, fs11, ft11
    fmv.x.d t5, \register
    bne t5, a0, 2f
    .endr
    frrm t5
    bne t5, t1, 2f
    csrr t5, sstatus
    andi t5, t5, 0x600
    beqz t5, 4f
    .irp register, v4, v8, v12, v16, v20, v24, v28
    vmsne.vx v0, \register, a0
    vcpop.m t5, v0
    bnez t5, 2f
    .endr
    csrr t5, vcsr
    andi t0, a0, 7
    bne t5, t0, 2f
4:
    csrr t5, stvec
    bne t5, a1, 2f
    csrr t5, sepc
    bne t5, a1, 2f
    .irp register, sscratch, scause, stval
    csrr t5, \register
    bne t5, a0, 2f
    .endr
    csrr t5, scounteren
    bne t5, t1, 2f
    addi t6, t6, -1
    bnez t6, 1b
    wfi
2:  ecall
    j 2b
    done identity
    .option pop

    .section .note.GNU-stack, "", @progbits
