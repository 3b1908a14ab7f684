// What the guests of the exit benchmarks find in their memory, whoever runs them: page tables that
// map the first GiB 1:1, a GDT, and an IDT with one handler.
#pragma once

#include <cstddef>
#include <cstdint>

#define GUEST_ROUTINE(name) extern "C" const std::uint8_t guest_##name[], guest_##name##_end[]
GUEST_ROUTINE(out);
GUEST_ROUTINE(mmio);
GUEST_ROUTINE(halt);
GUEST_ROUTINE(interrupt);
GUEST_ROUTINE(interrupt_handler);
GUEST_ROUTINE(cpuid);
GUEST_ROUTINE(hypercall);
GUEST_ROUTINE(rdmsr);
GUEST_ROUTINE(ring);
GUEST_ROUTINE(touch);

namespace redoubt::bench {

inline constexpr std::uint64_t kTables = 0x1000;  // PML4, PDPT, PD
inline constexpr std::uint64_t kGdt = 0x500;
inline constexpr std::uint64_t kIdt = 0x4000;
inline constexpr std::uint64_t kHandler = 0x8000;
inline constexpr std::uint64_t kStack = 0xF000;
inline constexpr std::uint64_t kCode = 0x10000;
inline constexpr std::uint64_t kResults = 0x200000;
inline constexpr std::uint64_t kMmio = 0x20000000;  // no memory there
inline constexpr std::uint16_t kDoorbellPort = 0x40;
inline constexpr std::uint8_t kVector = 0x40;
inline constexpr std::uint64_t kCr0 = 0x80010033;  // PG WP NE ET MP PE
inline constexpr std::uint64_t kCr4 = 0x620;       // PAE OSFXSR OSXMMEXCPT
inline constexpr std::uint64_t kEfer = 0x500;      // LMA LME

/// rdtsc … rdtsc around nothing, in the routines that measure themselves.
inline constexpr std::uint64_t kMeasuringOverhead = 4;

/// `store(address, value)` writes a word of guest memory.
template <class Store>
void make_tables(Store&& store) {
    store(kTables, (kTables + 0x1000) | 3);
    store(kTables + 0x1000, (kTables + 0x2000) | 3);
    for (std::uint64_t i = 0; i < 512; ++i) store(kTables + 0x2000 + 8 * i, i << 21 | 0x83);
    store(kGdt + 8, 0x00AF9B000000FFFF);
    store(kGdt + 16, 0x00CF93000000FFFF);
    store(kIdt + kVector * 16,
          (kHandler & 0xFFFF) | 0x8ULL << 16 | 0x8E00ULL << 32 | (kHandler >> 16) << 48);
}

}  // namespace redoubt::bench
