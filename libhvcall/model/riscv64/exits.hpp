// The exits that scripts for a model vCPU are made of.
#pragma once

#include <array>

#include "libhvcall/model/model_hypervisor.hpp"

namespace redoubt::hvcall::model::exits {

/// WFI, with these of vsie.
Step halt(std::uint64_t enabled);
/// ECALL with a7, a6, and a0 on.
Step call(std::uint64_t extension, std::uint64_t function, std::array<std::uint64_t, 6> arguments);
/// Of and to a0, the instruction as htinst tells it.
Step store(GuestPhysicalAddress address, unsigned bytes, std::uint64_t value);
Step load(GuestPhysicalAddress address, unsigned bytes);
Step virtual_instruction(std::uint32_t instruction);
Step entry_failure();

}  // namespace redoubt::hvcall::model::exits
