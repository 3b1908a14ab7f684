// The random seed CSR (Zkr) is not user space's.
#include "libposix/processor.hpp"

#include <initializer_list>

namespace redoubt::posix {

bool processor_random(std::uint64_t&) { return false; }

/// One bit for each single-letter extension: this system needs I, M, A, F, D and C.
std::uint64_t processor_capabilities() {
    std::uint64_t bits = 0;
    for (const char letter : {'i', 'm', 'a', 'f', 'd', 'c'}) bits |= 1ULL << (letter - 'a');
    return bits;
}

}  // namespace redoubt::posix
