# Says so and spins for ever without exits: only a kick can stop it.
    .include "guest.inc"
guest_main:
    say "spinning\n"
1:  jmp 1b
