// What libposix asks of the processor it runs on.
#pragma once

#include <cstdint>

namespace redoubt::posix {

/// A number from its source of random ones, or the kernel's; false if there is none.
bool processor_random(std::uint64_t& value);
/// What programs find as AT_HWCAP.
std::uint64_t processor_capabilities();

}  // namespace redoubt::posix
