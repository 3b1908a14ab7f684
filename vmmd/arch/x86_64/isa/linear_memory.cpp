// Linear addresses.
#include "arch/linear_memory.hpp"

#include "vmmd/arch/x86_64/isa/paging.hpp"

namespace redoubt::vmmd::isa {

std::optional<std::uint64_t> physical_address(const abi::VcpuState& state,
                                              const hvcall::GuestMemory& memory,
                                              std::uint64_t linear) {
    const auto physical = translate(state, memory, linear, Access::Inspect);
    return physical ? std::optional(*physical) : std::nullopt;
}

bool is_possible_address(const abi::VcpuState& state, std::uint64_t linear) {
    const auto top = static_cast<std::int64_t>(linear) >> 47;
    return !in_64bit_mode(state) || top == 0 || top == -1;
}

std::uint64_t code_address(const abi::VcpuState& state) {
    return in_64bit_mode(state) ? state.rip : (state.cs_base + state.rip) & 0xFFFF'FFFF;
}

}  // namespace redoubt::vmmd::isa
