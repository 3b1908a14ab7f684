// The provider on Redoubt itself: hv: paths and native system calls.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "libhvcall/hypervisor.hpp"

namespace redoubt::hvcall {

/// The hypervisor of the Redoubt kernel this process runs on. The error is one sentence: not on
/// Redoubt, or no hv: capability.
std::expected<std::unique_ptr<Hypervisor>, std::string> open_native_hypervisor();

/// True in a process on Redoubt, false on a Linux host.
bool running_on_redoubt();
/// Tells init that this process has finished starting. Nothing happens on a Linux host.
void announce_ready();

}  // namespace redoubt::hvcall
