// Linux on riscv64 was born without the calls that others replaced.
#include "libposix/syscall/legacy.hpp"

namespace redoubt::posix {

bool legacy_call(const Frame&, long&) { return false; }

}  // namespace redoubt::posix
