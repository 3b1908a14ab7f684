// What the compiler calls for bit operations that the base instruction set lacks; there is no
// libgcc for code without floating point.
#include <cstdint>

extern "C" {

int __ctzdi2(std::uint64_t value) {
    int count = 0;
    for (int step = 32; step != 0; step /= 2) {
        if ((value & ((1ULL << step) - 1)) != 0) continue;
        count += step;
        value >>= step;
    }
    return count;
}

int __clzdi2(std::uint64_t value) {
    int count = 0;
    for (int step = 32; step != 0; step /= 2) {
        if (value >> (64 - step) != 0) continue;
        count += step;
        value <<= step;
    }
    return count;
}

}  // extern "C"
