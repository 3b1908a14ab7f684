// Executes every privileged or sensitive instruction, and writes every control register, with
// values that make sense and others.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

constexpr unsigned kStvec = 0x105, kSatp = 0x180;
constexpr std::uint64_t kSupervisor = 0x2'0000'6100;  // UXL 64, FS dirty, SPP

/// Each of 4096: read, written, set and cleared, with whatever comes and with a bit alone.
void control_registers() {
    constexpr std::uint32_t kRestoreStvec = system_instruction(kStvec, 1, kT5, kZero);
    for (unsigned number = 0; number < 4096; ++number) {
        if (number == kSatp) continue;
        for (unsigned function = 1; function < 8; ++function) {
            if (function == 4) continue;
            randomise_registers();
            if (function % 2 == 0) registers[kT4] = 1ULL << next_random() % 64;
            registers[kT5] = reinterpret_cast<std::uint64_t>(&on_trap);
            const unsigned source = function < 4 ? unsigned{kT4} : next_random() % 32;
            const unsigned second = function < 4 ? unsigned{kT3} : kZero;
            try_code(system_instruction(number, function, source, kT3), kRestoreStvec,
                     system_instruction(number, 2, second, kT4), kRestoreStvec);
        }
    }
}

/// Page tables that map everything to itself, in every mode there may be, and modes that there are
/// not.
void page_tables() {
    alignas(4096) static std::uint64_t tables[3][512];
    for (std::uint64_t i = 0; i < 512; ++i) tables[0][i] = i << 28 | 0xCF;
    for (unsigned level = 1; level < 3; ++level)
        tables[level][0] = reinterpret_cast<std::uint64_t>(tables[level - 1]) >> 12 << 10 | 1;
    for (std::uint64_t mode = 0; mode < 16; ++mode) {
        const auto* root = tables[mode >= 8 && mode < 11 ? mode - 8 : 0];
        for (unsigned i = 0; i < 40; ++i) {
            randomise_registers();
            // The address-space identifier is random.
            registers[kT4] = mode << 60 | (next_random() & 0xFFFF) << 44 |
                             reinterpret_cast<std::uint64_t>(root) >> 12;
            registers[kT5] =
                next_random() % 2 == 0 ? next_random() : kMemory + (next_random() & 0xFFFFF8);
            try_code(system_instruction(kSatp, 1, kT4, kT3),
                     system_instruction(0x120, 0, next_random() % 32, kZero),
                     load_instruction(3, kT3, kT5), system_instruction(kSatp, 2, kZero, kT4));
        }
    }
}

/// The SYSTEM instructions that are no accesses to control registers, but those that wait, call the
/// monitor or return from a trap.
void privileged_instructions() {
    constexpr unsigned kCall = 0, kSret = 0x102, kWfi = 0x105;
    for (unsigned upper = 0; upper < 4096; ++upper) {
        for (unsigned i = 0; i < 4; ++i) {
            randomise_registers();
            const unsigned rs1 = i == 0 ? unsigned{kZero} : next_random() % 32;
            const unsigned rd = i == 1 ? next_random() % 32 : 0;
            if (rs1 != 0 || rd != 0 || (upper != kCall && upper != kSret && upper != kWfi))
                try_code(system_instruction(upper, 0, rs1, rd));
        }
        // Loads and stores of the hypervisor.
        randomise_registers();
        registers[kT4] = kMemory + (next_random() & 0xFF'FFFF);
        try_code(system_instruction(upper, 4, next_random() % 2 == 0 ? kT4 : kT5, kT3));
    }
    // Fences and what is done to caches.
    for (unsigned i = 0; i < 4000; ++i) {
        randomise_registers();
        registers[kT4] = next_random() % 2 == 0 ? kSerial : next_random();
        try_code((static_cast<std::uint32_t>(next_random()) & ~0xF'807FU) | kT4 << 15 | 0x0F);
    }
}

/// Returns to user mode with every status, and what programs try there.
void user_programs() {
    constexpr unsigned kSstatus = 0x100;
    constexpr std::uint32_t kTries[] = {system_instruction(0, 0, 0, 0),
                                        system_instruction(0x102, 0, 0, 0),
                                        system_instruction(0x105, 0, 0, 0),
                                        system_instruction(0x120, 0, 0, 0),
                                        system_instruction(kSstatus, 2, 0, kT3),
                                        system_instruction(0xC00, 2, 0, kT3),
                                        system_instruction(0xC01, 2, 0, kT3),
                                        system_instruction(0x600, 2, 0, kT3),
                                        load_instruction(3, kT3, kT4),
                                        store_instruction(3, kT3, kT4),
                                        0x0053'7053,
                                        0x100F};
    for (unsigned i = 0; i < 3000; ++i) {
        randomise_registers();
        registers[kT4] = reinterpret_cast<std::uint64_t>(registers);
        WRITE_CSR(sstatus, next_random() & ~0x122ULL);
        WRITE_CSR(senvcfg, next_random());
        WRITE_CSR(scounteren, next_random());
        try_code(kTries[next_random() % (sizeof kTries / sizeof *kTries)]);
    }
    WRITE_CSR(scounteren, 7);
    WRITE_CSR(sstatus, kSupervisor);
}

/// WFI until the timer, whose interrupt is taken afterwards.
void waits() {
    WRITE_CSR(stvec, reinterpret_cast<std::uint64_t>(&on_interrupt));
    for (unsigned i = 0; i < 40; ++i) {
        sbi(kTime, 0, now() + next_random() % 10'000);
        WRITE_CSR(sie, 0x20);
        asm volatile("wfi\n\tcsrsi sstatus, 2\n\tnop\n\tcsrci sstatus, 2" : : : "memory");
    }
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char*) {
    say("control registers\n");
    WRITE_CSR(sstatus, kSupervisor);
    control_registers();
    say("page tables\n");
    page_tables();
    say("privileged instructions\n");
    privileged_instructions();
    say("user programs\n");
    user_programs();
    say("waits\n");
    waits();
    survived();
}
