// Says so and spins for ever without exits: only a kick can stop it.
#include "guest.hpp"

void guest_main(std::uint64_t, const unsigned char*) {
    redoubt::guest::say("spinning\n");
    asm volatile("1: j 1b");
}
