// The boot archive in init's address space.
#pragma once

#include <cstddef>
#include <span>

#include "abi/startup.hpp"

namespace redoubt::init {

/// Maps the frames that hold the archive, read-only; empty if there is none or it cannot be mapped.
std::span<const std::byte> map_boot_archive(const abi::BootInfo& boot);

}  // namespace redoubt::init
