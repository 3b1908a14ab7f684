// Four harts that do to each other what they can; what, the letter says.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

constexpr unsigned kHarts = 4;
alignas(16) unsigned char stacks[kHarts][4096];
volatile std::uint64_t starts, counts[kHarts];
volatile char kind;

std::uint64_t stack_of(std::uint64_t hart) {
    return reinterpret_cast<std::uint64_t>(stacks[hart]) + sizeof stacks[hart];
}
std::int64_t start(std::uint64_t hart) {
    return sbi(kHartState, 0, hart, reinterpret_cast<std::uint64_t>(&start_hart), stack_of(hart))
        .error;
}
std::uint64_t state_of(std::uint64_t hart) { return sbi(kHartState, 2, hart).value; }
std::uint64_t any_mask() { return next_random() % 4 == 0 ? next_random() : next_random() % 16; }
std::uint64_t any_base() {
    return next_random() % 4 == 0 ? 0 - next_random() % 3 : next_random() % 3;
}

void message() {
    switch (next_random() % 5) {
        case 0:
            sbi(kIpi, 0, any_mask(), any_base());
            break;
        case 1:
            sbi(kRemoteFence, next_random() % 8, any_mask(), any_base(), next_random(),
                next_random(), next_random());
            break;
        case 2:
            start(next_random() % 5);
            break;
        case 3:
            state_of(next_random() % 6);
            break;
        default:
            sbi(kHartState, 0, next_random() % 5, next_random(), next_random());
    }
}

/// Starts and stops, messages to all of them, and in the end all come once more.
void messages() {
    say("messages of every kind\n");
    for (unsigned i = 0; i < 6000; ++i) {
        // Never an address with memory behind it, but that of our code.
        message();
    }
    kind = 'e';
    say("they start after all that\n");
    for (unsigned round = 0; round < 20; ++round) {
        for (unsigned hart = 1; hart < kHarts; ++hart) {
            while (state_of(hart) != 1) {
            }
            const auto before = starts;
            if (start(hart) != 0) {
                say("a hart that is stopped does not start\n");
                power_off();
            }
            while (starts == before) {
            }
        }
    }
    survived();
}

void garbage() {
    say("garbage\n");
    constexpr std::uint64_t kGarbage = kMemory + 0x100'0000;
    auto* words = reinterpret_cast<volatile std::uint64_t*>(kGarbage);
    for (unsigned i = 0; i < 8192; ++i) words[i] = next_random();
    for (unsigned i = 0; i < 2000; ++i) {
        sbi(kHartState, 0, 1 + i % 3, kGarbage + (next_random() & 0xFFFE), next_random());
        for (unsigned j = 0; j < 300; ++j) asm volatile("");
    }
    power_off();
}

}  // namespace

extern "C" void hart_main(std::uint64_t hart) {
    if (kind == 'e') {
        __atomic_fetch_add(const_cast<std::uint64_t*>(&starts), 1, __ATOMIC_SEQ_CST);
        sbi(kHartState, 1);
    }
    if (kind == 't') reinterpret_cast<void (*)()>(0x7000'0000)();
    if (kind == 'h') sbi(kHartState, 1);
    // Counts, waits for a message, stops itself now and then.
    take_interrupts(2);
    for (;;) {
        counts[hart] = counts[hart] + 1;
        if (kind == 'e' || counts[hart] % 64 == 0) sbi(kHartState, 1);
        if (counts[hart] % 4 == 0) sbi(kIpi, 0, 1ULL << (hart ^ 1), 0);
        if (counts[hart] % 16 == 0) sbi(kRemoteFence, 1, 15, 0, 0, ~0ULL);
    }
}

void guest_main(std::uint64_t, const unsigned char* tree) {
    kind = variant(tree);
    switch (kind) {
        case 'g':
            garbage();
            break;
        case 'h':
            say("halting\n");
            for (unsigned hart = 1; hart < kHarts; ++hart) start(hart);
            WRITE_CSR(sie, 0);
            for (;;) asm volatile("wfi");
        case 't':
            say("another one faults\n");
            start(2);
            for (;;) {
            }
        default:
            messages();
    }
}
