# Writes and reads all over address space that is not memory, and every I/O port but its way out,
# then says so and powers off: nothing of that may harm anything.
    .include "guest.inc"
guest_main:
    say "writing wildly\n"
    mov $0x80000000, %rdi
1:  mov %rdi, (%rdi)
    mov (%rdi), %rax
    movb $1, 3(%rdi)
    add $0x00345008, %rdi
    mov $0xfec00000, %rax
    cmp %rax, %rdi
    jb 1b
    xor %edx, %edx
2:  mov %edx, %eax
    and $0xff00, %eax
    cmp $0x600, %eax            # ACPI power management: it would power off
    je 3f
    cmp $0x64, %edx             # keyboard controller: it would reset
    je 3f
    cmp $0x92, %edx             # fast reset
    je 3f
    cmp $0xcf9, %edx            # reset control
    je 3f
    mov %edx, %eax
    and $0xfff8, %eax
    cmp $0x3f8, %eax            # the console: needed below
    je 3f
    mov $0x5a, %al
    out %al, (%dx)
    in (%dx), %al
    in (%dx), %eax
3:  inc %edx
    cmp $0x10000, %edx
    jb 2b
    say "still here\n"
    mov $0x604, %dx
    mov $0x2000 | (5 << 10), %ax
    out %ax, (%dx)
4:  hlt
    jmp 4b
