// Guests in real mode; their calls are writes to ports.
#include "tests/system/fuzz/guest.hpp"

namespace redoubt::fuzz {

std::span<const unsigned char> soak_program(unsigned which) {
    static constexpr unsigned char kPrograms[kSoakPrograms][8] = {
        {0xEB, 0xFE},
        {0xA3, 0x00, 0x20, 0x40, 0xEB, 0xFA},
        {0xE6, 0x10, 0xEB, 0xFC},
        {0xF4, 0xEB, 0xFD}};
    return kPrograms[which];
}

void set_guest_state(abi::VcpuState& state, std::uint64_t code) {
    for (auto& segment : state.segments) segment.selector = 0, segment.base = 0;
    state.gpr[abi::kRsp] = 0x8000;
    state.rip = code;
    state.rflags = 2;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Segments);
}

bool go_on_after_call(abi::VcpuState& state) {
    if (state.exit.kind != abi::ExitKind::PortIo) return false;
    state.rip = state.exit.next_rip;
    return true;
}

void set_program_counter(abi::VcpuState& state, std::uint64_t value) { state.rip = value; }

}  // namespace redoubt::fuzz
