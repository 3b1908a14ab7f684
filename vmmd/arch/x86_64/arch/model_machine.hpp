// What a scripted guest does to its machine (model_guest.cpp).
#pragma once

#include "libhvcall/model/x86_64/exits.hpp"

namespace redoubt::vmmd::model_machine {

namespace exits = hvcall::model::exits;

inline constexpr std::uint64_t kScratchMemory = 0x1000;  ///< where guest memory is free

// Registers of the UART.
inline constexpr unsigned kData = 0, kLineStatus = 5;
inline auto write_serial(unsigned offset, std::uint8_t value) {
    return exits::port_out(static_cast<std::uint16_t>(0x3F8 + offset), 1, value);
}
inline auto read_serial(unsigned offset) {
    return exits::port_in(static_cast<std::uint16_t>(0x3F8 + offset), 1);
}
/// What the last reading gave.
inline std::uint64_t read_value(const abi::VcpuState& state) { return state.gpr[abi::kRax]; }
inline bool at_start(const abi::VcpuState& state) { return state.rip == 0xFFF0; }

inline auto power_off() { return exits::port_out(0x604, 2, 0x2000 | 5U << 10); }
inline auto reset() { return exits::port_out(0xCF9, 1, 6); }
inline auto crash() { return exits::shutdown(); }
/// Without interrupts.
inline hvcall::model::Step halt_forever() {
    return [](abi::VcpuState& state, const hvcall::GuestMemory& memory) {
        state.rflags &= ~std::uint64_t{0x200};
        exits::halt()(state, memory);
    };
}

}  // namespace redoubt::vmmd::model_machine
