// Random bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::posix {

/// From RDRAND where the processor has it, or from the kernel; otherwise a generator seeded with
/// the cycle counter, which is good enough for hash seeds and stack protectors and for nothing that
/// must withstand an attacker.
void fill_random(void* to, std::size_t size);
/// False, having done nothing, if it would be the generator.
bool fill_unguessable(void* to, std::size_t size);

}  // namespace redoubt::posix
