// What init is told about a PC, from its ACPI tables.
#pragma once

#include <cstdint>

namespace redoubt::abi {

/// User addresses end here; the page below stays unmapped so that no return address can be
/// non-canonical.
inline constexpr std::uint64_t kUserAddressEnd = 0x0000'7FFF'FFFF'F000;

struct MachineDescription {
    std::uint32_t pm1a_control_port;  ///< ACPI power-off; 0 if unknown
    std::uint32_t pm1a_sleep_type;    ///< SLP_TYP of \_S5
};

}  // namespace redoubt::abi
