# Says hello on COM1, then powers off through ACPI (PM1a control, S5).
    .include "guest.inc"
guest_main:
    say "hello from a guest\n"
    mov $0x604, %dx
    mov $0x2000 | (5 << 10), %ax
    out %ax, (%dx)
1:  hlt
    jmp 1b
