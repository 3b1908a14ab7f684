// What the x86-64 kernel is told about the machine.
#pragma once

#include "boot/lists.hpp"

namespace redoubt::boot {

inline constexpr unsigned kMaximumProcessors = 64, kMaximumIoApics = 16;
inline constexpr std::uint32_t kIsaInterrupts = 16;

struct IoApic {
    PhysicalAddress registers;
    std::uint32_t first_gsi;
};

/// Where an ISA interrupt arrives, and how the line is wired.
struct InterruptLine {
    std::uint32_t gsi;
    bool active_low, level_triggered;
};

struct Hardware {
    BootList<std::uint32_t, kMaximumProcessors> processors;  ///< APIC IDs of the usable ones
    BootList<IoApic, kMaximumIoApics> io_apics;
    InterruptLine isa_interrupts[kIsaInterrupts];
    std::uint64_t apic_counts_per_tick;  ///< of the APIC's timer, undivided, as a fraction of 2^32
    PhysicalAddress start_page;  ///< of RAM, where further processors can begin; 0 if there is none
    PhysicalAddress start_root;  ///< tables for these: all below 4 GiB where it is, and the image

    constexpr bool is_sound() const { return processors.is_sound() && io_apics.is_sound(); }
};

}  // namespace redoubt::boot
