// Loads and stores of all sizes at all edges: registers of devices, the end of memory, of physical
// and of virtual addresses; page tables with random entries.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

/// Of the kinds that a monitor emulates: loads and stores of general registers, long and short.
void access(std::uint64_t address) {
    for (unsigned function = 0; function < 8; ++function) {
        randomise_registers();
        registers[kT4] = address;
        try_code(load_instruction(function, next_random() % 32, kT4));
    }
    if (address >= kFinisher && address < kFinisher + 0x1000) return;
    for (unsigned function = 0; function < 8; ++function) {
        randomise_registers();
        registers[kT4] = address;
        try_code(store_instruction(function,
                                   next_random() % 4 == 0 ? unsigned{kZero} : unsigned{kT3}, kT4));
    }
    constexpr std::uint32_t kShort[] = {0x4000, 0x6000, 0xC000, 0xE000};  // c.lw, c.ld, c.sw, c.sd
    for (const auto instruction : kShort) {
        randomise_registers();
        registers[8] = address;
        try_code(instruction | 1U << 2 | 0x0001'0000);
    }
}

/// Everything else, where there is memory or nothing that is a device.
void other_access(std::uint64_t address) {
    for (std::uint32_t operation = 0; operation < 32; ++operation) {
        for (unsigned function = 2; function < 4; ++function) {
            randomise_registers();
            registers[kT4] = address;
            try_code(operation << 27 | kT3 << 20 | kT4 << 15 | function << 12 | kT5 << 7 | 0x2F);
        }
    }
    for (unsigned function = 0; function < 8; ++function) {
        randomise_registers();
        registers[kT4] = address;
        try_code(kT4 << 15 | function << 12 | 3U << 7 | 0x07);
        try_code(3U << 20 | kT4 << 15 | function << 12 | 0x27);
    }
}

void edges() {
    constexpr std::uint64_t kEnd = kMemory + kMemoryBytes;
    constexpr std::uint64_t kEdges[] = {0,
                                        kFinisher,
                                        kFinisher + 4,
                                        kClock,
                                        kClock + 0x20,
                                        kPlic,
                                        kPlic + 0x28,
                                        kPlic + 0x1000,
                                        kPlic + 0x2000,
                                        kPlic + 0x2080,
                                        kPlic + 0x20'0000,
                                        kPlic + 0x20'1000,
                                        kPlic + 0x3FF'FFFF,
                                        kSerial,
                                        kSerial + 0x100,
                                        0x7FFF'FFFF,
                                        kEnd,
                                        1ULL << 32,
                                        1ULL << 38,
                                        1ULL << 39,
                                        1ULL << 41,
                                        1ULL << 47,
                                        1ULL << 48,
                                        1ULL << 50,
                                        1ULL << 55,
                                        1ULL << 56,
                                        1ULL << 59,
                                        1ULL << 63,
                                        ~0ULL};
    for (const auto edge : kEdges) {
        for (std::uint64_t offset = 0; offset < 6; ++offset) access(edge + offset - 3);
    }
    for (std::uint64_t offset = 0; offset < 16; ++offset)
        other_access(kMemory + 0x100'0000 + offset);
}

/// A Sv39 table that keeps this program where it is; the rest comes as it comes, but tables stay in
/// memory.
void random_tables() {
    constexpr std::uint64_t kSv39 = 8ULL << 60, kValid = 1;
    constexpr unsigned kSatp = 0x180;
    alignas(4096) static std::uint64_t root[512], others[4][512];
    const auto random_entry = [&] {
        const auto bits = next_random() & 0x3FF;
        const bool leaf = (bits & 0xE) != 0;
        std::uint64_t page;
        switch (next_random() % 4) {
            case 0:
                page = next_random() & ((1ULL << 44) - 1);
                break;
            case 1:
                page = kSerial >> 12;
                break;
            default:
                page = (kMemory >> 12) + next_random() % (kMemoryBytes >> 12);
        }
        if (!leaf) page = reinterpret_cast<std::uint64_t>(others[next_random() % 4]) >> 12;
        const auto reserved = next_random() % 16 == 0 ? next_random() << 54 : 0;
        return reserved | page << 10 | bits;
    };
    for (unsigned round = 0; round < 25; ++round) {
        for (auto& table : others)
            for (auto& entry : table) entry = random_entry();
        for (auto& entry : root) entry = random_entry();
        root[kMemory >> 30] = kMemory >> 2 | 0xCE | kValid;
        for (unsigned i = 0; i < 50; ++i) {
            randomise_registers();
            registers[kT5] = kSv39 | reinterpret_cast<std::uint64_t>(root) >> 12;
            auto address = static_cast<std::int64_t>(next_random() << 25) >> 25;
            if (static_cast<std::uint64_t>(address) >> 30 == kMemory >> 30) continue;
            if (i % 8 == 0) address ^= 1LL << 50;
            registers[kT4] = static_cast<std::uint64_t>(address);
            // Not stores: they would hit this program, or the finisher.
            try_code(system_instruction(kSatp, 1, kT5, kZero), system_instruction(0x120, 0, 0, 0),
                     load_instruction(next_random() % 8, kT3, kT4));
        }
    }
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char*) {
    WRITE_CSR(sstatus, 0x2'0000'6100);
    say("edges\n");
    edges();
    reset_serial();
    say("\ntables\n");
    random_tables();
    survived();
}
