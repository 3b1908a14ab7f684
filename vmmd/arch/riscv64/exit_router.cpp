// The exit router.
#include "arch/exit_router.hpp"

#include <bit>
#include <span>
#include <utility>

#include "vmmd/bus/bus.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

// The values of registers are the bytes of accesses.
static_assert(std::endian::native == std::endian::little);

constexpr std::uint64_t kIllegalInstruction = 2;
constexpr unsigned kFullInstruction = 4;
// vsstatus
constexpr std::uint64_t kSie = 1U << 1, kSpie = 1U << 5, kSpp = 1U << 8;
constexpr std::uint64_t kModeVs = 1;

}  // namespace

ExitRouter::ExitRouter(const ExitContext& context)
    : context_(context),
      state_(context.vcpu.state()),
      sbi_(context.hart, context.harts, context.sbi, context.memory, context.has_sstc) {}

ExitNext ExitRouter::route() {
    access_.size = 0;
    if (state_.exit.kind == abi::ExitKind::Mmio) [[likely]]
        return mmio();
    if (state_.exit.kind == abi::ExitKind::Hypercall) return hypercall();
    return other();
}

ExitNext ExitRouter::other() {
    switch (state_.exit.kind) {
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
            return ExitNext::Run;
        case abi::ExitKind::Halt:
            advance(kFullInstruction);
            return ExitNext::Halt;
        case abi::ExitKind::Instruction:
            // Nothing of what the kernel does not execute is in the device tree.
            raise(kIllegalInstruction, state_.exit.instruction);
            return ExitNext::Run;
        case abi::ExitKind::Exception:
            return stop("unexpected exit for exception " + std::to_string(state_.exit.detail));
        case abi::ExitKind::EntryFailure:
            return stop("the processor ended the run for cause " +
                        std::to_string(state_.exit.detail) + " (" + hexadecimal(state_.exit.info1) +
                        ")");
        default:
            return stop("unknown exit " + std::to_string(static_cast<unsigned>(state_.exit.kind)));
    }
}

ExitNext ExitRouter::stop(std::string reason) {
    reason_ = at_pc(std::move(reason));
    return ExitNext::Stop;
}

std::string ExitRouter::at_pc(std::string what) const {
    return std::move(what) + " at pc=" + hexadecimal(state_.pc);
}

void ExitRouter::advance(unsigned length) {
    state_.pc = state_.exit.next_pc != 0 ? state_.exit.next_pc : state_.pc + length;
}

/// Privileged Specification 4.1.1: a trap into S-mode.
void ExitRouter::raise(std::uint64_t cause, std::uint64_t value) {
    auto status = state_.vsstatus & ~(kSie | kSpie | kSpp);
    if ((state_.vsstatus & kSie) != 0) status |= kSpie;
    if (state_.mode == kModeVs) status |= kSpp;
    state_.vsstatus = status;
    state_.vsepc = state_.pc;
    state_.vscause = cause;
    state_.vstval = value;
    state_.pc = state_.vstvec & ~std::uint64_t{3};
    state_.mode = kModeVs;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Supervisor);
    ++raised_;
}

const isa::MemoryAccess* ExitRouter::decode_access() {
    if (state_.exit.instruction == 0) return accesses_.at_pc(state_, context_.memory);
    const auto access = isa::decode_transformed_access(state_.exit.instruction);
    if (!access) return nullptr;
    told_ = *access;
    return &told_;
}

ExitNext ExitRouter::mmio() {
    constexpr auto kNoData = abi::MmioDetail::kFetch | abi::MmioDetail::kPageTable;
    if ((state_.exit.detail & kNoData) != 0) [[unlikely]]
        return refuse_mmio();
    const auto* access = decode_access();
    if (access == nullptr || access->write != ((state_.exit.detail & abi::MmioDetail::kWrite) != 0))
        [[unlikely]] {
        return refuse_mmio();
    }
    auto& general = state_.gpr[access->general_register];
    std::uint64_t value = 0;
    const std::span data(reinterpret_cast<std::uint8_t*>(&value), access->bytes);
    if (access->write) {
        const unsigned unused = 64 - 8 * access->bytes;
        if (access->general_register != 0) value = general << unused >> unused;
        context_.mmio.write(state_.exit.info1, data);
    } else {
        context_.mmio.read(state_.exit.info1, data);
        if (access->general_register != 0) general = isa::loaded_value(value, *access);
    }
    access_ = {access->bytes, value};
    advance(access->length);
    return ExitNext::Run;
}

ExitNext ExitRouter::refuse_mmio() {
    const auto detail = state_.exit.detail;
    const auto address = hexadecimal(state_.exit.info1);
    if ((detail & abi::MmioDetail::kFetch) != 0) {
        return stop("instruction fetch where there is no memory, guest-physical address " +
                    address);
    }
    if ((detail & abi::MmioDetail::kPageTable) != 0) {
        return stop(
            "the guest's page tables are where there is no memory, guest-physical address " +
            address);
    }
    return stop("cannot emulate an access to guest-physical address " + address +
                ": it is no load or store of a general register");
}

ExitNext ExitRouter::hypercall() {
    advance(kFullInstruction);
    return sbi_.call(state_);
}

}  // namespace redoubt::vmmd
