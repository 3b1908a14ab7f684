// The parts of the machine that the arch code uses.
#pragma once

#include "arch/boot.hpp"

namespace redoubt::kernel {

inline const boot::Hardware& machine() { return boot_information().hardware; }

/// Does the ISA string name this extension of several letters?
bool isa_has(const char* isa, const char* extension);

}  // namespace redoubt::kernel
