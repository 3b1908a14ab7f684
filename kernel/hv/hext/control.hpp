// The H-extension's control registers (Privileged Architecture 1.12, chapter 8) and their bits.
#pragma once

#include <cstdint>

#include "abi/riscv64/vcpu_state.hpp"

namespace redoubt::kernel::hext {

/// hstatus (8.2.1).
struct Hstatus {
    static constexpr std::uint64_t kTrapTranslation = 1ULL << 20;  ///< VTVM
    static constexpr std::uint64_t kTrapWfi = 1ULL << 21;          ///< VTW
    static constexpr std::uint64_t kRegisters64 = 2ULL << 32;      ///< VSXL
};

/// hgatp (8.2.10).
struct Hgatp {
    /// Sv39x4, Sv48x4 and Sv57x4 by the number of their levels.
    static constexpr std::uint64_t mode(unsigned levels) { return (levels + 5ULL) << 60; }
    static constexpr unsigned kModeShift = 60, kVmidShift = 44;
    static constexpr std::uint64_t kVmidMask = 0x3FFF;
};

/// henvcfg (8.2.5): VS-mode has stimecmp.
inline constexpr std::uint64_t kEnvironmentTimer = 1ULL << 63;
/// hcounteren (8.2.6): the time is readable, the host's other counters are not.
inline constexpr std::uint64_t kCounterTime = 1 << 1;

/// hvip's bits; hideleg gives them all to the guest.
inline constexpr std::uint64_t kVirtualInterrupts =
    abi::kInjectSoftware | abi::kInjectTimer | abi::kInjectExternal;

/// Codes of scause (table 8.6).
struct Cause {
    static constexpr std::uint64_t kSupervisorCall = 10;  ///< from VS-mode
    static constexpr std::uint64_t kFetchGuestPageFault = 20;
    static constexpr std::uint64_t kLoadGuestPageFault = 21;
    static constexpr std::uint64_t kVirtualInstruction = 22;
    static constexpr std::uint64_t kStoreGuestPageFault = 23;
};

/// hedeleg: what the guest deals with itself unless the monitor asks for it, all that may be
/// delegated (table 8.2).
inline constexpr std::uint64_t kGuestExceptions = 0xB1FF;

// What the processor would keep of these (8.2): QEMU 7.2 keeps everything, lets vsstatus into
// mstatus and aborts at modes of vsatp it does not know.

/// vsstatus: SIE, SPIE, SPP, VS, FS, SUM and MXR; user mode has 64 bits.
constexpr std::uint64_t sanitized_status(std::uint64_t status) {
    constexpr std::uint64_t kKnown = 0xC'6722, kUser64 = 2ULL << 32;
    return (status & kKnown) | kUser64;
}

/// vsatp: Bare, Sv39, Sv48 or Sv57.
constexpr std::uint64_t sanitized_translation(std::uint64_t translation) {
    const std::uint64_t mode = translation >> 60;
    return mode == 0 || (mode >= 8 && mode <= 10) ? translation : 0;
}

}  // namespace redoubt::kernel::hext
