// The unprivileged side of the fuzzer: what its threads share with the driver.
#pragma once

#include <cstdint>

#include "tests/system/fuzz/support.hpp"

namespace redoubt::fuzz {

inline constexpr unsigned kWorkers = 4;     ///< threads that the driver makes
inline constexpr unsigned kAllWorkers = 8;  ///< with those that they make themselves
inline constexpr std::uint64_t kControlAddress = 0x2000'0000;
inline constexpr std::uint64_t kBufferAddress = 0x2100'0000;  ///< IPC buffers, one page each
inline constexpr std::uint64_t kWindowAddress = 0x3000'0000;  ///< where workers map things
inline constexpr std::uint64_t kStackBytes = 4096;
inline constexpr unsigned kCNodeBits = 12;
inline constexpr Slot kSlots = 1U << (kCNodeBits - abi::kSlotBits);
inline constexpr unsigned kCalls =
    static_cast<unsigned>(static_cast<std::uint64_t>(abi::SyscallNumber::End_) - abi::kNativeBase);

/// Slots of both of the workers' CNodes that the driver fills.
enum WorkerSlot : Slot {
    kOwnCNode = 1,
    kOtherCNode,
    kOwnSpace,
    kSecondSpace,
    kUntyped,
    kEndpoint1,
    kEndpoint2,
    kNotification1,
    kNotification2,
    kReply1,
    kReply2,
    kHv,
    kIrqControl,
    kIrq,
    kPorts,
    kFaultEndpoint,
    kThread0,
    kBuffer0 = kThread0 + kWorkers,
    kFirstFree = kBuffer0 + kWorkers,
};

/// What other processes have in memory and in registers, and all memory held before a round began.
/// No worker may ever see it, and none has it in its own program: there it is the complement.
inline constexpr std::uint64_t kSecretComplement = ~0xDEAD'0BAD'F00D'0BADULL;
/// Its complement cannot be computed beforehand.
[[gnu::always_inline]] inline std::uint64_t hide(std::uint64_t word) {
    asm("" : "+r"(word));
    return word;
}
[[gnu::always_inline]] inline std::uint64_t secret() { return ~hide(kSecretComplement); }
[[gnu::always_inline]] inline bool is_secret(std::uint64_t word) {
    return hide(~word) == kSecretComplement;
}

// In the architecture's registers.cpp.
/// From now on those below look at registers, too, that not every processor has.
void use_vectors();
/// Has all registers hold `secret` for a while.
void fill_registers(std::uint64_t secret);
/// Some of those that calls do not touch.
inline constexpr unsigned kVectorWords = 8;
void read_vector_registers(std::uint64_t (&words)[kVectorWords]);
/// Where a vCPU's next instruction is.
std::uint64_t& program_counter(abi::VcpuState& state);

/// Where a secret can come to light.
enum class Leak : std::uint64_t { None, Result, VectorRegister, Message, Mapping, VcpuState };

/// One page that both sides see.
struct Control {
    volatile Leak leak;  ///< the last one that was found
    volatile std::uint64_t calls[kAllWorkers];
    Random random[kAllWorkers];
    volatile std::uint64_t accepted[kCalls];  ///< calls that returned Ok
    volatile std::uint64_t refused[kCalls];
};

inline Control& control() { return *reinterpret_cast<Control*>(kControlAddress); }

extern "C" {
/// Where a worker starts; its argument is its number.
void worker_entry();
extern unsigned char worker_stacks[kAllWorkers][kStackBytes];
}

}  // namespace redoubt::fuzz
