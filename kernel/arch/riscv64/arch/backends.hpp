// The hypervisor core's backends for this architecture, in the order of trial.
#pragma once

#include <array>

#include "kernel/hv/hext/hext.hpp"

namespace redoubt::kernel::hv {

inline constexpr std::array kBackends{make_backend<hext::Hext>()};

}  // namespace redoubt::kernel::hv
