// The local APIC, for the arch code.
#pragma once

#include <cstdint>

#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

/// Enables the boot processor's local APIC (x2APIC if there is one).
void apic_initialize();
/// A further processor's local APIC.
void apic_initialize_processor();
void apic_end_of_interrupt();

/// Interrupt commands. To a processor by APIC ID: an interrupt, INIT, or start-up at a page below
/// 1 MiB.
void apic_send_interrupt(std::uint32_t apic_id, unsigned vector);
void apic_send_init(std::uint32_t apic_id);
void apic_send_startup(std::uint32_t apic_id, PhysicalAddress page);

/// The APIC timer as a one-shot counter at the bus clock.
void apic_timer_setup(bool tsc_deadline);
void apic_timer_start(std::uint32_t count);

/// Prepares the local timer; needs the APIC.
void timer_initialize();
/// A further processor's local timer.
void timer_initialize_processor();
/// Finds the IOAPICs and masks all their lines.
void interrupt_initialize();

}  // namespace redoubt::kernel
