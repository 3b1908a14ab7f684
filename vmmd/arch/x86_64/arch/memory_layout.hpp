// Where things are in a PC guest's physical address space.
#pragma once

#include <cstdint>
#include <vector>

#include "libhvcall/address.hpp"

namespace redoubt::vmmd {

/// RAM below 4 GiB ends here at the latest; above are the I/O APIC, the local APICs and firmware.
inline constexpr std::uint64_t kLowMemoryLimit = 0xC000'0000;
inline constexpr std::uint64_t kHighMemoryBase = 0x1'0000'0000;

// The first MiB, as the boot code uses it before the guest takes over.
inline constexpr std::uint64_t kBootGdt = 0x500;
inline constexpr std::uint64_t kBootParameters = 0x7000;  ///< the kernel's "zero page"
inline constexpr std::uint64_t kBootPageTables = 0x9000;  ///< PML4, PDPT, four PDs
inline constexpr std::uint64_t kBootCommandLine = 0x2'0000;
inline constexpr std::uint64_t kExtendedBiosData = 0x9'FC00;
inline constexpr std::uint64_t kVideoHole = 0xA'0000;
inline constexpr std::uint64_t kFirmwareTables = 0xE'0000;  ///< ACPI, found there by its signature
inline constexpr std::uint64_t kFirmwareTablesEnd = 0x10'0000;

struct MemoryRange {
    hvcall::GuestPhysicalAddress base;
    std::uint64_t bytes = 0;
};

/// Splits a guest's memory around the hole below 4 GiB.
inline std::vector<MemoryRange> memory_ranges(std::uint64_t bytes) {
    using hvcall::GuestPhysicalAddress;
    if (bytes <= kLowMemoryLimit) return {{GuestPhysicalAddress{0}, bytes}};
    return {{GuestPhysicalAddress{0}, kLowMemoryLimit},
            {GuestPhysicalAddress{kHighMemoryBase}, bytes - kLowMemoryLimit}};
}
/// End of the RAM below 4 GiB.
constexpr std::uint64_t low_memory_end(std::uint64_t bytes) {
    return bytes < kLowMemoryLimit ? bytes : kLowMemoryLimit;
}
/// End of all RAM.
constexpr std::uint64_t memory_end(std::uint64_t bytes) {
    return bytes <= kLowMemoryLimit ? bytes : kHighMemoryBase + (bytes - kLowMemoryLimit);
}

}  // namespace redoubt::vmmd
