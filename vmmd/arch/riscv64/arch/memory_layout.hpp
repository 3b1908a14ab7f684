// Where things are in a riscv64 guest's physical address space: as on QEMU's "virt" machine, which
// every riscv64 system knows. The device tree tells the guest.
#pragma once

#include <cstdint>
#include <vector>

#include "libhvcall/address.hpp"

namespace redoubt::vmmd {

inline constexpr std::uint64_t kTestFinisherBase = 0x10'0000;
inline constexpr std::uint64_t kRtcBase = 0x10'1000;
inline constexpr std::uint64_t kPlicBase = 0xC00'0000;
inline constexpr std::uint64_t kSerialBase = 0x1000'0000;
inline constexpr std::uint64_t kMemoryBase = 0x8000'0000;

// Inputs of the PLIC.
inline constexpr unsigned kSerialInterrupt = 10;
inline constexpr unsigned kRtcInterrupt = 11;

struct MemoryRange {
    hvcall::GuestPhysicalAddress base;
    std::uint64_t bytes = 0;
};

inline std::vector<MemoryRange> memory_ranges(std::uint64_t bytes) {
    return {{hvcall::GuestPhysicalAddress{kMemoryBase}, bytes}};
}

}  // namespace redoubt::vmmd
