// What the compiler calls for copies and comparisons. The kernel's own hot copies are a few words long.

.section .text, "ax", @progbits

// a0: to, a1: from, a2: bytes.
    .globl memcpy
memcpy:
    mv t0, a0
    or t1, a0, a1
    andi t1, t1, 7
    bnez t1, 3f
    li t2, 64
1:  bltu a2, t2, 2f
    ld t1, 0(a1)
    ld t3, 8(a1)
    ld t4, 16(a1)
    ld t5, 24(a1)
    ld t6, 32(a1)
    ld a3, 40(a1)
    ld a4, 48(a1)
    ld a5, 56(a1)
    sd t1, 0(t0)
    sd t3, 8(t0)
    sd t4, 16(t0)
    sd t5, 24(t0)
    sd t6, 32(t0)
    sd a3, 40(t0)
    sd a4, 48(t0)
    sd a5, 56(t0)
    addi a1, a1, 64
    addi t0, t0, 64
    addi a2, a2, -64
    j 1b
2:  li t2, 8
1:  bltu a2, t2, 3f
    ld t1, 0(a1)
    sd t1, 0(t0)
    addi a1, a1, 8
    addi t0, t0, 8
    addi a2, a2, -8
    j 1b
3:  beqz a2, 4f
    lbu t1, 0(a1)
    sb t1, 0(t0)
    addi a1, a1, 1
    addi t0, t0, 1
    addi a2, a2, -1
    j 3b
4:  ret

    .globl memmove
memmove:
    sub t0, a0, a1
    bgeu t0, a2, memcpy                 // to is not inside from
    add t0, a0, a2
    add a1, a1, a2
1:  beq t0, a0, 2f
    addi t0, t0, -1
    addi a1, a1, -1
    lbu t1, 0(a1)
    sb t1, 0(t0)
    j 1b
2:  ret

// a0: to, a1: byte, a2: bytes.
    .globl memset
memset:
    mv t0, a0
    andi a1, a1, 0xFF
    andi t1, a0, 7
    bnez t1, 3f
    slli t1, a1, 8
    or t1, t1, a1
    slli t2, t1, 16
    or t1, t1, t2
    slli t2, t1, 32
    or t1, t1, t2
    li t2, 64
1:  bltu a2, t2, 2f
    sd t1, 0(t0)
    sd t1, 8(t0)
    sd t1, 16(t0)
    sd t1, 24(t0)
    sd t1, 32(t0)
    sd t1, 40(t0)
    sd t1, 48(t0)
    sd t1, 56(t0)
    addi t0, t0, 64
    addi a2, a2, -64
    j 1b
2:  li t2, 8
1:  bltu a2, t2, 3f
    sd t1, 0(t0)
    addi t0, t0, 8
    addi a2, a2, -8
    j 1b
3:  beqz a2, 4f
    sb a1, 0(t0)
    addi t0, t0, 1
    addi a2, a2, -1
    j 3b
4:  ret

    .globl memcmp
memcmp:
    beqz a2, 2f
1:  lbu t0, 0(a0)
    lbu t1, 0(a1)
    bne t0, t1, 3f
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 1b
2:  li a0, 0
    ret
3:  sub a0, t0, t1
    ret

// a0: text, a1: byte, a2: bytes.
    .globl memchr
memchr:
    andi a1, a1, 0xFF
1:  beqz a2, 2f
    lbu t0, 0(a0)
    beq t0, a1, 3f
    addi a0, a0, 1
    addi a2, a2, -1
    j 1b
2:  li a0, 0
3:  ret

    .globl strlen
strlen:
    mv t0, a0
1:  lbu t1, 0(t0)
    beqz t1, 2f
    addi t0, t0, 1
    j 1b
2:  sub a0, t0, a0
    ret

.section .note.GNU-stack, "", @progbits
