// Registers at the start.
#include "vmmd/arch/x86_64/cpu/initial_state.hpp"

#include <cstring>

#include "arch/memory_layout.hpp"
#include "libhvcall/vcpu.hpp"
#include "vmmd/arch/x86_64/isa/control_registers.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kPowerOnPat = 0x0007'0406'0007'0406;

constexpr abi::SegmentRegister kRealModeData = {0, 0x93, 0xFFFF, 0};
constexpr abi::SegmentRegister kLdtr = {0, 0x82, 0xFFFF, 0};
constexpr abi::SegmentRegister kTaskRegister = {0, 0x8B, 0xFFFF, 0};
constexpr abi::SegmentRegister kFlatCode64 = {0x10, 0xA9B, 0xFFFF'FFFF, 0};
constexpr abi::SegmentRegister kFlatData = {0x18, 0xC93, 0xFFFF'FFFF, 0};

}  // namespace

void set_init_state(abi::VcpuState& state) {
    std::memset(state.gpr, 0, sizeof state.gpr);
    state.gpr[abi::kRdx] = 0x600;
    state.rip = 0xFFF0;
    state.rflags = 2;
    state.cr0 = isa::cr0::kEt | (state.cr0 & (isa::cr0::kNw | isa::cr0::kCd));
    state.cr2 = state.cr3 = state.cr4 = state.efer = state.tpr = 0;
    for (auto& segment : state.segments) segment = kRealModeData;
    state.segments[abi::kCs] = {0xF000, 0x9B, 0xFFFF, 0xFFFF'0000};
    state.segments[abi::kLdtr] = kLdtr;
    state.segments[abi::kTr] = kTaskRegister;
    state.gdtr = state.idtr = {0, 0, 0xFFFF, 0};
    std::memset(state.dr, 0, sizeof state.dr);
    state.dr6 = 0xFFFF'0FF0;
    state.dr7 = 0x400;
    state.inject = 0;
    state.interruptibility = 0;
    state.control = 0;
    using enum abi::RegisterGroup;
    for (const auto group : {Control, Segments, Debug}) hvcall::mark_dirty(state, group);
}

void set_startup_address(abi::VcpuState& state, std::uint8_t vector) {
    state.rip = 0;
    state.segments[abi::kCs] = {static_cast<std::uint16_t>(vector << 8), 0x9B, 0xFFFF,
                                std::uint64_t{vector} << 12};
    hvcall::mark_dirty(state, abi::RegisterGroup::Segments);
}

void set_reset_state(abi::VcpuState& state) {
    state.cr0 = isa::cr0::kNw | isa::cr0::kCd;
    set_init_state(state);
    state.star = state.lstar = state.cstar = state.sfmask = state.kernel_gs_base = 0;
    state.sysenter_cs = state.sysenter_esp = state.sysenter_eip = 0;
    state.pat = kPowerOnPat;
    state.debug_control = 0;
    // x87 control word and MXCSR of the XSAVE area's legacy part.
    state.xcr0 = 1;
    std::memset(state.xsave_area, 0, sizeof state.xsave_area);
    state.xsave_area[0] = 0x40;
    constexpr std::uint32_t kMxcsr = 0x1F80;
    std::memcpy(state.xsave_area + 24, &kMxcsr, sizeof kMxcsr);
    state.exception_exits = 0;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::All);
}

void set_linux_entry_state(abi::VcpuState& state, std::uint64_t entry) {
    state.rip = entry;
    state.gpr[abi::kRsi] = kBootParameters;
    state.gpr[abi::kRsp] = kBootParameters;
    state.cr0 = isa::cr0::kPe | isa::cr0::kEt | isa::cr0::kNe | isa::cr0::kPg;
    state.cr3 = kBootPageTables;
    state.cr4 = isa::cr4::kPae;
    state.efer = isa::efer::kLme | isa::efer::kLma;
    for (const auto index : {abi::kEs, abi::kSs, abi::kDs, abi::kFs, abi::kGs}) {
        state.segments[index] = kFlatData;
    }
    state.segments[abi::kCs] = kFlatCode64;
    state.gdtr = {0, 0, 31, kBootGdt};
    state.idtr = {0, 0, 0, 0};
}

}  // namespace redoubt::vmmd
