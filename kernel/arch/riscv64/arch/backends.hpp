// The hypervisor core's backends for this architecture, in the order of trial.
#pragma once

#include <array>

#include "kernel/hv/backend.hpp"

namespace redoubt::kernel::hv {

inline constexpr std::array<Backend, 0> kBackends{};

}  // namespace redoubt::kernel::hv
