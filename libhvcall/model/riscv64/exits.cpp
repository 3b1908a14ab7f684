// riscv64's exits as a script makes them.
#include "libhvcall/model/riscv64/exits.hpp"

#include <algorithm>
#include <bit>

namespace redoubt::hvcall::model {

bool rings(const abi::hv::Doorbell&, const abi::VcpuState&) { return false; }

/// They are levels.
void take_events(abi::VcpuState&) {}

void skip_instruction(abi::VcpuState& state) { state.pc = state.exit.next_pc; }

namespace exits {

namespace {

constexpr unsigned kA0 = 10, kA6 = 16, kA7 = 17;

void exit_with(abi::VcpuState& state, abi::ExitKind kind, unsigned length) {
    state.exit = {};
    state.exit.kind = kind;
    state.exit.next_pc = state.pc + length;
}

/// A load or store of a0 without its address (Privileged Specification 8.6.3), unsigned.
std::uint64_t transformed(unsigned bytes, bool write) {
    const auto width = static_cast<std::uint64_t>(std::countr_zero(bytes));
    if (write) return 0x23 | width << 12 | std::uint64_t{kA0} << 20;
    return 0x03 | (width == 3 ? width : width + 4) << 12 | std::uint64_t{kA0} << 7;
}

void access(abi::VcpuState& state, GuestPhysicalAddress address, unsigned bytes, bool write) {
    exit_with(state, abi::ExitKind::Mmio, 4);
    state.exit.info1 = address.value();
    state.exit.detail = write ? abi::MmioDetail::kWrite : 0;
    state.exit.instruction = transformed(bytes, write);
}

}  // namespace

Step halt(std::uint64_t enabled) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Halt, 4);
        s.vsie = s.exit.info1 = enabled;
    };
}
Step call(std::uint64_t extension, std::uint64_t function, std::array<std::uint64_t, 6> arguments) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Hypercall, 4);
        std::ranges::copy(arguments, s.gpr + kA0);
        s.gpr[kA6] = function;
        s.gpr[kA7] = extension;
    };
}
Step store(GuestPhysicalAddress address, unsigned bytes, std::uint64_t value) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        access(s, address, bytes, true);
        s.gpr[kA0] = value;
    };
}
Step load(GuestPhysicalAddress address, unsigned bytes) {
    return [=](abi::VcpuState& s, const GuestMemory&) { access(s, address, bytes, false); };
}
Step virtual_instruction(std::uint32_t instruction) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Instruction, 4);
        s.exit.instruction = instruction;
    };
}
Step entry_failure() {
    return
        [](abi::VcpuState& s, const GuestMemory&) { exit_with(s, abi::ExitKind::EntryFailure, 0); };
}

}  // namespace exits

}  // namespace redoubt::hvcall::model
