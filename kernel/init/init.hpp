// The first process: everything that no user made is made here, once.
#pragma once

#include <cstdint>

#include "arch/boot.hpp"

namespace redoubt::kernel {

struct Thread;

/// Loads "init" from the boot archive, gives it all memory and devices as capabilities, and makes
/// it ready to run. Panics if there is no usable init.
void start_init(const BootInformation& boot);

// Nobody would notice that init is gone, and nothing works without it.

bool is_init(const Thread& thread);  ///< its first thread
/// That thread cannot run any more; panics if it is init.
void check_init_lives(const Thread& ended);

}  // namespace redoubt::kernel
