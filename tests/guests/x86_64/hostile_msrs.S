# Reads every MSR of the ranges where some are, and some of all others, and writes all ones, zero and random
# values to it.
    .include "hostile.inc"

guest_main:
    call set_up
    say "MSRs\n"
    lea ranges(%rip), %r12
1:  mov (%r12), %ebp
2:  mov %ebp, %ecx
    xor %ebx, %ebx              # what it held
    xor %edi, %edi
    mov $0, %r13d
    try_rax_begin
    rdmsr
    mov %eax, %ebx
    mov %edx, %edi
    mov $1, %r13d
    try_rax_end
    mov %ebp, %ecx
    mov $-1, %eax
    mov $-1, %edx
    try_rax wrmsr
    test %r13d, %r13d
    jz 3f
    xor %eax, %eax
    xor %edx, %edx
    mov %ebp, %ecx
    try_rax wrmsr
    call random
    mov %rax, %rdx
    shr $32, %rdx
    mov %ebp, %ecx
    try_rax wrmsr
    mov %ebx, %eax
    mov %edi, %edx
    mov %ebp, %ecx
    try_rax wrmsr
3:  inc %ebp
    cmp 4(%r12), %ebp
    jne 2b
    add $8, %r12
    lea ranges_end(%rip), %rax
    cmp %rax, %r12
    jb 1b

    say "any MSR\n"
    mov $3000, %ebp
1:  call random
    mov %rax, %rbx
    mov %ebx, %ecx
    try_rax rdmsr
    call random
    mov %rax, %rdx
    shr $32, %rdx
    mov %ebx, %ecx
    try_rax wrmsr
    dec %ebp
    jnz 1b

    say "clocks\n"
    mov $0x4b564d00, %ebp
4:  lea addresses(%rip), %r12
5:  mov %ebp, %ecx
    mov (%r12), %eax
    mov 4(%r12), %edx
    try_rax wrmsr
    mov %ebp, %ecx
    mov (%r12), %eax
    mov 4(%r12), %edx
    or $1, %eax
    try_rax wrmsr
    add $8, %r12
    lea addresses_end(%rip), %rax
    cmp %rax, %r12
    jb 5b
    inc %ebp
    cmp $0x4b564d02, %ebp
    jb 4b
    jmp power_off

ranges:
    .long 0, 0x300, 0x6d0, 0x6f0, 0x7f0, 0x910, 0x1ff0, 0x2010
    .long 0x40000000, 0x40000020, 0x4b564d00, 0x4b564d10
    .long 0xc0000000, 0xc0000110, 0xc0010000, 0xc0010200, 0xc0011000, 0xc0011040, 0xfffffff0, 0
ranges_end:
addresses:
    .quad 0x1fffffc, 0x1fffff8, 0x2000000, 0xfee00000, 0xfec00000, 0x100000000, 0xffffffffffffffc
    .quad 0xfffffffffffffffc, 0xfffffffffffffff0, 0x8000000000000000, 3, 0x1fffffd, 0xa0000
addresses_end:
