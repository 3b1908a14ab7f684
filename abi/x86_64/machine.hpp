// What init is told about a PC, from its ACPI tables.
#pragma once

#include <cstdint>

namespace redoubt::abi {

struct MachineDescription {
    std::uint32_t pm1a_control_port;  ///< ACPI power-off; 0 if unknown
    std::uint32_t pm1a_sleep_type;    ///< SLP_TYP of \_S5
};

}  // namespace redoubt::abi
