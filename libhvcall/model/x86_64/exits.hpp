// The exits that scripts for a model vCPU are made of.
#pragma once

#include "libhvcall/model/model_hypervisor.hpp"

namespace redoubt::hvcall::model {

namespace exits {
Step halt();
Step shutdown();
Step port_out(std::uint16_t port, unsigned size, std::uint32_t value);
Step port_in(std::uint16_t port, unsigned size);
Step cpuid(std::uint32_t leaf, std::uint32_t subleaf);
Step read_msr(std::uint32_t number);
Step write_msr(std::uint32_t number, std::uint64_t value);
Step mmio(GuestPhysicalAddress address, bool write);
}  // namespace exits

}  // namespace redoubt::hvcall::model
