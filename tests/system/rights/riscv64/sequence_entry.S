// What threads of random sequences do. The argument is in a0 (see Scene::start), a deadline in sp; there is no stack.
    .text
    .globl sequence_entry
sequence_entry:
    andi t0, a0, 0xFF
    slli t0, t0, 3
    srli t1, a0, 24
    slli t1, t1, 48
    srli t1, t1, 16                     // the second slot << 32
    slli a0, a0, 40
    srli a0, a0, 48                     // the first slot
    lla t2, doing_seconds
    add t2, t2, t0
    ld a1, 0(t2)
    li t3, 1
    bne a1, t3, 1f
    mv a1, sp
1:  lla t2, doing_own_slot
    add t2, t2, t0
    ld t3, 0(t2)
    beqz t3, 2f
    mv a1, a0
    li a0, 0
    li t1, 0
2:  or a0, a0, t1
    lla t2, doing_numbers
    add t2, t2, t0
    ld a7, 0(t2)
    ecall
    ld a7, exit_number
    ecall

    .section .note.GNU-stack, "", @progbits
