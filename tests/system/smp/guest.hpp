// What the guests of the stress test are on each architecture.
#pragma once

#include <cstdint>
#include <span>

#include "abi/vcpu_state.hpp"

namespace redoubt::stress {

// Of the guest's memory, and the guest's addresses.
inline constexpr std::uint64_t kCodeOffset = 0x1000, kHandlerOffset = 0x2000, kCopyOffset = 0x3000;
inline constexpr std::uint64_t kMemoryAddress = 0x10000, kPageAddress = 0x40000;
// 16-bit words of the guest that takes interrupts: how many, and how long it spins.
inline constexpr std::uint64_t kCountOffset = 0x3000, kSpinOffset = 0x3010;

using Program = std::span<const unsigned char>;

/// Copies what is in the page to the copy, over and over; a call now and then.
Program copying_guest();
/// Spins for a while, looks at a floating-point or vector register, halts, over and over. Calls if
/// that is not what it was.
Program interrupted_guest();
/// Counts; calls perhaps.
Program interrupt_handler();

void set_guest_state(abi::VcpuState& state);
/// After that, for the guest that takes interrupts; `memory` is its memory, `mine` what it has in
/// its register.
void set_interrupt_state(abi::VcpuState& state, volatile unsigned char* memory, std::uint32_t mine);

/// If a call ended the run.
bool go_on_after_call(abi::VcpuState& state);
/// If a halt did.
bool go_on_after_halt(abi::VcpuState& state);
/// A call that says that the register changed.
bool is_complaint(const abi::VcpuState& state);

/// All interrupts before are handled.
bool takes_interrupts(const abi::VcpuState& state);
void inject(abi::VcpuState& state);
/// Whether one may be delivered more often than it is injected.
extern const bool kInterruptsRepeat;
/// For VcpuState::control, while one waits.
extern const std::uint32_t kWaitsForInterrupts;

/// From now on those below, stress_victim() and the guest that takes interrupts use registers, too,
/// that not every processor has.
void use_vectors();
void set_vector_register(std::uint64_t value);
std::uint64_t vector_register();

}  // namespace redoubt::stress
