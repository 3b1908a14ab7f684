// Interrupt vectors, segment selectors, and who handles an interrupt.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

inline constexpr unsigned kVectorNmi = 2;
inline constexpr unsigned kVectorBreakpoint = 3;
inline constexpr unsigned kVectorDoubleFault = 8;
inline constexpr unsigned kVectorPageFault = 14;
inline constexpr unsigned kVectorMachineCheck = 18;
inline constexpr unsigned kFirstInterruptVector = 32;
inline constexpr unsigned kFirstIrqVector = 0x30;  ///< irq slot 0; 192 follow
inline constexpr unsigned kVectorTimer = 0xF0;
inline constexpr unsigned kVectorProcessor = 0xF1;  ///< from another processor
inline constexpr unsigned kVectorSpurious = 0xFF;

/// SYSRET wants user data right before user code, both after STAR's base (APM vol. 2, 6.1.1).
inline constexpr std::uint16_t kKernelCode = 0x08;
inline constexpr std::uint16_t kKernelData = 0x10;
inline constexpr std::uint16_t kSysretBase = 0x18 | 3;
/// User data is 0x23 and user code 0x2B: entry.S.
inline constexpr std::uint16_t kTaskState = 0x30;

/// Calls on_timer() or on_irq() and tells the interrupt controller.
void dispatch_interrupt(unsigned vector);

}  // namespace redoubt::kernel
