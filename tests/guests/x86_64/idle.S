# Waits for ever with interrupts enabled: a VM that is well and needs nothing.
    .include "guest.inc"
guest_main:
    say "idle\n"
    sti
1:  hlt
    jmp 1b
