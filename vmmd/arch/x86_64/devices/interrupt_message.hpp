// What travels between interrupt sources and local APICs: an I/O APIC entry, an MSI or an IPI.
#pragma once

#include <cstdint>

namespace redoubt::vmmd {

/// Encoded as in the I/O APIC's redirection entry, the MSI data word and the ICR (SDM vol.
/// 3A 11.6.1).
enum class DeliveryMode : std::uint8_t {
    Fixed = 0,
    LowestPriority = 1,
    Smi = 2,
    Nmi = 4,
    Init = 5,
    Startup = 6,
    ExtInt = 7,
};

enum class Shorthand : std::uint8_t { None = 0, Self = 1, All = 2, AllButSelf = 3 };

struct InterruptMessage {
    std::uint8_t vector = 0;
    DeliveryMode mode = DeliveryMode::Fixed;
    bool logical = false;           ///< destination mode
    bool level = false;             ///< trigger mode
    bool wide_destination = false;  ///< `destination` has x2APIC's 32 bits, not xAPIC's 8
    std::uint32_t destination = 0;
    Shorthand shorthand = Shorthand::None;
    unsigned source = 0;  ///< the sender's APIC id, for shorthands
};

}  // namespace redoubt::vmmd
