# Halts with interrupts disabled: nothing can ever wake it.
    .include "guest.inc"
guest_main:
    say "going to halt\n"
    cli
1:  hlt
    jmp 1b
