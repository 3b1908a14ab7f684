// See pci.hpp.
#include "schemes/chan/x86_64/pci.hpp"

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

namespace {

constexpr std::uint16_t kConfigAddress = 0xCF8;
constexpr std::uint16_t kConfigData = 0xCFC;
constexpr unsigned kDevices = 32, kFunctions = 8, kDeepest = 8;

enum Offset : unsigned {
    kIdentity = 0x00,
    kCommand = 0x04,
    kStatus = 0x06,
    kHeaderType = 0x0E,
    kFirstBar = 0x10,
    kSecondaryBus = 0x19,
    kCapabilities = 0x34,
};

constexpr std::uint32_t select(PciAddress address, unsigned offset) {
    return 0x8000'0000U | std::uint32_t{address.bus} << 16 | std::uint32_t{address.device} << 11 |
           std::uint32_t{address.function} << 8 | (offset & 0xFCU);
}

}  // namespace

std::uint32_t PciBus::read(PciAddress address, unsigned offset) const {
    native::port_out(ports_, kConfigAddress, 4, select(address, offset));
    return native::port_in(ports_, kConfigData, 4).value;
}

void PciBus::write(PciAddress address, unsigned offset, std::uint32_t value) const {
    native::port_out(ports_, kConfigAddress, 4, select(address, offset));
    native::port_out(ports_, kConfigData, 4, value);
}

std::optional<PciFunction> PciBus::find(const Wanted& wanted) const { return search(0, wanted, 0); }

std::optional<PciFunction> PciBus::search(unsigned bus, const Wanted& wanted,
                                          unsigned depth) const {
    for (unsigned device = 0; device < kDevices; ++device) {
        for (unsigned function = 0; function < kFunctions; ++function) {
            const PciFunction candidate(
                *this, {static_cast<std::uint8_t>(bus), static_cast<std::uint8_t>(device),
                        static_cast<std::uint8_t>(function)});
            const std::uint32_t identity = candidate.read32(kIdentity);
            if (identity == 0xFFFF'FFFF) {
                if (function == 0) {
                    break;
                }
                continue;
            }
            if (wanted(static_cast<std::uint16_t>(identity),
                       static_cast<std::uint16_t>(identity >> 16))) {
                return candidate;
            }
            const std::uint8_t header = candidate.read8(kHeaderType);
            const unsigned secondary = candidate.read8(kSecondaryBus);
            if ((header & 0x7F) == 1 && secondary > bus && depth < kDeepest) {
                if (const auto found = search(secondary, wanted, depth + 1)) {
                    return found;
                }
            }
            if (function == 0 && (header & 0x80) == 0) {
                break;
            }
        }
    }
    return std::nullopt;
}

std::uint8_t PciFunction::read8(unsigned offset) const {
    return static_cast<std::uint8_t>(read32(offset) >> (offset & 3) * 8);
}

std::uint16_t PciFunction::read16(unsigned offset) const {
    return static_cast<std::uint16_t>(read32(offset) >> (offset & 2) * 8);
}

void PciFunction::write16(unsigned offset, std::uint16_t value) const {
    const unsigned shift = (offset & 2) * 8;
    const std::uint32_t other = read32(offset) & ~(0xFFFFU << shift);
    bus_->write(address_, offset, other | std::uint32_t{value} << shift);
}

unsigned PciFunction::capability(std::uint8_t id, unsigned after) const {
    if ((read16(kStatus) & 0x10) == 0) {
        return 0;
    }
    unsigned offset = after == 0 ? read8(kCapabilities) : read8(after + 1);
    for (unsigned steps = 0; steps < 48; ++steps) {
        offset &= 0xFC;
        if (offset < 0x40) {
            return 0;
        }
        if (read8(offset) == id) {
            return offset;
        }
        offset = read8(offset + 1);
    }
    return 0;
}

std::uint64_t PciFunction::memory_bar(unsigned index) const {
    const unsigned offset = kFirstBar + index * 4;
    const std::uint32_t low = read32(offset);
    if ((low & 1) != 0) {
        return 0;
    }
    const bool is_wide = (low & 6) == 4;
    const std::uint64_t high = is_wide ? read32(offset + 4) : 0;
    return high << 32 | (low & ~0xFU);
}

void PciFunction::enable() const {
    constexpr std::uint16_t kMemory = 1U << 1, kBusMaster = 1U << 2, kNoLegacyInterrupt = 1U << 10;
    // The status register beside it keeps what is written as zeros.
    bus_->write(address_, kCommand,
                (read32(kCommand) & 0xFFFFU) | kMemory | kBusMaster | kNoLegacyInterrupt);
}

}  // namespace redoubt::chan
