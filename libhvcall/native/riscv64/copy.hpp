// Copying and filling memory in programs without a C library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::native {

using AliasingWord [[gnu::may_alias]] = std::uint64_t;

// The empty assembly keeps the loops from becoming calls to what they implement.

[[gnu::always_inline]] inline void copy_bytes(void* to, const void* from, std::size_t size) {
    auto* target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    if (((reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from)) & 7) ==
        0) {
        for (; size >= 8; size -= 8, target += 8, source += 8) {
            *reinterpret_cast<AliasingWord*>(target) =
                *reinterpret_cast<const AliasingWord*>(source);
            asm volatile("" : : : "memory");
        }
    }
    for (; size != 0; --size) {
        *target++ = *source++;
        asm volatile("" : : : "memory");
    }
}

[[gnu::always_inline]] inline void fill_bytes(void* to, int value, std::size_t size) {
    const std::uint64_t pattern = 0x0101'0101'0101'0101ULL * static_cast<unsigned char>(value);
    auto* target = static_cast<unsigned char*>(to);
    for (; size != 0 && (reinterpret_cast<std::uintptr_t>(target) & 7) != 0; --size) {
        *target++ = static_cast<unsigned char>(value);
        asm volatile("" : : : "memory");
    }
    for (; size >= 8; size -= 8, target += 8) {
        *reinterpret_cast<AliasingWord*>(target) = pattern;
        asm volatile("" : : : "memory");
    }
    for (; size != 0; --size) {
        *target++ = static_cast<unsigned char>(value);
        asm volatile("" : : : "memory");
    }
}

}  // namespace redoubt::native
