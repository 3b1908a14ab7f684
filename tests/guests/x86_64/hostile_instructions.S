# Executes every privileged or sensitive instruction, with values that make sense and others.
    .include "hostile.inc"

# Every bit of a control register turned over alone, but those of `mask`, without which nothing goes on.
    .macro flip_bits register, mask
    xor %ebx, %ebx
1:  mov $\mask, %rax
    bt %rbx, %rax
    jc 2f
    try_begin
    mov %\register, %rcx
    btc %rbx, %rcx
    mov %rcx, %\register
    try_end
    call restore
2:  inc %ebx
    cmp $64, %ebx
    jb 1b
    .endm

# Every bit but those of `mask` as it comes.
    .macro randomise register, mask
    call random
    mov $\mask, %rcx
    mov %\register, %rbx
    and %rcx, %rbx
    not %rcx
    and %rax, %rcx
    or %rcx, %rbx
    try mov %rbx, %\register
    .endm

guest_main:
    call set_up
    say "instructions\n"
    # Not PG, PE, PAE; nor bits that QEMU lets a guest set but VMRUN refuses: hostile_end has those.
    flip_bits cr0, 0xffffffffa0000001
    say "cr4\n"
    flip_bits cr4, 0xfffffffffffff820
    say "cr3\n"
    flip_bits cr3, 0xfffffffffffff000
    say "cr8\n"
    flip_bits cr8, 0
    say "cr2\n"
    flip_bits cr2, 0
    say "db0\n"
    flip_bits db0, 0
    say "db3\n"
    flip_bits db3, 0
    say "db6\n"
    flip_bits db6, 0xffffffff00000000
    say "db7\n"
    flip_bits db7, 0xffffffff00000000
    xor %ecx, %ecx
    mov %rcx, %db7
    mov %rcx, %cr8

    say "control registers at random\n"
    mov $600, %ebp
1:  randomise cr0, 0xffffffffa0000001
    randomise cr4, 0xfffffffffffff820
    randomise cr3, 0xfffffffffffff000
    randomise cr8, 0xfffffffffffffff0
    randomise cr2, 0
    randomise db0, 0
    randomise db6, 0xffffffff00000000
    randomise db7, 0xffffffff0000ff00   # no breakpoints: they would hit the handler
    mov $0xc0000080, %ecx
    rdmsr
    mov %eax, %ebx
    call random
    and $~0x500, %eax                   # LME and LMA stay
    and $0x500, %ebx
    or %eax, %ebx
    xor %edx, %edx
    try_rax_begin
    mov %ebx, %eax
    wrmsr
    try_rax_end
    try_rax_begin
    cpuid
    in $0x21, %al
    mov $0xfee00020, %edi
    mov (%rdi), %eax
    mov %eax, scratch(%rip)
    movups %xmm0, scratch(%rip)
    fnop
    vmmcall
    try_rax_end
    call restore
    xor %ecx, %ecx
    mov %rcx, %cr8
    dec %ebp
    jnz 1b

    say "descriptor tables\n"
    mov $200, %ebp
1:  call random
    mov %rax, scratch(%rip)
    call random
    mov %rax, scratch + 8(%rip)
    cli
    try_begin
    lgdt scratch(%rip)
    lgdt gdt_pointer(%rip)
    try_end
    lgdt gdt_pointer(%rip)
    try_begin
    lidt scratch(%rip)
    lidt idt_pointer(%rip)
    try_end
    lidt idt_pointer(%rip)
    call random
    mov %rax, %rbx
    try lldt %bx
    try ltr %bx
    try mov %ebx, %fs
    try mov %ebx, %gs
    try lmsw %bx
    call restore
    dec %ebp
    jnz 1b
    xor %eax, %eax
    try lldt %ax

    say "virtualization\n"
    mov $60, %ebp
1:  call random
    mov %rax, %rbx
    call random
    mov %rax, %rcx
    call random
    mov %rax, %rdx
    call random
    mov %rax, %rsi
    call random
    mov %rax, %rdi
    try_rax vmmcall
    try vmcall
    try_rax vmrun %rax
    try_rax vmload %rax
    try_rax vmsave %rax
    try_rax invlpga %rax, %ecx
    try clgi
    try stgi
    try_rax skinit %eax
    try xsetbv
    try rdpmc
    try invd
    try wbinvd
    try_rax monitor
    try_rax mwait
    try rdtscp
    try rdtsc
    try rsm
    try invlpg (%rbx)
    try .byte 0x66, 0x0f, 0x38, 0x82, 0x0b  # invpcid
    try .byte 0x0f, 0x01, 0xfd              # rdpru
    try .byte 0xf3, 0x48, 0x0f, 0xae, 0xd3  # wrfsbase
    try .byte 0x0f, 0xc7, 0xf3              # rdrand
    try_begin
    .byte 0x0f, 0x01, 0xca
    .byte 0x0f, 0x01, 0xcb
    try_end
    try_begin
    .byte 0xf3, 0x90
    .byte 0xf4 - 0x64
    try_end
    # with prefixes, whose length nobody told the kernel
    try .byte 0x66, 0x2e, 0x0f, 0xa2        # cpuid
    try .byte 0x3e, 0x0f, 0x01, 0xd9        # vmmcall
    try .byte 0x48, 0x0f, 0x32              # rdmsr
    dec %ebp
    jnz 1b
    # XCR0: every value of its low byte
    mov old_cr4(%rip), %rax
    or $0x40000, %eax
    try_rax mov %rax, %cr4
    xor %ebp, %ebp
1:  mov %ebp, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    try_rax xsetbv
    inc %ebp
    cmp $256, %ebp
    jb 1b
    call restore

    say "cpuid\n"
    lea leaves(%rip), %r12
1:  mov (%r12), %r13d
    lea 0x24(%r13), %ebp
2:  xor %r9d, %r9d
3:  mov %r13d, %eax
    mov %r9d, %ecx
    cpuid
    inc %r9d
    cmp $4, %r9d
    jb 3b
    inc %r13d
    cmp %ebp, %r13d
    jne 2b
    add $4, %r12
    lea leaves_end(%rip), %rax
    cmp %rax, %r12
    jb 1b

    say "interrupts by instruction\n"
    mov $0, %ebp
1:  mov %bpl, patch + 1(%rip)
    try jmp patch
    inc %ebp
    cmp $256, %ebp
    jb 1b
    jmp 2f
patch:
    int $0
    jmp *recover_rip(%rip)
2:
    say "system calls\n"
    mov $0xc0000080, %ecx
    rdmsr
    or $1, %eax
    wrmsr
    mov $0xc0000081, %ecx
    xor %eax, %eax
    mov $0x00330010, %edx
    wrmsr
    mov $0xc0000082, %ecx
    lea on_exception(%rip), %rax
    xor %edx, %edx
    wrmsr
    try syscall
    try sysenter
    mov $0x174, %ecx
    mov $0x10, %eax
    xor %edx, %edx
    wrmsr
    mov $0x176, %ecx
    lea on_exception(%rip), %rax
    wrmsr
    try sysenter
    try sysexitl
    lea patch(%rip), %rcx
    mov $2, %r11d
    try sysretq
    try sysretl

    say "halt with a timer\n"
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0xb, 0x3e0(%rbx)
    movl $0x40, 0x320(%rbx)
    mov $20, %ebp
1:  movl $1000, 0x380(%rbx)
    sti
    hlt
    cli
    dec %ebp
    jnz 1b
    jmp power_off

leaves:
    .long 0, 0x40000000, 0x40000100, 0x80000000, 0x8fffffe0, 0xc0000000, 0x7ffffff0, 0xffffffe0
leaves_end:
