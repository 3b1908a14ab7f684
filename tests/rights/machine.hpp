// What the capability tests must know of the machine they run on.
#pragma once

#include "libhvcall/native/syscall.hpp"

namespace redoubt::rights {

#if defined(__riscv)
inline constexpr bool kHasPorts = false;
inline constexpr bool kHasMessageInterrupts = false;
inline constexpr bool kHasIdentification = false;
inline constexpr bool kHasDoorbells = false;
#else
inline constexpr bool kHasPorts = true;
inline constexpr bool kHasMessageInterrupts = true;
inline constexpr bool kHasIdentification = true;
inline constexpr bool kHasDoorbells = true;
#endif
inline constexpr unsigned kFreeLine = 11;  ///< an interrupt line nobody uses

/// The interrupt number `index` of those that nobody uses.
inline abi::Error claim_free_interrupt(native::Slot control, native::Slot destination,
                                       unsigned index) {
    return kHasMessageInterrupts ? native::irq_claim_msi(control, destination).error
                                 : native::irq_claim(control, kFreeLine + 1 + index, destination);
}

}  // namespace redoubt::rights
