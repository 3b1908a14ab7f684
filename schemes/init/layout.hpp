// Where things lie in the address spaces of init and of the processes it makes: in the 256 GiB that
// Sv39 has for user space, and every architecture.
#pragma once

#include <cstdint>

#include "abi/startup.hpp"

namespace redoubt::init {

inline constexpr std::uint64_t kPageSize = 4096;

// init itself
inline constexpr std::uint64_t kArchiveAddress = 0x10'0000'0000;
inline constexpr std::uint64_t kScratchAddress = 0x20'0000'0000;  ///< frames being filled
inline constexpr std::uint64_t kHelperBuffers = 0x21'0000'0000;   ///< IPC buffers of helper threads

// every other process; its program lies below, libposix at 0x100000000
inline constexpr std::uint64_t kHeapAddress = 0x02'0000'0000;
inline constexpr std::uint64_t kFreeAddressBase = 0x03'0000'0000;
inline constexpr std::uint64_t kFreeAddressEnd = 0x38'0000'0000;
inline constexpr std::uint64_t kStartupInfoAddress = 0x3F'0000'0000;
inline constexpr std::uint64_t kIpcBufferAddress = 0x3F'0001'0000;
inline constexpr std::uint64_t kStackTop = 0x3F'4000'0000;
inline constexpr std::uint64_t kStackSize = 256 * 1024;

constexpr abi::CapabilityIndex own_slot(abi::StartupSlot which) {
    return static_cast<abi::CapabilityIndex>(which);
}

}  // namespace redoubt::init
