// The configuration address register, and the host bridge's read-only header behind it.
#include "vmmd/arch/x86_64/devices/pci_host.hpp"

#include <algorithm>
#include <array>

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kAddressOffset = 0, kResetOffset = 1, kDataOffset = 4;
constexpr std::uint32_t kEnable = 1U << 31;
constexpr std::uint32_t kAddressBits = 0x80FF'FFFC;  ///< the others read as 0
constexpr std::uint32_t kBusDeviceFunction = 0x00FF'FF00, kRegister = 0xFC;

/// Type 0 header: identification and class code (0600: host bridge). No BARs, no capabilities, no
/// interrupt pin.
constexpr std::array<std::uint32_t, 3> kHeader = {
    PciHost::kDevice << 16 | PciHost::kVendor,
    0,              // status, command
    0x0600U << 16,  // class, subclass, programming interface, revision
};

std::uint32_t configuration_register(std::uint32_t address) {
    if ((address & kEnable) == 0 || (address & kBusDeviceFunction) != 0) return 0xFFFF'FFFF;
    const auto index = (address & kRegister) / 4;
    return index < kHeader.size() ? kHeader[index] : 0;
}

}  // namespace

void PciHost::read(std::uint64_t offset, std::span<std::uint8_t> data) {
    if (offset == kResetOffset && data.size() == 1) return reset_control_.read(0, data);
    std::ranges::fill(data, 0xFF);
    const std::lock_guard lock(mutex_);
    if (offset == kAddressOffset && data.size() == 4) {
        store_little_endian(data, address_);
    } else if (offset >= kDataOffset) {
        const auto value = configuration_register(address_);
        // What lies beyond the four data ports floats.
        for (auto& byte : data) {
            if (offset < kSize)
                byte = static_cast<std::uint8_t>(value >> 8 * (offset - kDataOffset));
            ++offset;
        }
    }
}

void PciHost::write(std::uint64_t offset, std::span<const std::uint8_t> data) {
    if (offset == kResetOffset && data.size() == 1) return reset_control_.write(0, data);
    // Only 32-bit accesses mean the address register; the bridge's header is read-only.
    if (offset != kAddressOffset || data.size() != 4) return;
    const std::lock_guard lock(mutex_);
    address_ = static_cast<std::uint32_t>(load_little_endian(data)) & kAddressBits;
}

void PciHost::reset() {
    const std::lock_guard lock(mutex_);
    address_ = 0;
}

}  // namespace redoubt::vmmd
