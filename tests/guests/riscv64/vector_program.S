// A program of a Linux guest's: fills its vector registers with the number of its process, and compares, for some seconds.
// Its status is 1 if one of them changed.
    .option arch, +v
    .set kGetPid, 172
    .set kYield, 124
    .set kExit, 93
    .set kTicks, 20000000               // of a counter of 10 MHz

    .globl _start
_start:
    li a7, kGetPid
    ecall
    mv s0, a0
    rdtime s1
    li t0, kTicks
    add s1, s1, t0
next:
    addi s0, s0, 0x100
    vsetvli s2, zero, e32, m8, ta, ma
    .irp register, v0, v8, v16, v24
    vmv.v.x \register, s0
    .endr
    li s3, 20000
again:
    csrr t0, vl
    bne t0, s2, changed
    li a0, 0
    .irp register, v8, v16, v24
    vmsne.vx v0, \register, s0
    vcpop.m t0, v0
    add a0, a0, t0
    .endr
    bnez a0, changed
    addi s3, s3, -1
    bnez s3, again
    li a7, kYield                       // a system call may lose them
    ecall
    rdtime t0
    bltu t0, s1, next
    li a0, 0
    j exit
changed:
    li a0, 1
exit:
    li a7, kExit
    ecall

    .section .note.GNU-stack, "", @progbits
