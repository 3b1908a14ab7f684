// The machine's devices, as far as init uses them itself and takes care of them. How processes are
// given them is in Builder::grant_uart() and grant_virtio().
#pragma once

#include <string_view>

#include "schemes/init/resources.hpp"

namespace redoubt::init {

/// Before any other function here, and before the first report().
void initialize_devices(Resources& resources);

/// One byte on the machine's serial line.
void put(char c);

/// After the end of a process that was given the virtio devices: nobody has them any more, and none
/// of them reads or writes memory until it is driven again.
void take_back_virtio(Resources& resources);

/// What the processor calls an exception, by the number in a fault message.
std::string_view exception_name(std::uint64_t number);

}  // namespace redoubt::init
