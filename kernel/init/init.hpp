// The first process: everything that no user made is made here, once.
#pragma once

#include <cstdint>

#include "arch/boot.hpp"

namespace redoubt::kernel {

/// Loads "init" from the boot archive, gives it all memory and devices as capabilities, and makes
/// it ready to run. Panics if there is no usable init.
void start_init(const BootInformation& boot);

}  // namespace redoubt::kernel
