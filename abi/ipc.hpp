// Messages: the info word and the per-thread IPC buffer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::abi {

/// Describes a message: label (meaning is the receiver's), words of payload, capabilities carried.
struct MessageInfo {
    std::uint64_t raw = 0;

    constexpr MessageInfo() = default;
    constexpr explicit MessageInfo(std::uint64_t value) : raw(value) {}
    constexpr MessageInfo(std::uint32_t label, unsigned words, unsigned capabilities = 0)
        : raw(label | std::uint64_t{words & 0xFFFFU} << 32 | std::uint64_t{capabilities & 0xFFU} << 48) {}

    constexpr std::uint32_t label() const { return static_cast<std::uint32_t>(raw); }
    /// Payload length in 8-byte words, the four that travel in registers included.
    constexpr unsigned words() const { return static_cast<unsigned>(raw >> 32 & 0xFFFF); }
    constexpr unsigned capabilities() const { return static_cast<unsigned>(raw >> 48 & 0xFF); }
};

inline constexpr unsigned kRegisterWords = 4;        ///< words 0..3 of a message travel in registers
inline constexpr unsigned kMaximumWords = 448;       ///< a message's payload, register words included
inline constexpr unsigned kMaximumCapabilities = 4;  ///< capabilities a message may carry

// The two labels below are the kernel's: no Call may carry them.
/// Label of what Recv returns when the thread's bound notification was signalled; mr0 holds the bits.
inline constexpr std::uint32_t kNotificationLabel = 0xFFFF'FFFF;
/// Label of a fault message from the kernel: mr0 FaultKind, mr1 address, mr2 instruction pointer, mr3 error
/// code. Any reply restarts the thread.
inline constexpr std::uint32_t kFaultLabel = 0xFFFF'FFFE;

enum class FaultKind : std::uint64_t {
    PageFault = 0,       ///< mr3: bit 0 present, bit 1 write, bit 4 instruction fetch
    Exception = 1,       ///< mr1: vector
    InvalidSyscall = 2,  ///< a Linux number without a reflection handler; mr1: the number
};

/// One page per thread. The kernel writes it only through its own mapping of the frame.
/// On x86-64 the GS base of the thread points at it; on riscv64 the thread pointer does in reflection handlers and
/// in threads started without a TLS base, and SystemInfo tells.
struct IpcBuffer {
    std::uint64_t self;  ///< its own user address, written at ThreadConfigure
    // Reflection: the kernel stores the interrupted state here, then continues at the handler.
    std::uint64_t reflect_instruction_pointer;
    std::uint64_t reflect_flags;  ///< on riscv64: the thread pointer
    std::uint64_t user_words[13];  ///< never touched by the kernel; libposix keeps its per-thread state here
    // Capability transfer.
    CapabilityIndex send[kMaximumCapabilities];  ///< slots whose capabilities the next message carries
    CapabilityIndex receive_first;               ///< first of the empty slots for received capabilities
    std::uint32_t receive_count;                 ///< how many slots; extra capabilities are not transferred
    std::uint64_t reflect_number;  ///< riscv64: what kReflectReturn loads into a7
    std::uint64_t reserved[44];
    std::uint64_t words[kMaximumWords];  ///< words[0..3] are unused by IPC: those travel in registers
};
static_assert(offsetof(IpcBuffer, reflect_instruction_pointer) == 8);
static_assert(offsetof(IpcBuffer, user_words) == 24);
static_assert(offsetof(IpcBuffer, send) == 128);
static_assert(offsetof(IpcBuffer, reflect_number) == 152);
static_assert(offsetof(IpcBuffer, words) == 512);
static_assert(sizeof(IpcBuffer) == 4096);

}  // namespace redoubt::abi
