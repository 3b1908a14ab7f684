// The program `init` of the boot archive.
#pragma once

#include "boot/boot_information.hpp"

namespace redoubt::boot {

/// Fills `init` and `init_entry` from `boot_archive`; fails if there is no init that can be loaded.
void find_init(BootInformation& information);

}  // namespace redoubt::boot
