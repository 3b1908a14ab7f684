// What the riscv64 kernel is told about the machine.
#pragma once

#include "boot/lists.hpp"

namespace redoubt::boot {

inline constexpr std::uint32_t kNoContext = ~std::uint32_t{0};

struct Processor {
    std::uint64_t hart;
    std::uint32_t plic_context;  ///< of its supervisor mode; kNoContext if there is none
};

/// A 16550, or 0 bytes.
struct Console {
    PhysicalRange registers;
    std::uint32_t register_shift;
};

struct Hardware {
    std::uint64_t boot_hart;
    std::uint64_t paging_levels;  ///< of the mode it is entered with: 3 (Sv39), 4 (Sv48), 5 (Sv57)
    BootList<Processor, 64> processors;
    char isa[128];  ///< of the first processor
    Console console;
    PhysicalRange plic;  ///< 0 bytes if there is none
    std::uint32_t plic_sources;
    PhysicalAddress test_finisher;  ///< sifive,test0: ends the emulator; 0 if there is none
    BootList<std::uint8_t, 64> random_seed;  ///< what the firmware knows and nobody else

    constexpr bool is_sound() const {
        return paging_levels >= 3 && paging_levels <= 5 && processors.is_sound() &&
               random_seed.is_sound() && isa[sizeof isa - 1] == '\0';
    }
};

}  // namespace redoubt::boot
