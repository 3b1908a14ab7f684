# Accesses to registers and to nothing with all kinds of instructions, at ends of pages and of memory,
# through changed tables, and by code that changes itself.
    .include "hostile.inc"

    .macro with_operand_begin
    mov %r13, %rdi
    lea scratch(%rip), %rsi
    mov $3, %ecx
    mov $7, %eax
    try_rax_begin
    .endm
    .macro with_operand_end
    try_rax_end
    cld
    .endm
    .macro with_operand instruction:vararg
    with_operand_begin
    \instruction
    with_operand_end
    .endm

guest_main:
    call set_up
    say "memory-mapped accesses\n"
    lea places(%rip), %r12
1:  mov (%r12), %r13
    with_operand mov %rax, (%rdi)
    with_operand mov (%rdi), %rax
    with_operand mov (%rdi), %ah
    with_operand mov %ax, 1(%rdi)
    with_operand movl $5, 2(%rdi)
    with_operand xchg %rax, (%rdi)
    with_operand lock addl $3, (%rdi)
    with_operand lock xadd %eax, (%rdi)
    with_operand lock cmpxchg %ecx, (%rdi)
    with_operand lock btsl $9, (%rdi)
    with_operand bts %rcx, (%rdi)
    with_operand_begin
    mov $-1, %rcx
    btc %rcx, (%rdi)
    with_operand_end
    with_operand movsb
    with_operand rep movsl
    with_operand_begin
    mov %rdi, %rsi
    rep movsl
    with_operand_end
    with_operand_begin
    mov %rdi, %rsi
    mov $0xfec00000, %edi
    movsl
    with_operand_end
    with_operand_begin
    std
    rep stosq
    with_operand_end
    with_operand_begin
    mov %rdi, %rsi
    rep lodsb
    with_operand_end
    with_operand repne scasw
    with_operand_begin
    mov %rdi, %rsi
    repe cmpsl
    with_operand_end
    with_operand movups %xmm1, (%rdi)
    with_operand movups (%rdi), %xmm2
    with_operand movaps %xmm3, (%rdi)
    with_operand movdqa (%rdi), %xmm15
    with_operand movq %xmm0, (%rdi)
    with_operand movd (%rdi), %xmm0
    with_operand movzbl (%rdi), %eax
    with_operand movswq (%rdi), %rax
    with_operand sete (%rdi)
    with_operand cmovne (%rdi), %rax
    with_operand negl (%rdi)
    with_operand notw (%rdi)
    with_operand incb (%rdi)
    with_operand adcq $-1, (%rdi)
    with_operand sbb (%rdi), %eax
    with_operand testl $1, (%rdi)
    with_operand cmp %rax, (%rdi)
    with_operand imul (%rdi), %rax
    with_operand clflush (%rdi)
    with_operand prefetcht0 (%rdi)
    with_operand movnti %rax, (%rdi)
    with_operand_begin
    gs
    mov %eax, (%rdi)
    with_operand_end
    with_operand addr32 mov %eax, (%edi)
    add $8, %r12
    lea places_end(%rip), %rax
    cmp %rax, %r12
    jb 1b

    say "code that changes itself\n"
    mov $500, %ebp
    mov $0xfee00000, %edi
2:  mov %bpl, changing + 1(%rip)    # the register operand of a move
    andb $0x38, changing + 1(%rip)
    orb $0x07, changing + 1(%rip)
    mov $0xfee00000, %edi
    mov %rsp, %r12
    mov %ebp, %r13d
    jmp changing
changing:
    mov (%rdi), %eax
    mov %r12, %rsp
    mov %r13d, %ebp
    dec %ebp
    jnz 2b
    jmp power_off

    .balign 8
places:
    .quad 0xfee00020, 0xfee00ffc, 0xfee00fff, 0xfee00ff8, 0xfee000b0, 0xfec00000, 0xfec00010, 0xfec00fff
    .quad 0x2000000, 0x1ffffff, 0x1fffff9, 0x1fffff1, 0xb0000ffd, 0xffffffff, 0xfffffffe, 0x7fffffff
    .quad 0x100000000, 0x800000000000, 0x7ffffffffffd, 0xffffffffffffffff
places_end:
