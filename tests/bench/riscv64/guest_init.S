# The first process of a guest whose boot is measured: tells the time, which began at 0 with the machine, in
# instructions, and turns the machine off. No C library, so that nothing but the kernel is counted.
    .set kTickInstructions, 100        # 10 MHz, under -icount shift=0
    .set kWrite, 64
    .set kReboot, 142

    .option norelax                    # nobody loads gp
    .globl _start
_start:
    rdtime t0
    li t1, kTickInstructions
    mul t0, t0, t1
    lla t2, number_end
    li t1, 10
1:  remu t3, t0, t1
    divu t0, t0, t1
    addi t3, t3, '0'
    addi t2, t2, -1
    sb t3, 0(t2)
    bnez t0, 1b
    li a0, 1
    lla a1, text
    lla a2, text_end
    sub a2, a2, a1
    li a7, kWrite
    ecall
    li a0, 0xFEE1DEAD
    li a1, 672274793
    li a2, 0x4321FEDC                  # power off
    li a7, kReboot
    ecall
2:  j 2b

    .data
text:
    .ascii "BENCH boot guest_init "
    .fill 20, 1, ' '
number_end:
    .ascii "\n"
text_end:

    .section .note.GNU-stack, "", @progbits
