// Virtual addresses.
#include "arch/linear_memory.hpp"

#include "vmmd/arch/riscv64/isa/paging.hpp"

namespace redoubt::vmmd::isa {

std::optional<std::uint64_t> physical_address(const abi::VcpuState& state,
                                              const hvcall::GuestMemory& memory,
                                              std::uint64_t address) {
    return translate(state, memory, address);
}

bool is_possible_address(const abi::VcpuState& state, std::uint64_t address) {
    return is_canonical(state, address);
}

}  // namespace redoubt::vmmd::isa
