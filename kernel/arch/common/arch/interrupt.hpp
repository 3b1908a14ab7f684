// Device interrupts: each claimed one has a slot, whose number on_irq() gets.
#pragma once

#include <cstdint>

#include "kernel/result.hpp"

namespace redoubt::kernel {

inline constexpr unsigned kIrqSlotCount = 192;

struct MsiMessage {
    std::uint64_t address;
    std::uint32_t data;
};

/// Claims an interrupt line: on x86-64 a global system interrupt (below 16: ISA numbers, translated
/// by the MADT's overrides), on riscv64 a source of the PLIC.
/// The line is unmasked. InvalidArgument if no controller has it, Busy if it is claimed already,
/// NoMemory if slots ran out.
Result<unsigned> irq_claim_gsi(std::uint32_t gsi);
/// Claims a slot for a message-signalled interrupt and tells what the device must write where.
/// NotSupported if no controller takes messages.
Result<unsigned> irq_claim_msi(MsiMessage& message);
void irq_mask(unsigned slot);
void irq_unmask(unsigned slot);
/// Masks the line and makes the slot free.
void irq_release(unsigned slot);

/// Lets a pending host interrupt in while in the kernel; on_timer() or on_irq() have run when it
/// returns.
void take_pending_interrupts();

}  // namespace redoubt::kernel
