// Every extension of the SBI, and others, with every function and random arguments.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

std::uint64_t argument() {
    switch (next_random() % 6) {
        case 0:
            return next_random() % 16;
        case 1:
            return 0 - next_random() % 16;
        case 2:
            return kMemory + (next_random() & 0x1FF'FFFF);
        case 3:
            return kMemory + kMemoryBytes - next_random() % 5000;
        case 4:
            return next_random() >> next_random() % 64;
        default:
            return 1ULL << next_random() % 64;
    }
}

/// What ends or stops this machine, which is for others to try, or writes over this program.
bool is_left_out(std::uint64_t extension, std::uint64_t function, std::uint64_t a0) {
    constexpr std::uint64_t kLegacyShutdown = 8, kStop = 1, kSuspend = 3, kRead = 1;
    return extension == kLegacyShutdown ||
           (extension == kHartState && (function == kStop || function == kSuspend)) ||
           (extension == kSystemReset && function == 0 && static_cast<std::uint32_t>(a0) < 3) ||
           (extension == kConsole && function == kRead);
}

void call(std::uint64_t extension, std::uint64_t function) {
    const auto a0 = argument();
    if (is_left_out(extension, function, a0)) return;
    sbi(extension, function, a0, argument(), argument(), argument(), argument(), argument());
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char*) {
    constexpr std::uint64_t kExtensions[] = {0,
                                             1,
                                             2,
                                             3,
                                             4,
                                             5,
                                             6,
                                             7,
                                             kBase,
                                             kIpi,
                                             kHartState,
                                             kTime,
                                             kRemoteFence,
                                             kSystemReset,
                                             kConsole,
                                             0x504D'55 /* PMU */,
                                             0x5355'5350 /* SUSP */,
                                             0x4350'5043 /* CPPC */,
                                             0x4E41'434C /* NACL */,
                                             0x5354'41 /* STA */};
    say("calls\n");
    for (const auto extension : kExtensions) {
        for (std::uint64_t function = 0; function < 12; ++function) {
            const bool prints = extension == 1 || extension == kConsole;
            for (unsigned i = 0; i < (prints ? 6U : 60U); ++i) call(extension, function);
        }
        for (unsigned i = 0; i < 20; ++i) call(extension, argument() | 0x100);
    }
    say("\nothers\n");
    for (unsigned i = 0; i < 4000; ++i) {
        const auto extension = argument();
        if (extension > 8) call(extension | 1ULL << 40, argument());
        call(0x0800'0000 + next_random() % 0x0800'0000, argument());
    }
    // Itself, without waiting for ever: a software interrupt is pending.
    WRITE_CSR(sie, 2);
    for (unsigned i = 0; i < 50; ++i) {
        sbi(kIpi, 0, 1, 0);
        sbi(kHartState, 3, 0, argument(), argument());
        sbi(kHartState, 3, 0x8000'0000 | i, argument(), argument());
        asm volatile("csrci sip, 2");
    }
    survived();
}
