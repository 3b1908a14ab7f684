// A thread that notices when it loses a register.
    .text
    .globl stress_victim
stress_victim:
    mv s6, a0
    li s0, 0
1:  addi s1, s0, 1
    addi s2, s0, 2
    addi s3, s0, 3
    addi s11, s0, 4
    addi t5, s0, 5
    fmv.d.x f3, s0
    fmv.d.x f31, s1
    .option arch, +v
    lbu s4, stress_has_vectors
    beqz s4, 4f
    vsetvli s5, zero, e32, m8, ta, ma
    vmv.v.x v8, s0
    vmv.v.x v24, s1
4:
    li t0, 40
2:  addi t0, t0, -1
    bnez t0, 2b
    andi t0, s0, 7                      // a call now and then
    bnez t0, 3f
    ld a7, 16(s6)
    li a0, 0
    li a1, 0
    ecall
    addi t5, s0, 5                      // which the call loses
    bnez a7, wrong                      // a call that was begun and not ended would leave its number
3:  addi t0, s0, 1
    bne t0, s1, wrong
    addi t0, s0, 2
    bne t0, s2, wrong
    addi t0, s0, 3
    bne t0, s3, wrong
    addi t0, s0, 4
    bne t0, s11, wrong
    addi t0, s0, 5
    bne t0, t5, wrong
    fmv.x.d t0, f3
    bne t0, s0, wrong
    fmv.x.d t0, f31
    bne t0, s1, wrong
    beqz s4, 5f
    csrr t0, vl
    bne t0, s5, wrong
    vmsne.vx v0, v8, s0
    vmsne.vx v1, v24, s1
    vmor.mm v0, v0, v1
    vcpop.m t0, v0
    bnez t0, wrong
5:  addi s0, s0, 1
    sd s0, 0(s6)
    j 1b
wrong:
    li t0, 1
    sd t0, 8(s6)
    j wrong

    .section .note.GNU-stack, "", @progbits
