// The random seed CSR (Zkr) is not user space's: the kernel has random numbers if the firmware gave
// it a seed.
#include "libposix/processor.hpp"

#include <initializer_list>

#include "abi/object.hpp"
#include "libhvcall/native/syscall.hpp"

namespace redoubt::posix {

bool processor_random(std::uint64_t& value) {
    native::Registers registers{.a0 = static_cast<std::uint64_t>(abi::SystemInfoKind::Random)};
    if (native::invoke(abi::SyscallNumber::SystemInfo, registers) != abi::Error::Ok) return false;
    value = registers.a1;
    return true;
}

/// One bit for each single-letter extension: this system needs I, M, A, F, D and C.
std::uint64_t processor_capabilities() {
    std::uint64_t bits = 0;
    for (const char letter : {'i', 'm', 'a', 'f', 'd', 'c'}) bits |= 1ULL << (letter - 'a');
    return bits;
}

}  // namespace redoubt::posix
