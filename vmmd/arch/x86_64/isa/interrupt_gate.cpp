// Interrupt vector tables and descriptor tables (APM vol. 2, 4.8.4 and 8.2).
#include "vmmd/arch/x86_64/isa/interrupt_gate.hpp"

#include <array>

#include "vmmd/arch/x86_64/isa/control_registers.hpp"
#include "vmmd/arch/x86_64/isa/paging.hpp"
#include "vmmd/linear_memory.hpp"

namespace redoubt::vmmd::isa {

std::optional<std::uint64_t> handler_address(const abi::VcpuState& state,
                                             const hvcall::GuestMemory& memory, unsigned vector) {
    const bool real_mode = (state.cr0 & cr0::kPe) == 0;
    const bool long_mode = in_long_mode(state);
    const unsigned size = real_mode ? 4 : long_mode ? 16 : 8;
    if ((vector + 1) * size > std::uint64_t{state.idtr.limit} + 1) return std::nullopt;
    std::array<std::uint8_t, 16> entry{};
    const auto bytes = std::span(entry).first(size);
    if (inspect(state, memory, state.idtr.base + vector * size, bytes) != size) return std::nullopt;
    const auto word = [&](unsigned offset) {
        return std::uint64_t{entry[offset]} | std::uint64_t{entry[offset + 1]} << 8;
    };
    if (real_mode) return word(2) * 16 + word(0);
    const auto low = word(0) | word(6) << 16;
    return long_mode ? low | word(8) << 32 | word(10) << 48 : low;
}

}  // namespace redoubt::vmmd::isa
