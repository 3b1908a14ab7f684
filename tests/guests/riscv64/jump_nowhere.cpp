// Jumps to a guest-physical address where there is nothing: instructions cannot be fetched there.
#include "guest.hpp"

void guest_main(std::uint64_t, const unsigned char*) {
    redoubt::guest::say("going nowhere\n");
    asm volatile("jr %0" : : "r"(std::uint64_t{0x7000'0000}));
}
