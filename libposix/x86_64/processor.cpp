// RDRAND and CPUID.
#include "libposix/processor.hpp"

#include <cpuid.h>

namespace redoubt::posix {
namespace {

constexpr unsigned kRdrandBit = 1U << 30;  // CPUID.1:ECX

bool has_rdrand() {
    static constinit int known = -1;
    if (known < 0) {
        unsigned a, b, c, d;
        __cpuid(1, a, b, c, d);
        known = (c & kRdrandBit) != 0 ? 1 : 0;
    }
    return known == 1;
}

}  // namespace

bool processor_random(std::uint64_t& value) {
    if (!has_rdrand()) return false;
    for (int tries = 0; tries < 10; ++tries) {
        bool valid;
        asm volatile("rdrand %0" : "=r"(value), "=@ccc"(valid));
        if (valid) return true;
    }
    return false;
}

std::uint64_t processor_capabilities() {
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    return d;
}

}  // namespace redoubt::posix
