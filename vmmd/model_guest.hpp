// A scripted guest for `vmmd --model`: it prints a line on its serial port, echoes what is typed,
// and does what a few commands say, so that everything around a VM can be tried without a processor
// that virtualizes.
#pragma once

#include <memory>

#include "libhvcall/hypervisor.hpp"

namespace redoubt::vmmd {

/// Commands, each followed by a new line: "poweroff", "crash", "halt", "reset".
std::unique_ptr<hvcall::Hypervisor> make_model_hypervisor();

}  // namespace redoubt::vmmd
