// Buses.
#include "vmmd/bus/bus.hpp"

#include <stdexcept>
#include <string>

namespace redoubt::vmmd {

void PortBus::attach(std::uint64_t base, std::uint64_t size, Device& device) {
    if (size == 0 || base >= index_.size() || size > index_.size() - base ||
        ranges_.size() >= 255) {
        throw std::logic_error("not a range of ports: " + std::string(device.name()));
    }
    for (auto port = base; port < base + size; ++port) {
        if (index_[port] != 0) {
            throw std::logic_error("two devices at one port: " + std::string(device.name()) + ", " +
                                   std::string(ranges_[index_[port] - 1U].device->name()));
        }
        index_[port] = static_cast<std::uint8_t>(ranges_.size() + 1);
    }
    ranges_.push_back({base, size, &device});
}

/// The range that answers to all bytes of the access, or none.
const BusRange* PortBus::find(std::uint16_t port, unsigned size) const {
    const auto index = index_[port];
    if (index == 0) return nullptr;
    const auto& range = ranges_[index - 1U];
    return port + size <= range.base + range.size ? &range : nullptr;
}

std::uint32_t PortBus::read(std::uint16_t port, unsigned size) {
    if (const auto* range = find(port, size)) [[likely]] {
        std::array<std::uint8_t, 4> data{};
        range->device->read(port - range->base, std::span(data).first(size));
        return data[0] | data[1] << 8 | data[2] << 16 | static_cast<std::uint32_t>(data[3]) << 24;
    }
    if (size > 1) {
        // Spans an end of a device: byte by byte, as the chipset would split it.
        std::uint32_t value = 0;
        bool anybody = false;
        for (unsigned i = 0; i < size; ++i) {
            anybody = anybody || (port + i < index_.size() && index_[port + i] != 0);
        }
        for (unsigned i = 0; anybody && i < size; ++i) {
            value |= read(static_cast<std::uint16_t>(port + i), 1) << (8 * i);
        }
        if (anybody) return value;
    }
    std::array<std::uint8_t, 4> data{};
    unclaimed_.read(port, std::span(data).first(size));
    return data[0] | data[1] << 8 | data[2] << 16 | static_cast<std::uint32_t>(data[3]) << 24;
}

void PortBus::write(std::uint16_t port, unsigned size, std::uint32_t value) {
    const std::array<std::uint8_t, 4> data = {
        static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
        static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
    if (const auto* range = find(port, size)) [[likely]] {
        range->device->write(port - range->base, std::span(data).first(size));
        return;
    }
    bool anybody = false;
    for (unsigned i = 0; i < size; ++i) {
        const auto byte_port = port + i;
        if (size == 1 || byte_port >= index_.size() || index_[byte_port] == 0) continue;
        anybody = true;
        write(static_cast<std::uint16_t>(byte_port), 1, value >> (8 * i) & 0xFF);
    }
    if (!anybody) unclaimed_.write(port, std::span(data).first(size));
}

std::string_view PortBus::device_at(std::uint16_t port) const {
    const auto* range = find(port, 1);
    return range != nullptr ? range->device->name() : std::string_view();
}

void MmioBus::attach(std::uint64_t base, std::uint64_t size, Device& device) {
    for (const auto& range : ranges_) {
        if (base < range.base + range.size && range.base < base + size) {
            throw std::logic_error("two devices at one address: " + std::string(device.name()) +
                                   ", " + std::string(range.device->name()));
        }
    }
    ranges_.push_back({base, size, &device});
}

// A VM has a handful of ranges: a search from the front is as quick as any tree.
const BusRange* MmioBus::find(std::uint64_t address, std::size_t size) const {
    for (const auto& range : ranges_) {
        const auto offset = address - range.base;
        if (offset < range.size && size <= range.size - offset) return &range;
    }
    return nullptr;
}

void MmioBus::read(std::uint64_t address, std::span<std::uint8_t> data) {
    if (const auto* range = find(address, data.size())) [[likely]] {
        range->device->read(address - range->base, data);
        return;
    }
    unclaimed_.read(address, data);
}

void MmioBus::write(std::uint64_t address, std::span<const std::uint8_t> data) {
    if (const auto* range = find(address, data.size())) [[likely]] {
        range->device->write(address - range->base, data);
        return;
    }
    unclaimed_.write(address, data);
}

std::string_view MmioBus::device_at(std::uint64_t address) const {
    const auto* range = find(address, 1);
    return range != nullptr ? range->device->name() : std::string_view();
}

}  // namespace redoubt::vmmd
