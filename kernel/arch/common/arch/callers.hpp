// Which functions led to a place in the kernel, for the arch code's part of a panic.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

/// The address and the function it is in.
void print_location(std::uint64_t address);
/// Return addresses, innermost first; `frame` is a frame pointer.
void print_callers(std::uint64_t frame);

}  // namespace redoubt::kernel
