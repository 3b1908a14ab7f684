# Jumps to a guest-physical address where there is nothing: instructions cannot be fetched there.
    .include "guest.inc"
guest_main:
    say "going nowhere\n"
    mov $0xb0000000, %eax
    jmp *%rax
