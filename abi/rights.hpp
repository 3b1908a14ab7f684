// Rights a capability may carry. A copy or mint can only drop rights, never add them.
#pragma once

#include <cstdint>

namespace redoubt::abi {

/// Bit mask. What each right permits depends on the object's type; see docs/abi.md.
enum class Rights : std::uint32_t {
    None = 0,
    Read = 1U << 0,      ///< Frame: map readable. Endpoint: receive. Notification: wait. Vm/Vcpu: read state.
    Write = 1U << 1,     ///< Frame: map writable. Endpoint: call. Notification: signal. Vcpu: run, write state.
    Execute = 1U << 2,   ///< Frame: map executable.
    Grant = 1U << 3,     ///< Endpoint: messages through it may carry capabilities.
    Manage = 1U << 4,    ///< Configure or control the object (Thread, CNode, AddressSpace, Vm, Irq, ports).
    Physical = 1U << 5,  ///< Frame: its physical address may be read (needed for DMA).
    All = 0x3F,
};

constexpr Rights operator|(Rights a, Rights b) {
    return static_cast<Rights>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr Rights operator&(Rights a, Rights b) {
    return static_cast<Rights>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
/// True if `held` contains every right in `needed`.
constexpr bool includes(Rights held, Rights needed) { return (held & needed) == needed; }

}  // namespace redoubt::abi
