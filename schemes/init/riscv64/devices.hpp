// The pages of devices' registers that the device tree names: init has them all, and gives copies
// away.
#pragma once

#include "abi/startup.hpp"
#include "libhvcall/native/syscall.hpp"

namespace redoubt::init {

/// Address of a register in init's own address space; 0 if the page could not be mapped.
std::uintptr_t register_address(std::uint64_t physical);

template <class T>
volatile T& device_register(std::uint64_t physical) {
    return *reinterpret_cast<volatile T*>(register_address(physical));
}

}  // namespace redoubt::init
