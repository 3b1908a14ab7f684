# Loads an empty IDT and raises an exception: the processor shuts down.
    .include "guest.inc"
guest_main:
    say "going to triple fault\n"
    # Longer than any instruction: whoever disassembles from inside the string finds back here.
    .fill 15, 1, 0x90
    lidt empty(%rip)
    ud2
empty:
    .word 0
    .quad 0
