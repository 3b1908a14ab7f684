// Host tests: I/O ports remember what was written last.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

inline std::uint32_t fake_ports[0x10000];

inline void port_out8(std::uint16_t port, std::uint8_t value) { fake_ports[port] = value; }
inline void port_out16(std::uint16_t port, std::uint16_t value) { fake_ports[port] = value; }
inline void port_out32(std::uint16_t port, std::uint32_t value) { fake_ports[port] = value; }
inline std::uint8_t port_in8(std::uint16_t port) {
    return static_cast<std::uint8_t>(fake_ports[port]);
}
inline std::uint16_t port_in16(std::uint16_t port) {
    return static_cast<std::uint16_t>(fake_ports[port]);
}
inline std::uint32_t port_in32(std::uint16_t port) { return fake_ports[port]; }

}  // namespace redoubt::kernel
