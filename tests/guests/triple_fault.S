# Loads an empty IDT and raises an exception: the processor shuts down.
    .include "guest.inc"
guest_main:
    say "going to triple fault\n"
    lidt empty(%rip)
    ud2
empty:
    .word 0
    .quad 0
