// What the probe needs of the machine it runs on.
#pragma once

#include <cstdint>

#include "abi/startup.hpp"

namespace redoubt::probe {

/// Fills the slots from `next_slot` on.
void initialize_machine(const abi::BootInfo& boot, abi::CapabilityIndex& next_slot);
void put(char character);
/// The emulator ends with this code.
void end_machine(unsigned code);

/// The line of a device that interrupts about a thousand times in a second once it was started.
extern const std::uint32_t kTickLine;
void start_ticks();
/// After each of its interrupts.
void next_tick(abi::CapabilityIndex irq);

/// The bytes of the instruction that makes a system call.
extern const unsigned char kSystemCall[];
extern const unsigned kSystemCallBytes;

}  // namespace redoubt::probe
