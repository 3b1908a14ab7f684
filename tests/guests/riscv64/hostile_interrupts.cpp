// Storms of interrupts: software interrupts to itself, the timer, the PLIC with random registers,
// the serial port.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

volatile std::uint32_t& plic(std::uint64_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(kPlic + offset);
}
volatile std::uint8_t& serial(unsigned which) {
    return *reinterpret_cast<volatile std::uint8_t*>(kSerial + which);
}

void software() {
    take_interrupts(2);
    for (unsigned i = 0; i < 4000; ++i) {
        asm volatile("csrsi sip, 2");
        if (i % 4 == 0) sbi(kIpi, 0, 1, 0);
    }
}

/// One that is due at once, and again.
void timer() {
    for (unsigned i = 0; i < 4000; ++i) {
        sbi(kTime, 0, i % 3 == 0 ? 0 : now() + next_random() % 200);
        // Taken after WFI, if there is one.
        if (i % 16 == 0) asm volatile("csrci sstatus, 2");
        WRITE_CSR(sie, 0x20);
        if (i % 16 == 0) asm volatile("wfi\n\tcsrsi sstatus, 2");
    }
    sbi(kTime, 0, ~0ULL);
}

void plic_at_random() {
    constexpr std::uint64_t kAreas[] = {0, 0x1000, 0x2000, 0x2080, 0x20'0000, 0x20'1000, 0x20'2000};
    WRITE_CSR(sie, 0x200);
    for (unsigned i = 0; i < 20'000; ++i) {
        const auto at = kAreas[next_random() % 7] + next_random() % 32 * 4;
        if (next_random() % 3 == 0) {
            [[maybe_unused]] const std::uint32_t value = plic(at);
        } else {
            plic(at) = static_cast<std::uint32_t>(next_random() >> next_random() % 64);
        }
        serial(1) = static_cast<std::uint8_t>(next_random() & 0xF);
        if (next_random() % 8 == 0) serial(2) = static_cast<std::uint8_t>(next_random());
    }
}

/// The serial port says that it can take more, whenever it is claimed.
void serial_storm() {
    constexpr unsigned kSource = 10;
    for (unsigned i = 0; i < 64; ++i) plic(i * 4) = i == kSource ? 7 : 0;
    plic(0x2000) = 1U << kSource;
    plic(0x2004) = 0;
    plic(0x20'0000) = 0;
    plic(0x20'0004) = kSource;  // it may have been claimed
    WRITE_CSR(sie, 0x200);
    const auto before = interrupts;
    while (interrupts < before + 2000) {
        serial(1) = 2;
        serial(1) = 0;
    }
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char*) {
    say("software\n");
    software();
    say("timer\n");
    timer();
    say("plic\n");
    plic_at_random();
    asm volatile("csrci sstatus, 2");
    WRITE_CSR(sie, 0);
    reset_serial();
    say("\nserial\n");
    asm volatile("csrsi sstatus, 2");
    serial_storm();
    WRITE_CSR(sie, 0);
    serial(1) = 0;
    if (interrupts < 4000) {
        say("interrupts were lost\n");
        power_off();
    }
    survived();
}
