// What the boot loader has told.
#pragma once

#include "boot/boot_information.hpp"

namespace redoubt::kernel {

using boot::BootInformation, boot::PhysicalRange;

/// Valid from the start of kernel_main on.
const BootInformation& boot_information();

}  // namespace redoubt::kernel
