// What the device tree says about processors and devices.
#pragma once

#include "boot/boot_information.hpp"
#include "boot/riscv64/device_tree.hpp"

namespace redoubt::boot {

/// What the loader itself uses.
struct LocalDevices {
    PhysicalRange interruptor;        ///< the firmware's timer and interrupts between processors
    PhysicalAddress real_time_clock;  ///< goldfish; 0 if there is none
};

/// Fills `hardware`, `machine` and `ticks_per_second`.
LocalDevices read_machine(BootInformation& information, const DeviceTree& tree);

}  // namespace redoubt::boot
