# Every port with every width, and string I/O from and to memory, nothing and registers.
    .include "hostile.inc"

guest_main:
    call set_up
    say "ports\n"
    xor %ebp, %ebp
1:  mov %ebp, %eax
    and $~7, %eax
    cmp $0x600, %eax            # ACPI power management, with what a wide access would reach
    je 2f
    cmp $0x5f8, %eax
    je 2f
    cmp $0x60, %eax             # keyboard controller
    je 2f
    cmp $0x90, %eax             # fast reset
    je 2f
    cmp $0x88, %eax
    je 2f
    cmp $0xcf0, %eax
    je 2f
    cmp $0x58, %eax
    je 2f
    cmp $0xcf8, %eax            # reset control
    je 2f
    cmp $0x3f8, %eax            # the console
    je 2f
    cmp $0x3f0, %eax
    je 2f
    mov %ebp, %edx
    try_rax_begin
    in (%dx), %al
    in (%dx), %ax
    in (%dx), %eax
    try_rax_end
    mov $0xa5a5a5a5, %eax
    try_rax_begin
    out %al, (%dx)
    out %ax, (%dx)
    out %eax, (%dx)
    try_rax_end
    cmp $0x2000, %ebp
    jb 3f
    mov $0x1f, %ecx             # the rest is empty: only read, but for samples
4:  inc %ebp
    mov %ebp, %edx
    in (%dx), %al
    dec %ecx
    jnz 4b
3:
2:  inc %ebp
    cmp $0x10000, %ebp
    jb 1b
    say "ports at the end\n"
    mov $0xffff, %edx
    in (%dx), %eax
    out %eax, (%dx)
    in (%dx), %ax
    out %ax, (%dx)

    say "string I/O\n"
    lea places(%rip), %r12
4:  lea string_ports(%rip), %r13
5:  movzwl (%r13), %edx
    .macro each_string_begin
    mov (%r12), %rdi
    mov %rdi, %rsi
    mov $37, %ecx
    try_rax_begin
    .endm
    .macro each_string_end
    try_rax_end
    cld
    .endm
    .macro each_string instruction:vararg
    each_string_begin
    \instruction
    each_string_end
    .endm
    each_string rep insb
    each_string rep insw
    each_string rep insl
    each_string rep outsb
    each_string rep outsw
    each_string rep outsl
    each_string_begin
    std
    rep insl
    each_string_end
    each_string_begin
    std
    rep outsl
    each_string_end
    each_string insl
    each_string outsw
    each_string_begin
    xor %ecx, %ecx
    rep insb
    each_string_end
    each_string_begin
    .byte 0x67
    rep outsb
    each_string_end
    each_string .byte 0x48, 0x6d
    add $2, %r13
    lea string_ports_end(%rip), %rax
    cmp %rax, %r13
    jb 5b
    add $8, %r12
    lea places_end(%rip), %rax
    cmp %rax, %r12
    jb 4b
    xor %eax, %eax              # the console as print expects it: no interrupts, 8N1, no loopback
    mov $0x3fb, %edx
    mov $3, %al
    out %al, (%dx)
    mov $0x3f9, %edx
    xor %eax, %eax
    out %al, (%dx)
    mov $0x3fc, %edx
    out %al, (%dx)
    jmp power_off

string_ports: .word 0x80, 0x3fa, 0x1f0, 0xffff, 0xcfc, 0x40, 0x21
string_ports_end:
    .balign 8
places:
    .quad 0x30ff, 0x1fffff9, 0x1fffffc, 0x2000000, 0xfee00000, 0xfee00ffd, 0xfec00000, 0xfec00010
    .quad 0xa0000 - 5, 0xffffffff, 0xfffffff0, 0x100000000, 0x7fffffffffff, 0x800000000000, 0xffffffffffffffff
places_end:
