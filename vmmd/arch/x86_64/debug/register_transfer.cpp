// General registers and the FPU's in the XSAVE area (APM vol. 2, 11.4.4 and 11.5).
#include "arch/register_transfer.hpp"

#include <algorithm>
#include <cstring>

#include "libhvcall/vcpu.hpp"

namespace redoubt::vmmd {

namespace {

using namespace gdb;

/// gdb's order of the first sixteen, as indices of VcpuState::gpr.
constexpr unsigned kGprOrder[16] = {
    abi::kRax, abi::kRbx, abi::kRcx, abi::kRdx, abi::kRsi, abi::kRdi, abi::kRbp, abi::kRsp,
    abi::kR8,  abi::kR9,  abi::kR10, abi::kR11, abi::kR12, abi::kR13, abi::kR14, abi::kR15};
constexpr unsigned kSegmentOrder[6] = {abi::kCs, abi::kSs, abi::kDs, abi::kEs, abi::kFs, abi::kGs};

// Offsets in the XSAVE area.
constexpr unsigned kControlWord = 0, kStatusWord = 2, kTags = 4, kOpcode = 6, kInstruction = 8,
                   kOperand = 16, kMxcsrAt = 24, kStAt = 32, kXmmAt = 160, kPresentAt = 512;
constexpr unsigned kStBytes = 16, kXmmBytes = 16, kLegacyBytes = 512;
constexpr std::uint64_t kX87Present = 1, kSsePresent = 2;
constexpr std::uint32_t kInitialControlWord = 0x37F, kInitialMxcsr = 0x1F80;

template <class T>
T field(const abi::VcpuState& state, unsigned offset) {
    T value;
    std::memcpy(&value, state.xsave_area + offset, sizeof value);
    return value;
}
template <class T>
void set_field(abi::VcpuState& state, unsigned offset, T value) {
    std::memcpy(state.xsave_area + offset, &value, sizeof value);
}

/// Components whose values are in the area; the others are in their initial state.
std::uint64_t present(const abi::VcpuState& state) {
    if (state.xsave_size <= kLegacyBytes) return kX87Present | kSsePresent;
    return field<std::uint64_t>(state, kPresentAt);
}

/// Two bits a register, 3 for an empty one, from one bit a register, 1 for a full one.
std::uint32_t full_tags(std::uint8_t full) {
    std::uint32_t tags = 0;
    for (unsigned i = 0; i < 8; ++i) {
        if ((full >> i & 1) == 0) tags |= 3U << (2 * i);
    }
    return tags;
}
std::uint8_t abridged_tags(std::uint64_t tags) {
    unsigned full = 0;
    for (unsigned i = 0; i < 8; ++i) {
        if ((tags >> (2 * i) & 3) != 3) full |= 1U << i;
    }
    return static_cast<std::uint8_t>(full);
}

void read_fpu(const abi::VcpuState& state, Registers& registers) {
    const auto components = present(state);
    registers.set(kFctrl, kInitialControlWord);
    registers.set(kFtag, full_tags(0));
    if ((components & kX87Present) != 0) {
        registers.set(kFctrl, field<std::uint16_t>(state, kControlWord));
        registers.set(kFstat, field<std::uint16_t>(state, kStatusWord));
        registers.set(kFtag, full_tags(field<std::uint8_t>(state, kTags)));
        registers.set(kFop, field<std::uint16_t>(state, kOpcode));
        registers.set(kFioff, field<std::uint32_t>(state, kInstruction));
        registers.set(kFiseg, field<std::uint16_t>(state, kInstruction + 4));
        registers.set(kFooff, field<std::uint32_t>(state, kOperand));
        registers.set(kFoseg, field<std::uint16_t>(state, kOperand + 4));
        for (unsigned i = 0; i < 8; ++i) {
            std::memcpy(registers.at(kSt0 + i).data(), state.xsave_area + kStAt + i * kStBytes, 10);
        }
    }
    registers.set(kMxcsr, field<std::uint32_t>(state, kMxcsrAt));
    if ((components & kSsePresent) != 0) {
        for (unsigned i = 0; i < 16; ++i) {
            std::memcpy(registers.at(kXmm0 + i).data(), state.xsave_area + kXmmAt + i * kXmmBytes,
                        kXmmBytes);
        }
    } else if ((components & kX87Present) == 0) {
        registers.set(kMxcsr, kInitialMxcsr);
    }
}

void write_fpu(abi::VcpuState& state, const Registers& registers) {
    set_field(state, kControlWord, static_cast<std::uint16_t>(registers.value(kFctrl)));
    set_field(state, kStatusWord, static_cast<std::uint16_t>(registers.value(kFstat)));
    set_field(state, kTags, abridged_tags(registers.value(kFtag)));
    for (unsigned i = 0; i < 8; ++i) {
        std::memcpy(state.xsave_area + kStAt + i * kStBytes, registers.at(kSt0 + i).data(), 10);
    }
    for (unsigned i = 0; i < 16; ++i) {
        std::memcpy(state.xsave_area + kXmmAt + i * kXmmBytes, registers.at(kXmm0 + i).data(),
                    kXmmBytes);
    }
    set_field(state, kMxcsrAt, static_cast<std::uint32_t>(registers.value(kMxcsr)));
    if (state.xsave_size > kLegacyBytes) {
        set_field(state, kPresentAt,
                  field<std::uint64_t>(state, kPresentAt) | kX87Present | kSsePresent);
    }
    hvcall::mark_dirty(state, abi::RegisterGroup::Fpu);
}

bool changed(const Registers& before, const Registers& after, unsigned first, unsigned last) {
    for (unsigned number = first; number <= last; ++number) {
        if (!std::ranges::equal(before.at(number), after.at(number))) return true;
    }
    return false;
}

}  // namespace

Registers to_gdb(const abi::VcpuState& state) {
    Registers registers;
    for (unsigned i = 0; i < 16; ++i) registers.set(kRax + i, state.gpr[kGprOrder[i]]);
    registers.set(kRip, state.rip);
    registers.set(kEflags, state.rflags);
    for (unsigned i = 0; i < 6; ++i) {
        registers.set(kCs + i, state.segments[kSegmentOrder[i]].selector);
    }
    read_fpu(state, registers);
    registers.set(kFsBase, state.segments[abi::kFs].base);
    registers.set(kGsBase, state.segments[abi::kGs].base);
    registers.set(kKernelGsBase, state.kernel_gs_base);
    registers.set(kCr0, state.cr0);
    registers.set(kCr2, state.cr2);
    registers.set(kCr3, state.cr3);
    registers.set(kCr4, state.cr4);
    registers.set(kCr8, state.tpr);
    registers.set(kEfer, state.efer);
    return registers;
}

void from_gdb(abi::VcpuState& state, const Registers& registers) {
    const auto before = to_gdb(state);
    for (unsigned i = 0; i < 16; ++i) state.gpr[kGprOrder[i]] = registers.value(kRax + i);
    state.rip = registers.value(kRip);
    state.rflags = registers.value(kEflags);
    if (changed(before, registers, kSt0, kFtag) || changed(before, registers, kXmm0, kMxcsr)) {
        write_fpu(state, registers);
    }
    if (changed(before, registers, kFsBase, kGsBase)) {
        state.segments[abi::kFs].base = registers.value(kFsBase);
        state.segments[abi::kGs].base = registers.value(kGsBase);
        hvcall::mark_dirty(state, abi::RegisterGroup::Segments);
    }
    if (changed(before, registers, kKernelGsBase, kKernelGsBase)) {
        state.kernel_gs_base = registers.value(kKernelGsBase);
        hvcall::mark_dirty(state, abi::RegisterGroup::SystemMsrs);
    }
    if (changed(before, registers, kCr0, kCr4) || changed(before, registers, kEfer, kEfer)) {
        state.cr0 = registers.value(kCr0);
        state.cr2 = registers.value(kCr2);
        state.cr3 = registers.value(kCr3);
        state.cr4 = registers.value(kCr4);
        state.efer = registers.value(kEfer);
        hvcall::mark_dirty(state, abi::RegisterGroup::Control);
    }
}

}  // namespace redoubt::vmmd
