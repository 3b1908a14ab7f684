// The registers of a vCPU as they are in gdb's packets; which ones is the architecture's to say.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "arch/gdb_registers.hpp"

namespace redoubt::vmmd::gdb {

constexpr std::size_t register_offset(unsigned number) {
    std::size_t offset = 0;
    for (unsigned i = 0; i < number; ++i) offset += register_bytes(i);
    return offset;
}
inline constexpr std::size_t kRegisterFileBytes = register_offset(kRegisterCount);

/// All registers of a vCPU, as in a packet: little-endian, without gaps.
class Registers {
  public:
    std::span<std::uint8_t> all() { return bytes_; }
    std::span<const std::uint8_t> all() const { return bytes_; }
    std::span<std::uint8_t> at(unsigned number) {
        return std::span(bytes_).subspan(register_offset(number), register_bytes(number));
    }
    std::span<const std::uint8_t> at(unsigned number) const {
        return std::span(bytes_).subspan(register_offset(number), register_bytes(number));
    }
    /// The first 8 bytes, or fewer if it has fewer.
    std::uint64_t value(unsigned number) const {
        std::uint64_t value = 0;
        std::memcpy(&value, at(number).data(), std::min(at(number).size(), sizeof value));
        return value;
    }
    void set(unsigned number, std::uint64_t value) {
        const auto into = at(number);
        std::memcpy(into.data(), &value, std::min(into.size(), sizeof value));
    }

    friend bool operator==(const Registers&, const Registers&) = default;

  private:
    std::array<std::uint8_t, kRegisterFileBytes> bytes_{};
};

/// target.xml.
const std::string& target_description();

}  // namespace redoubt::vmmd::gdb
