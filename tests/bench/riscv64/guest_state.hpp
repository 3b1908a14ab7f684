// The exit benchmarks' guest: VS-mode without translation, its code and data where they are here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "abi/object.hpp"
#include "tests/bench/samples.hpp"
#include "vmmd/arch/riscv64/cpu/initial_state.hpp"

#define GUEST_ROUTINE(name) extern "C" const std::uint8_t guest_##name[], guest_##name##_end[]
GUEST_ROUTINE(call);
GUEST_ROUTINE(ipi);
GUEST_ROUTINE(load);
GUEST_ROUTINE(load_word);
GUEST_ROUTINE(store);
GUEST_ROUTINE(halt);
GUEST_ROUTINE(touch);
GUEST_ROUTINE(timer);
GUEST_ROUTINE(timer_handler);
GUEST_ROUTINE(interrupt);
GUEST_ROUTINE(interrupt_handler);

namespace redoubt::bench {

inline constexpr std::uint64_t kMemoryBase = 0x8000'0000;
inline constexpr std::uint64_t kStack = kMemoryBase + 0x8000;
inline constexpr std::uint64_t kHandler = kMemoryBase + 0x8000;
inline constexpr std::uint64_t kCode = kMemoryBase + 0x1'0000;
inline constexpr std::uint64_t kResults = kMemoryBase + 0x20'0000;

/// In ticks: the RDTIME of the two that the time between them has.
inline constexpr std::uint64_t kMeasuringOverhead = 10;

inline std::uint64_t program_counter(const abi::VcpuState& state) { return state.pc; }

template <class Store>
void make_tables(Store&&) {}

inline void set_start(abi::VcpuState& state) {
    constexpr unsigned kSp = 2;
    vmmd::set_start(state, kCode, 0, 0);
    state.gpr[kSp] = kStack;
    state.deadline = abi::kNever;
    state.time_delta = 0;
}

/// What a routine that measures itself starts with.
struct Start {
    std::uint64_t extension = 0, function = 0;  ///< of the SBI
    std::uint64_t address = 0;
    std::size_t rounds = kRounds;
};

inline void set_arguments(abi::VcpuState& state, const Start& start) {
    enum Gpr { kS0 = 8, kS1 = 9, kS2 = 18 };
    state.gpr[kS0] = kResults;
    state.gpr[kS1] = start.rounds;
    state.gpr[kS2] = start.extension;
    state.gpr[kS2 + 1] = start.function;
    state.gpr[kS2 + 2] = start.address;
    state.gpr[kS2 + 3] = kHandler;
}

}  // namespace redoubt::bench
