// What a device model is: registers at offsets, and a reset. Nothing about buses or hypercalls.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace redoubt::vmmd {

/// A device behind a bus. Any thread may call it: a device guards its state with its own mutex, and
/// a bus calls it with no lock held.
class Device {
  public:
    virtual ~Device() = default;

    virtual std::string_view name() const = 0;
    /// Fills `data` (1, 2, 4 or 8 bytes, little-endian) from the registers at `offset`.
    virtual void read(std::uint64_t offset, std::span<std::uint8_t> data) = 0;
    virtual void write(std::uint64_t offset, std::span<const std::uint8_t> data) = 0;
    /// Back to the state after power-on.
    virtual void reset() = 0;
};

/// A device of 8-bit registers. A wider access becomes one access per byte at rising offsets, as
/// the ISA bus does it.
class ByteDevice : public Device {
  public:
    void read(std::uint64_t offset, std::span<std::uint8_t> data) final {
        if (data.size() == 1) [[likely]] {
            data[0] = read_byte(offset);
            return;
        }
        for (auto& byte : data) byte = read_byte(offset++);
    }
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) final {
        if (data.size() == 1) [[likely]]
            return write_byte(offset, data[0]);
        for (const auto byte : data) write_byte(offset++, byte);
    }

    virtual std::uint8_t read_byte(std::uint64_t offset) = 0;
    virtual void write_byte(std::uint64_t offset, std::uint8_t value) = 0;
};

/// One range of a device that has several: what the bus sees at 0, the device sees at
/// `first_offset`.
class DeviceWindow final : public Device {
  public:
    DeviceWindow(Device& target, std::uint64_t first_offset)
        : target_(target), first_offset_(first_offset) {}

    std::string_view name() const override { return target_.name(); }
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override {
        target_.read(first_offset_ + offset, data);
    }
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override {
        target_.write(first_offset_ + offset, data);
    }
    void reset() override { target_.reset(); }

  private:
    Device& target_;
    std::uint64_t first_offset_;
};

/// Little-endian value of an access's bytes.
inline std::uint64_t load_little_endian(std::span<const std::uint8_t> data) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < data.size() && i < 8; ++i) {
        value |= static_cast<std::uint64_t>(data[i]) << (8 * i);
    }
    return value;
}

/// Writes `value` into an access's bytes; bytes beyond the eighth become zero.
inline void store_little_endian(std::span<std::uint8_t> data, std::uint64_t value) {
    for (auto& byte : data) {
        byte = static_cast<std::uint8_t>(value);
        value >>= 8;
    }
}

}  // namespace redoubt::vmmd
