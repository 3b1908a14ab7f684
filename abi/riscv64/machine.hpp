// What init is told about a RISC-V machine, from its device tree: devices by the physical addresses
// of their registers.
#pragma once

#include <cstdint>

namespace redoubt::abi {

/// User addresses end here in every paging mode: Sv39's lower half, but for a page that stays
/// unmapped.
inline constexpr std::uint64_t kUserAddressEnd = 0x3F'FFFF'F000;

inline constexpr unsigned kMaximumVirtioDevices = 16;

struct DeviceDescription {
    std::uint64_t address;         ///< 0: there is none
    std::uint32_t interrupt;       ///< source of the PLIC
    std::uint32_t register_shift;  ///< log2 of the distance of its registers in bytes
};

struct MachineDescription {
    DeviceDescription console;    ///< a 16550
    std::uint64_t test_finisher;  ///< sifive,test0: power-off, with a status where it is emulated;
                                  ///< 0 if there is none
    std::uint64_t virtio_count;
    DeviceDescription virtio[kMaximumVirtioDevices];  ///< virtio,mmio
};

}  // namespace redoubt::abi
