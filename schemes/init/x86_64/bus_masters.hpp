// Keeps PCI devices from writing into memory whose driver is gone.
#pragma once

#include "abi/startup.hpp"

namespace redoubt::init {

/// Takes the right to master the bus from every PCI device. Their next driver gives it back.
void stop_bus_masters(const abi::BootInfo& boot);

}  // namespace redoubt::init
