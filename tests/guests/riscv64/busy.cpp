// Starts all harts: each counts for ever and leaves the guest now and then, by asking the SBI for
// its version. With variant=r in the command line it resets the machine again and again.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

alignas(16) unsigned char stacks[8][256];

void count_and_leave() {
    for (unsigned i = 0; i < 10'000; ++i) asm volatile("");
    sbi(kBase, 0);
}

}  // namespace

extern "C" void hart_main() {
    for (;;) count_and_leave();
}

void guest_main(std::uint64_t self, const unsigned char* tree) {
    const bool resets = variant(tree) == 'r';
    for (std::uint64_t hart = 0; hart < 8; ++hart) {
        if (hart == self) continue;
        sbi(kHartState, 0, hart, reinterpret_cast<std::uint64_t>(&start_hart),
            reinterpret_cast<std::uint64_t>(stacks[hart] + sizeof stacks[hart]));
    }
    say("busy\n");
    for (unsigned i = 0; !resets || i < 200; ++i) count_and_leave();
    sbi(kSystemReset, 0, 1);
}
