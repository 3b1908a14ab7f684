// What the guests of the soak test are on each architecture.
#pragma once

#include <cstdint>
#include <span>

#include "abi/vcpu_state.hpp"

namespace redoubt::fuzz {

inline constexpr unsigned kSoakPrograms = 4;
/// A loop; one that writes memory, at 0x2000; calls of the monitor; a halt.
std::span<const unsigned char> soak_program(unsigned which);

/// To execute what is at `code`, without paging or whatever there may be.
void set_guest_state(abi::VcpuState& state, std::uint64_t code);
/// If a call ended the run.
bool go_on_after_call(abi::VcpuState& state);
void set_program_counter(abi::VcpuState& state, std::uint64_t value);

}  // namespace redoubt::fuzz
