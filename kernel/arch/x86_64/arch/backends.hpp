// The hypervisor core's backends for this architecture, in the order of trial.
#pragma once

#include <array>

#include "kernel/hv/backend.hpp"
#include "kernel/hv/svm/svm.hpp"

namespace redoubt::kernel::hv {

inline constexpr std::array kBackends{make_backend<svm::Svm>()};

}  // namespace redoubt::kernel::hv
