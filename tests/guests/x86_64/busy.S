# Starts all processors: each counts for ever and leaves the guest now and then, by a write to port 0x80.
# With r as the first letter of the command line, it resets the machine again and again.
    .include "guest.inc"

    .set PAGE, 0x30             # of the others' code, in real mode

guest_main:
    mov 0x228(%rsi), %eax       # boot_params: cmd_line_ptr
    movzbl (%rax), %ebp
    lea counting(%rip), %rsi
    mov $PAGE << 12, %edi
    mov $64, %ecx
    rep movsb
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)     # local APIC on
    movl $0xc4500, 0x300(%rbx)  # INIT, then SIPI, to all others
    movl $0xc4600 | PAGE, 0x300(%rbx)
    say "busy\n"
    mov $200, %edi
1:  mov $10000, %ecx
2:  loop 2b
    out %al, $0x80
    dec %edi
    jnz 1b
    cmp $'r', %ebp
    jne 1b
    mov $0xcf9, %edx
    mov $6, %al
    out %al, %dx
3:  jmp 3b

    .code16
counting:
1:  mov $10000, %cx
2:  loop 2b
    out %al, $0x80
    jmp 1b
    .fill 64
