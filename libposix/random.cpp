// See random.hpp.
#include "libposix/random.hpp"

#include "libhvcall/native/syscall.hpp"
#include "libposix/processor.hpp"

namespace redoubt::posix {
namespace {

/// SplitMix64 over a state that every call stirs with the cycle counter.
std::uint64_t mixed() {
    static constinit std::uint64_t state = 0x9E3779B97F4A7C15;
    state += native::ticks() * 0xD1342543DE82EF95 + 0x9E3779B97F4A7C15;
    std::uint64_t z = state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

std::uint64_t next() {
    std::uint64_t value;
    return processor_random(value) ? value : mixed();
}

}  // namespace

bool fill_unguessable(void* to, std::size_t size) {
    if (std::uint64_t value; !processor_random(value)) return false;
    fill_random(to, size);
    return true;
}

void fill_random(void* to, std::size_t size) {
    auto* bytes = static_cast<unsigned char*>(to);
    while (size > 0) {
        const std::uint64_t value = next();
        const std::size_t part = size < sizeof(value) ? size : sizeof(value);
        __builtin_memcpy(bytes, &value, part);
        bytes += part;
        size -= part;
    }
}

}  // namespace redoubt::posix
