// What a scripted guest does to its machine (model_guest.cpp).
#pragma once

#include "arch/memory_layout.hpp"
#include "libhvcall/model/riscv64/exits.hpp"

namespace redoubt::vmmd::model_machine {

namespace exits = hvcall::model::exits;
using hvcall::GuestPhysicalAddress;

inline constexpr std::uint64_t kScratchMemory =
    kMemoryBase + 0x1000;  ///< where guest memory is free

// Registers of the UART.
inline constexpr unsigned kData = 0, kLineStatus = 5;
inline auto write_serial(unsigned offset, std::uint8_t value) {
    return exits::store(GuestPhysicalAddress{kSerialBase + offset}, 1, value);
}
inline auto read_serial(unsigned offset) {
    return exits::load(GuestPhysicalAddress{kSerialBase + offset}, 1);
}
/// What the last reading gave.
inline std::uint64_t read_value(const abi::VcpuState& state) { return state.gpr[10]; }
inline bool at_start(const abi::VcpuState& state) { return state.pc == 0; }

inline auto reset_call(std::uint64_t type) { return exits::call(0x5352'5354, 0, {type}); }
inline auto power_off() { return reset_call(0); }
inline auto reset() { return reset_call(1); }
inline auto crash() { return exits::entry_failure(); }
/// Without interrupts.
inline auto halt_forever() { return exits::halt(0); }

}  // namespace redoubt::vmmd::model_machine
