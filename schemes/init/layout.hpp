// Where things lie in the address spaces of init and of the processes it makes.
#pragma once

#include <cstdint>

#include "abi/startup.hpp"

namespace redoubt::init {

inline constexpr std::uint64_t kPageSize = 4096;

// init itself
inline constexpr std::uint64_t kArchiveAddress = 0x0000'1000'0000'0000;
inline constexpr std::uint64_t kScratchAddress = 0x0000'2000'0000'0000;  ///< frames being filled
inline constexpr std::uint64_t kHelperBuffers =
    0x0000'2100'0000'0000;  ///< IPC buffers of helper threads

// every other process; its program lies below, libposix at 0x10000000000
inline constexpr std::uint64_t kHeapAddress = 0x0000'0200'0000'0000;
inline constexpr std::uint64_t kFreeAddressBase = 0x0000'0300'0000'0000;
inline constexpr std::uint64_t kFreeAddressEnd = 0x0000'7000'0000'0000;
inline constexpr std::uint64_t kStartupInfoAddress = 0x0000'7FFE'0000'0000;
inline constexpr std::uint64_t kIpcBufferAddress = 0x0000'7FFE'0001'0000;
inline constexpr std::uint64_t kStackTop = 0x0000'7FFF'0000'0000;
inline constexpr std::uint64_t kStackSize = 256 * 1024;

constexpr abi::CapabilityIndex own_slot(abi::StartupSlot which) {
    return static_cast<abi::CapabilityIndex>(which);
}

}  // namespace redoubt::init
