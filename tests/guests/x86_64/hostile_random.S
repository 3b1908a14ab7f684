# Executes pseudo-random bytes, a few instructions at a time by single steps, with registers that point
# nowhere; with "m" on its command line they point to registers of devices and the ends of memory.
    .include "hostile.inc"

    .equ kRounds, 6000

on_debug:
    decq steps(%rip)
    jz on_exception
    iretq
on_watchdog:
    mov $0xfee00000, %eax
    movl $0, 0xb0(%rax)
    jmp on_exception

guest_main:
    mov 0x228(%rsi), %eax
    mov (%rax), %al
    mov %al, variant(%rip)
    call set_up
    say "random instructions\n"
    # Only memory and the local APIC stay mapped, unless registers shall be hit.
    cmpb $'m', variant(%rip)
    je 2f
    mov $16, %ecx
1:  movq $0, 0xb000(,%rcx,8)    # vmmd's page directories
    inc %ecx
    cmp $0xfee00000 >> 21, %ecx
    jne 7f
    inc %ecx
7:  cmp $2048, %ecx
    jb 1b
    mov %cr3, %rax
    mov %rax, %cr3
2:
    lea on_debug(%rip), %rax
    lea idt + 16(%rip), %rdi
    call set_gate
    movb $1, idt + 16 + 4(%rip)
    lea on_watchdog(%rip), %rax
    lea idt + 16 * 0x40(%rip), %rdi
    call set_gate
    movb $1, idt + 16 * 0x40 + 4(%rip)
    movl $kRounds, rounds(%rip)
round:
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0, 0x80(%rbx)
    movl $0, 0xb0(%rbx)
    movl $0xb, 0x3e0(%rbx)
    movl $0x20040, 0x320(%rbx)
    movl $20000000, 0x380(%rbx)
    lea scratch(%rip), %rdi
    mov $4, %ecx
1:  call random
    mov %rax, (%rdi)
    add $8, %rdi
    loop 1b
    movl $0xcccccccc, (%rdi)
    call random
    test $1, %al                # half of them: 0F xx, a quarter 0F 01 xx
    jz 2f
    movb $0x0f, scratch(%rip)
    test $2, %al
    jz 2f
    movb $0x01, scratch + 1(%rip)
2:  lea scratch(%rip), %rdi
    mov $32, %ecx
3:  mov (%rdi), %al             # no OUT to a port below 256: it might reset the machine
    and $0xfe, %al
    cmp $0xe6, %al
    jne 4f
    movb $0x90, (%rdi)
4:  inc %rdi
    loop 3b
    movq $12, steps(%rip)
    lea next(%rip), %rax
    mov %rax, recover_rip(%rip)
    mov %rsp, recover_rsp(%rip)
    mov $16, %ecx
    lea registers(%rip), %rdi
5:  call random
    cmpb $'m', variant(%rip)
    jne 6f
    mov %eax, %edx
    and $7, %edx
    lea pointers(%rip), %rbx
    and $0xff0, %eax
    add (%rbx, %rdx, 8), %rax
6:  mov %rax, (%rdi)
    add $8, %rdi
    loop 5b
    pushq $0x18
    lea stack_top(%rip), %rax
    push %rax
    pushq $0x302                # TF, IF
    pushq $0x10
    lea scratch(%rip), %rax
    push %rax
    lea registers(%rip), %rax
    mov 8(%rax), %rcx
    mov 16(%rax), %rdx
    mov 24(%rax), %rbx
    mov 32(%rax), %rbp
    mov 40(%rax), %rsi
    mov 48(%rax), %rdi
    mov 56(%rax), %r8
    mov 64(%rax), %r9
    mov 72(%rax), %r10
    mov 80(%rax), %r11
    mov 88(%rax), %r12
    mov 96(%rax), %r13
    mov 104(%rax), %r14
    mov 112(%rax), %r15
    mov (%rax), %rax
    or $0x1000, %edx            # ports where nothing is
    iretq
next:
    call restore
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %rax, %cr8
    mov $0x400, %eax
    mov %rax, %db7
    decl rounds(%rip)
    jnz round
    jmp power_off

    .section .data
    .balign 8
pointers: .quad 0xfee00000, 0xfec00000, 0x1fff800, 0x2000000, 0xb0000000, 0xfffff000, 0x3000, 0x800000000000
registers: .fill 128
steps: .quad 0
rounds: .long 0
variant: .byte 0
