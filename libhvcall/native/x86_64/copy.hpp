// Copying and filling memory in programs without a C library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::native {

[[gnu::always_inline]] inline void copy_bytes(void* to, const void* from, std::size_t size) {
    // Words first: images of several megabytes are copied.
    std::size_t words = size / 8;
    size %= 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

[[gnu::always_inline]] inline void fill_bytes(void* to, int value, std::size_t size) {
    const std::uint64_t pattern = 0x0101'0101'0101'0101ULL * static_cast<unsigned char>(value);
    std::size_t words = size / 8;
    size %= 8;
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(pattern) : "memory");
}

}  // namespace redoubt::native
