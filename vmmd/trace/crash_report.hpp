// What the log gets when a guest cannot go on.
#pragma once

#include <string>

#include "vmmd/machine.hpp"

namespace redoubt::vmmd {

/// Of the vCPU that crashed the registers, the code around rip and the last exits; of the others
/// less: 50 lines at most, and 12 for each of the others, the last one not ended. Only while no
/// vCPU runs.
std::string crash_report(Machine& machine, unsigned vcpu);

}  // namespace redoubt::vmmd
