# Storms of interrupts by its own local APIC, and garbage for all interrupt controllers and timers.
    .include "hostile.inc"

guest_main:
    call set_up
    say "garbage\n"
    cli
    mov $3000, %ebp
1:  call random
    mov %eax, %ecx
    and $0x1f, %ecx
    lea ports(%rip), %rdx
    mov (%rdx, %rcx), %dl
    movzbl %dl, %edx
    shr $8, %rax
    out %al, (%dx)
    in (%dx), %al
    call random
    mov %rax, %rdx
    shr $32, %rdx
    and $0x3f, %edx
    mov $0xfec00000, %edi
    mov %edx, (%rdi)
    mov %eax, 0x10(%rdi)
    mov 0x10(%rdi), %eax
    call random
    mov %rax, %rdx
    shr $32, %rdx
    and $0xff0, %edx
    mov $0xfee00000, %edi
    cmp $0x300, %edx            # INIT to itself is for another guest
    je 2f
    mov %eax, (%rdi, %rdx)
    mov (%rdi, %rdx), %eax
2:  dec %ebp
    jnz 1b
    say "after garbage\n"

    # What was left: interrupts come in any number. 8259 and I/O APIC masked, then all that is pending.
    mov $0xff, %al
    out %al, $0x21
    out %al, $0xa1
    xor %ecx, %ecx
    mov $0xfec00000, %edi
1:  lea 0x10(,%rcx,2), %eax
    mov %eax, (%rdi)
    movl $0x10000, 0x10(%rdi)
    inc %ecx
    cmp $24, %ecx
    jb 1b
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0, 0x80(%rbx)
    movl $0x10000, 0x350(%rbx)
    movl $0x10000, 0x360(%rbx)
    movl $0x10000, 0x370(%rbx)
    movl $0, 0x380(%rbx)
    mov $50, %ebp
1:  try sti; nop; nop; nop
    dec %ebp
    jnz 1b
    sti

    say "IPIs to itself\n"
    mov $3000, %ebp
1:  movl $0, 0x310(%rbx)
    lea 0x20(%rbp), %eax
    and $0xff, %eax
    or $0x44000, %eax           # self, fixed
    mov %eax, 0x300(%rbx)
    dec %ebp
    jnz 1b
    mov $300, %ebp
1:  movl $0x44400, 0x300(%rbx)  # NMI
    movl $0x400, 0x300(%rbx)
    dec %ebp
    jnz 1b
    say "IPIs of every kind\n"
    xor %ebp, %ebp
1:  mov %ebp, %eax
    shl $8, %eax
    mov %eax, %ecx
    and $0x700, %ecx
    cmp $0x500, %ecx            # INIT
    je 2f
    or $0x31, %eax              # ExtINT may bring any vector of the 8259's
    try_rax_begin
    mov %eax, 0x300(%rbx)
    nop
    nop
    sti
    nop
    try_rax_end
2:  inc %ebp
    cmp $0x1000, %ebp
    jb 1b

    say "timer with count 1\n"
    movl $0xb, 0x3e0(%rbx)
    movl $0x20040, 0x320(%rbx)  # periodic
    movq $300, storm(%rip)
    movl $1, 0x380(%rbx)
1:  cmpq $0, storm(%rip)
    jg 1b
    movl $0x40, 0x320(%rbx)     # one-shot
    mov $100, %ebp
1:  cli                         # else it may come before the HLT that waits for it
    movl $1, 0x380(%rbx)
    sti
    hlt
    dec %ebp
    jnz 1b
    movl $0x10000, 0x320(%rbx)
    jmp power_off

ports:
    .byte 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71, 0x80, 0x20, 0x21, 0xa0, 0xa1
    .byte 0x40, 0x43, 0x42, 0x43, 0x70, 0x71, 0x70, 0x71, 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43
