// From a vCPU's exit for output to a doorbell.
#pragma once

#include "abi/vcpu_state.hpp"
#include "kernel/hv/doorbell.hpp"

namespace redoubt::kernel::hv {

/// Rings the doorbell of a vCPU's exit, if it is output to one.
/// True: the guest goes on behind the instruction.
bool ring(const DoorbellTable& doorbells, const abi::Exit& exit, std::uint64_t value);

}  // namespace redoubt::kernel::hv
