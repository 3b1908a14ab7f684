// The registers that the exit benchmarks' guest starts with: 64-bit mode, its first GiB mapped 1:1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "abi/vcpu_state.hpp"
#include "tests/bench/samples.hpp"
#include "tests/bench/x86_64/guest_layout.hpp"

namespace redoubt::bench {

inline constexpr std::uint64_t kMemoryBase = 0;

inline std::uint64_t program_counter(const abi::VcpuState& state) { return state.rip; }

inline void set_start(abi::VcpuState& s) {
    std::memset(s.gpr, 0, sizeof s.gpr);
    s.gpr[abi::kRsp] = kStack;
    s.rip = kCode;
    s.rflags = 2;
    s.inject = 0;
    s.control = 0;
    s.deadline = abi::kNever;
    s.cr0 = kCr0;
    s.cr3 = kTables;
    s.cr4 = kCr4;
    s.efer = kEfer;
    for (auto& segment : s.segments) segment = {0x10, 0xC93, 0xFFFF'FFFF, 0};
    s.segments[abi::kCs] = {0x08, 0xA9B, 0xFFFF'FFFF, 0};
    s.segments[abi::kLdtr] = {0, 0x082, 0xFFFF, 0};
    s.segments[abi::kTr] = {0, 0x08B, 0xFFFF, 0};
    s.gdtr = {0, 0, 23, kGdt};
    s.idtr = {0, 0, 0xFFF, kIdt};
}

/// What a routine that measures itself starts with.
struct Start {
    std::uint32_t argument = 0;
    std::uint64_t address = 0;
    std::size_t rounds = kRounds;
};

inline void set_arguments(abi::VcpuState& state, const Start& start) {
    state.gpr[abi::kRdi] = kResults;
    state.gpr[abi::kRsi] = start.rounds;
    state.gpr[abi::kR10] = start.argument;
    state.gpr[abi::kRbx] = start.address;
}

}  // namespace redoubt::bench
