// Debug registers (APM vol. 2, 13.1.1).
#include "vmmd/arch/x86_64/cpu/debug_registers.hpp"

#include "vmmd/arch/x86_64/isa/control_registers.hpp"

namespace redoubt::vmmd {

void DebugRegisters::refresh() {
    if (borrowed_) return;
    if ((state_.dirty & static_cast<std::uint32_t>(abi::RegisterGroup::Debug)) == 0) {
        vcpu_.get_state(abi::RegisterGroup::Debug);
    }
    for (unsigned i = 0; i < 4; ++i) guest_.addresses[i] = state_.dr[i];
    guest_.dr7 = state_.dr7;
    guest_dr6_ = state_.dr6;
}

void DebugRegisters::put_into_effect(const Values& values, std::uint64_t dr6) {
    for (unsigned i = 0; i < 4; ++i) state_.dr[i] = values.addresses[i];
    state_.dr6 = dr6;
    state_.dr7 = values.dr7;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Debug);
}

std::expected<std::uint64_t, DebugRegisters::Refusal> DebugRegisters::read(unsigned number) {
    if (number > 7) return std::unexpected(Refusal::InvalidOpcode);
    refresh();
    if (number < 4) return guest_.addresses[number];
    // Without debugging extensions these are other names of DR6 and DR7.
    if (number < 6 && (state_.cr4 & isa::cr4::kDe) != 0)
        return std::unexpected(Refusal::InvalidOpcode);
    return number % 2 == 0 ? guest_dr6_ : guest_.dr7;
}

std::expected<void, DebugRegisters::Refusal> DebugRegisters::write(unsigned number,
                                                                   std::uint64_t value) {
    if (number > 7) return std::unexpected(Refusal::InvalidOpcode);
    refresh();
    if (number < 4) {
        guest_.addresses[number] = value;
    } else {
        if (number < 6 && (state_.cr4 & isa::cr4::kDe) != 0) {
            return std::unexpected(Refusal::InvalidOpcode);
        }
        if (value >> 32 != 0) return std::unexpected(Refusal::GeneralProtection);
        if (number % 2 == 0) {
            guest_dr6_ = (value & 0xE00F) | kDr6Fixed;
        } else {
            guest_.dr7 = (value & 0xFFFF'2BFF) | kDr7Fixed;
        }
    }
    if (!borrowed_) put_into_effect(guest_, guest_dr6_);
    return {};
}

void DebugRegisters::borrow(const Values& values) {
    refresh();
    borrowed_ = true;
    debugger_ = values;
    put_into_effect(debugger_, kDr6Fixed);
}

void DebugRegisters::give_back() {
    if (!borrowed_) return;
    borrowed_ = false;
    put_into_effect(guest_, guest_dr6_);
}

void DebugRegisters::note_exception(std::uint64_t dr6) {
    if (borrowed_) guest_dr6_ = (dr6 & 0xE00F) | kDr6Fixed;
}

void DebugRegisters::reset() {
    guest_ = {};
    guest_dr6_ = kDr6Fixed;
    if (borrowed_) put_into_effect(debugger_, kDr6Fixed);
}

}  // namespace redoubt::vmmd
