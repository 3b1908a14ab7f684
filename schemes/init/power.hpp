// Ending the machine, with a status for whoever started it.
#pragma once

#include "abi/startup.hpp"

namespace redoubt::init {

/// Tries every way this machine may have; reports and returns only if none works.
void power_off(const abi::BootInfo& boot, unsigned code);

}  // namespace redoubt::init
