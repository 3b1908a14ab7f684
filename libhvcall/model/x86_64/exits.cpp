// x86-64's exits as a script makes them.
#include "libhvcall/model/x86_64/exits.hpp"

namespace redoubt::hvcall::model {

bool rings(const abi::hv::Doorbell& where, const abi::VcpuState& state) {
    constexpr auto kNotOutput = abi::PortIoDetail::kIn | abi::PortIoDetail::kString;
    const auto& exit = state.exit;
    if (exit.kind != abi::ExitKind::PortIo || (exit.detail & kNotOutput) != 0) return false;
    const unsigned size = exit.detail >> abi::PortIoDetail::kSizeShift;
    const auto value = state.gpr[abi::kRax] & ((std::uint64_t{1} << 8 * size) - 1);
    return where.space == abi::hv::StoreSpace::Port && where.address == exit.info1 &&
           (where.size == 0 || where.size == size) && (where.match == 0 || where.value == value);
}

void take_events(abi::VcpuState& state) { state.inject = 0; }

void skip_instruction(abi::VcpuState& state) { state.rip = state.exit.next_rip; }

namespace exits {

namespace {
void exit_with(abi::VcpuState& state, abi::ExitKind kind, unsigned length) {
    state.exit = {};
    state.exit.kind = kind;
    state.exit.next_rip = state.rip + length;
}
}  // namespace

Step halt() {
    return [](abi::VcpuState& s, const GuestMemory&) { exit_with(s, abi::ExitKind::Halt, 1); };
}
Step shutdown() {
    return [](abi::VcpuState& s, const GuestMemory&) { exit_with(s, abi::ExitKind::Shutdown, 0); };
}
Step port_out(std::uint16_t port, unsigned size, std::uint32_t value) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::PortIo, 1);
        s.gpr[abi::kRax] = value;
        s.exit.info1 = port;
        s.exit.detail = size << abi::PortIoDetail::kSizeShift;
    };
}
Step port_in(std::uint16_t port, unsigned size) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::PortIo, 1);
        s.exit.info1 = port;
        s.exit.detail = size << abi::PortIoDetail::kSizeShift | abi::PortIoDetail::kIn;
    };
}
Step cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Cpuid, 2);
        s.gpr[abi::kRax] = leaf;
        s.gpr[abi::kRcx] = subleaf;
    };
}
Step read_msr(std::uint32_t number) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Msr, 2);
        s.gpr[abi::kRcx] = number;
    };
}
Step write_msr(std::uint32_t number, std::uint64_t value) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Msr, 2);
        s.exit.detail = 1;
        s.gpr[abi::kRcx] = number;
        s.gpr[abi::kRax] = value & 0xFFFF'FFFF;
        s.gpr[abi::kRdx] = value >> 32;
    };
}
Step mmio(GuestPhysicalAddress address, bool write) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Mmio, 0);
        s.exit.next_rip = 0;
        s.exit.info1 = address.value();
        s.exit.detail = write ? abi::MmioDetail::kWrite : 0;
    };
}

}  // namespace exits

}  // namespace redoubt::hvcall::model
