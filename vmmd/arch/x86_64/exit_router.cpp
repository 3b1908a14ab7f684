// The exit router.
#include "arch/exit_router.hpp"

#include "vmmd/arch/x86_64/cpu/cpuid.hpp"
#include "vmmd/arch/x86_64/cpu/msr.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/isa/alu.hpp"
#include "vmmd/arch/x86_64/isa/control_registers.hpp"
#include "vmmd/bus/bus.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

constexpr unsigned kInvalidOpcode = 6;
constexpr unsigned kGeneralProtection = 13;
constexpr std::uint64_t kKvmNoSuchHypercall = static_cast<std::uint64_t>(-1000);

}  // namespace

ExitRouter::ExitRouter(const ExitContext& context)
    : context_(context),
      state_(context.vcpu.state()),
      emulator_(context.vcpu, context.memory, *this),
      debug_registers_(context.vcpu) {}

ExitRouter::Next ExitRouter::route() {
    access_.size = 0;
    switch (state_.exit.kind) {
        case abi::ExitKind::PortIo:
            return port_io();
        case abi::ExitKind::Mmio:
            return mmio();
        case abi::ExitKind::Halt:
            return halt();
        case abi::ExitKind::Cpuid:
            return cpuid();
        case abi::ExitKind::Msr:
            return msr();
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
        case abi::ExitKind::InterruptWindow:
            return Next::Run;
        case abi::ExitKind::ControlRegister:
            return control_register();
        case abi::ExitKind::Instruction:
            return instruction();
        case abi::ExitKind::Hypercall:
            // There are no hypercalls; this is the answer of the interface whose signature CPUID
            // shows.
            state_.gpr[abi::kRax] = kKvmNoSuchHypercall;
            advance(3);
            return Next::Run;
        case abi::ExitKind::Shutdown:
            return stop("triple fault");
        case abi::ExitKind::Exception:
            return stop("unexpected exit for exception " + std::to_string(state_.exit.detail));
        case abi::ExitKind::Debug:
            return stop("unexpected debug exit");
        case abi::ExitKind::EntryFailure:
            return stop("the processor refused the guest's state (code " +
                        hexadecimal(state_.exit.info1) + ")");
    }
    return stop("unknown exit " + std::to_string(static_cast<unsigned>(state_.exit.kind)));
}

ExitRouter::Next ExitRouter::stop(std::string reason) {
    reason_ = at_pc(std::move(reason));
    return Next::Stop;
}

std::string ExitRouter::at_pc(std::string what) const {
    return std::move(what) + " at rip=" + hexadecimal(state_.rip);
}

void ExitRouter::advance(unsigned length) {
    if (state_.exit.next_rip != 0) [[likely]] {
        state_.rip = state_.exit.next_rip;
        state_.interruptibility &= ~abi::kInterruptShadow;
        return;
    }
    emulator_.skip(length);
}

ExitRouter::Next ExitRouter::port_io() {
    const auto detail = state_.exit.detail;
    if ((detail & (abi::PortIoDetail::kString | abi::PortIoDetail::kRepeat)) != 0) {
        const auto done = emulator_.execute();
        return done ? Next::Run : stop("cannot emulate string I/O: " + done.error());
    }
    const auto port = static_cast<std::uint16_t>(state_.exit.info1);
    const unsigned size = detail >> abi::PortIoDetail::kSizeShift & 7;
    auto& rax = state_.gpr[abi::kRax];
    const auto mask = isa::size_mask(size);
    if ((detail & abi::PortIoDetail::kIn) != 0) {
        const auto value = context_.ports.read(port, size);
        rax = size == 4 ? value : (rax & ~mask) | (value & mask);
    } else {
        context_.ports.write(port, size, static_cast<std::uint32_t>(rax & mask));
    }
    if (state_.exit.next_rip == 0) [[unlikely]] {
        const auto length = emulator_.instruction_length();
        if (length == 0) return stop("cannot read the guest's I/O instruction");
        advance(length);
    } else {
        advance(0);
    }
    return Next::Run;
}

ExitRouter::Next ExitRouter::mmio() {
    const auto detail = state_.exit.detail;
    const auto address = [&] { return hexadecimal(state_.exit.info1); };
    if ((detail & abi::MmioDetail::kFetch) != 0) {
        return stop("instruction fetch where there is no memory, guest-physical address " +
                    address());
    }
    if ((detail & abi::MmioDetail::kPageTable) != 0) {
        return stop(
            "the guest's page tables are where there is no memory, guest-physical address " +
            address());
    }
    if ((state_.inject & abi::EventInjection::kValid) != 0) {
        return stop("delivering an interrupt touched guest-physical address " + address() +
                    ", where there is no memory,");
    }
    const auto done = emulator_.execute();
    if (done) [[likely]] {
        return Next::Run;
    }
    return stop("cannot emulate an access to guest-physical address " + address() + ": " +
                done.error());
}

ExitRouter::Next ExitRouter::halt() {
    advance(1);
    return Next::Halt;
}

ExitRouter::Next ExitRouter::cpuid() {
    auto* gpr = state_.gpr;
    const auto answer = context_.cpuid.query(static_cast<std::uint32_t>(gpr[abi::kRax]),
                                             static_cast<std::uint32_t>(gpr[abi::kRcx]),
                                             {context_.apic.id(), state_.cr4, state_.xcr0});
    gpr[abi::kRax] = answer.eax;
    gpr[abi::kRbx] = answer.ebx;
    gpr[abi::kRcx] = answer.ecx;
    gpr[abi::kRdx] = answer.edx;
    advance(2);
    return Next::Run;
}

ExitRouter::Next ExitRouter::msr() {
    auto* gpr = state_.gpr;
    const auto number = static_cast<std::uint32_t>(gpr[abi::kRcx]);
    if (state_.exit.detail == 0) {
        const auto value = context_.msrs.read(number);
        if (!value) {
            emulator_.raise(kGeneralProtection, 0);
            return Next::Run;
        }
        gpr[abi::kRax] = *value & 0xFFFF'FFFF;
        gpr[abi::kRdx] = *value >> 32;
    } else {
        const auto value = gpr[abi::kRdx] << 32 | (gpr[abi::kRax] & 0xFFFF'FFFF);
        if (!context_.msrs.write(number, value)) {
            emulator_.raise(kGeneralProtection, 0);
            return Next::Run;
        }
    }
    advance(2);
    return Next::Run;
}

ExitRouter::Next ExitRouter::control_register() {
    if (state_.exit.detail != 8) {
        // Reserved bits, or features that CPUID does not show.
        emulator_.raise(kGeneralProtection, 0);
        return Next::Run;
    }
    const auto access = emulator_.decode_control_access();
    if (!access) return stop("cannot emulate an access to CR8: " + access.error());
    auto& general = state_.gpr[access->general_register];
    if (state_.exit.info1 == 0) {
        general = context_.apic.cr8();
    } else {
        if (general > 15) {
            emulator_.raise(kGeneralProtection, 0);
            return Next::Run;
        }
        context_.apic.set_cr8(general);
    }
    advance(access->length);
    return Next::Run;
}

ExitRouter::Next ExitRouter::debug_register() {
    const auto access = emulator_.decode_control_access();
    if (!access) return stop("cannot emulate an access to a debug register: " + access.error());
    const auto refuse = [&](DebugRegisters::Refusal refusal) {
        if (refusal == DebugRegisters::Refusal::InvalidOpcode) {
            emulator_.raise(kInvalidOpcode);
        } else {
            emulator_.raise(kGeneralProtection, 0);
        }
        return Next::Run;
    };
    if (state_.cpl != 0) return refuse(DebugRegisters::Refusal::GeneralProtection);
    auto& general = state_.gpr[access->general_register];
    const bool long_mode = isa::in_64bit_mode(state_);
    if (state_.exit.info1 == 0) {
        const auto value = debug_registers_.read(access->number);
        if (!value) return refuse(value.error());
        general = long_mode ? *value : *value & 0xFFFF'FFFF;
    } else {
        const auto value = long_mode ? general : general & 0xFFFF'FFFF;
        const auto written = debug_registers_.write(access->number, value);
        if (!written) return refuse(written.error());
    }
    advance(access->length);
    return Next::Run;
}

ExitRouter::Next ExitRouter::instruction() {
    switch (static_cast<abi::InterceptedInstruction>(state_.exit.detail)) {
        case abi::InterceptedInstruction::Xsetbv:
            return set_xcr0();
        case abi::InterceptedInstruction::Wbinvd:
        case abi::InterceptedInstruction::Invd:
            // Guest memory is cached by hardware that keeps itself coherent.
            advance(2);
            return Next::Run;
        case abi::InterceptedInstruction::DebugRegister:
            return debug_register();
        case abi::InterceptedInstruction::TaskSwitch:
            return stop("the guest switched tasks by hardware, which is not supported");
        case abi::InterceptedInstruction::Monitor:
        case abi::InterceptedInstruction::Mwait:
        case abi::InterceptedInstruction::VirtualizationExtension:
        case abi::InterceptedInstruction::SoftwareInterrupt:
        case abi::InterceptedInstruction::Other:
            // CPUID shows none of them.
            emulator_.raise(kInvalidOpcode);
            return Next::Run;
    }
    emulator_.raise(kInvalidOpcode);
    return Next::Run;
}

// XSETBV (APM vol. 4): x87 always on; AVX needs SSE; AVX-512's three components go together.
ExitRouter::Next ExitRouter::set_xcr0() {
    const auto* gpr = state_.gpr;
    const auto value = gpr[abi::kRdx] << 32 | (gpr[abi::kRax] & 0xFFFF'FFFF);
    const auto mask = context_.cpuid.xcr0_mask();
    if (mask == 0 || (state_.cr4 & isa::cr4::kOsxsave) == 0) {
        emulator_.raise(kInvalidOpcode);
        return Next::Run;
    }
    const bool avx_without_sse = (value & 6) == 4;
    const auto avx512 = value & 0xE0;
    const bool avx512_in_part = avx512 != 0 && (avx512 != 0xE0 || (value & 4) == 0);
    const bool bad = state_.cpl != 0 || static_cast<std::uint32_t>(gpr[abi::kRcx]) != 0 ||
                     (value & ~mask) != 0 || (value & 1) == 0 || avx_without_sse || avx512_in_part;
    if (bad) {
        emulator_.raise(kGeneralProtection, 0);
        return Next::Run;
    }
    context_.vcpu.get_state(abi::RegisterGroup::Fpu);
    state_.xcr0 = value;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Fpu);
    advance(3);
    return Next::Run;
}

// -- what the emulator's accesses reach

void ExitRouter::read_memory(std::uint64_t address, std::span<std::uint8_t> data) {
    const auto page = context_.apic.page();
    if (page && address - *page < 0x1000) {
        context_.apic.read(address - *page, data);
    } else {
        context_.mmio.read(address, data);
    }
    access_ = {static_cast<unsigned>(data.size()), load_little_endian(data)};
}

void ExitRouter::write_memory(std::uint64_t address, std::span<const std::uint8_t> data) {
    access_ = {static_cast<unsigned>(data.size()), load_little_endian(data)};
    const auto page = context_.apic.page();
    if (page && address - *page < 0x1000) return context_.apic.write(address - *page, data);
    context_.mmio.write(address, data);
}

std::uint32_t ExitRouter::read_port(std::uint16_t port, unsigned size) {
    return context_.ports.read(port, size);
}

void ExitRouter::write_port(std::uint16_t port, unsigned size, std::uint32_t value) {
    context_.ports.write(port, size, value);
}

}  // namespace redoubt::vmmd
