// Executes pseudo-random bytes as a user program, with registers that point into its memory; with
// variant=m to registers of devices, too; with variant=s in supervisor mode, where it may do away
// with itself.
#include <initializer_list>

#include "guest.hpp"

using namespace redoubt::guest;

namespace {

constexpr unsigned kRounds = 3000, kProgramWords = 256;
constexpr std::uint64_t kArena = 0x8100'0000, kArenaBytes = 2 << 20;
constexpr std::uint64_t kSv39 = 8ULL << 60, kSupervisor = 0xCF, kUser = 0xDF;

alignas(4096) std::uint64_t root[512], devices[512], memory[512];

std::uint64_t entry(std::uint64_t address, std::uint64_t bits) {
    return address >> 12 << 10 | bits;
}

void make_tables(bool with_devices) {
    root[kMemory >> 30] = entry(reinterpret_cast<std::uint64_t>(memory), 1);
    for (std::uint64_t i = 0; i < kMemoryBytes >> 21; ++i) {
        const auto at = kMemory + (i << 21);
        memory[i] = entry(at, at == kArena ? kUser : kSupervisor);
    }
    if (!with_devices) return;
    root[0] = entry(reinterpret_cast<std::uint64_t>(devices), 1);
    constexpr std::uint64_t kWritable = 0xD7, kLarge = (2 << 20) - 1;
    for (const auto at : {kSerial, kPlic, kPlic + 0x20'0000})
        devices[at >> 21] = entry(at & ~kLarge, kWritable);
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char* tree) {
    const char kind = variant(tree);
    say("random instructions\n");
    make_tables(kind == 'm');
    auto* program = reinterpret_cast<std::uint32_t*>(kArena);
    for (unsigned round = 0; round < kRounds; ++round) {
        for (unsigned i = 0; i < kProgramWords; ++i) {
            auto word = static_cast<std::uint32_t>(next_random());
            if (next_random() % 2 == 0) word |= 3;
            program[i] = word;
        }
        program[kProgramWords] = kBreakpoint;
        for (auto& value : registers) {
            switch (next_random() % 4) {
                case 0:
                    value = next_random() >> next_random() % 64;
                    break;
                case 1:
                    value = kind == 'm'
                                ? (next_random() % 2 == 0 ? kSerial
                                                          : kPlic + next_random() % 2 * 0x20'1000) +
                                      next_random() % 16
                                : next_random();
                    break;
                default:
                    value = kArena + kArenaBytes / 4 + next_random() % (kArenaBytes / 2);
            }
        }
        // Whoever loops is stopped.
        sbi(kTime, 0, now() + 20'000);
        WRITE_CSR(sie, 0x20);
        WRITE_CSR(sstatus, kind == 's' ? 0x2'0000'6100 : 0x2'0000'6000);
        if (kind != 's') WRITE_CSR(satp, kSv39 | reinterpret_cast<std::uint64_t>(root) >> 12);
        asm volatile("sfence.vma\n\tfence.i" : : : "memory");
        attempt(program, registers);
    }
    reset_serial();
    survived();
}
