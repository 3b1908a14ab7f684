// Waits for ever with interrupts enabled: a VM that is well and needs nothing.
#include "guest.hpp"

void guest_main(std::uint64_t, const unsigned char*) {
    using namespace redoubt::guest;
    say("idle\n");
    take_interrupts(0x222);
    for (;;) asm volatile("wfi");
}
