// One trap: registers in, exit record and what to do with it out.
#include "kernel/hv/hext/exit.hpp"

namespace redoubt::kernel::hext {
namespace {

using abi::ExitKind;
using abi::MmioDetail;

constexpr std::uint64_t kInterrupt = 1ULL << 63;

/// Of the values of htinst (8.6.3): a transformed instruction, whose second bit tells whether the
/// original one had four bytes, or else a pseudoinstruction for an access of the page walk.
constexpr std::uint64_t kTransformed = 1 << 0, kUncompressed = 1 << 1;

constexpr std::uint64_t kWaitForInterrupt = 0x1050'0073;

ExitAction guest_page_fault(const Trap& trap, abi::Exit& exit) {
    std::uint32_t detail = 0;
    if (trap.cause == Cause::kStoreGuestPageFault) detail |= MmioDetail::kWrite;
    if (trap.cause == Cause::kFetchGuestPageFault) detail |= MmioDetail::kFetch;
    exit = {ExitKind::Mmio, detail, trap.address << 2, trap.value, 0, trap.instruction};
    if ((trap.instruction & kTransformed) != 0) {
        exit.next_pc = trap.pc + ((trap.instruction & kUncompressed) != 0 ? 4 : 2);
    } else if (trap.instruction != 0) {
        exit.detail |= MmioDetail::kPageTable;
        exit.instruction = 0;
        return ExitAction::GuestFault;
    }
    exit.info1 |= trap.value & 3;  // htval has all other bits
    return ExitAction::GuestFault;
}

}  // namespace

ExitAction decode_other_exit(const Trap& trap, std::uint32_t exception_exits, abi::Exit& exit) {
    if ((trap.cause & kInterrupt) != 0) return ExitAction::HostInterrupt;
    switch (trap.cause) {
        case Cause::kFetchGuestPageFault:
        case Cause::kLoadGuestPageFault:
        case Cause::kStoreGuestPageFault:
            return guest_page_fault(trap, exit);
        case Cause::kVirtualInstruction:
            // In VU-mode it is not the guest's kernel that waits.
            if (trap.value == kWaitForInterrupt && trap.supervisor) {
                exit = {ExitKind::Halt, 0, 0, 0, trap.pc + 4, trap.value};
                return ExitAction::Wait;
            }
            exit = {ExitKind::Instruction, 0, 0, 0, 0, trap.value};
            return ExitAction::ToMonitor;
        default:
            break;
    }
    const bool wanted = trap.cause < 32 && (exception_exits >> trap.cause & 1) != 0;
    exit = {wanted ? ExitKind::Exception : ExitKind::EntryFailure,
            static_cast<std::uint32_t>(trap.cause),
            trap.value,
            0,
            0,
            0};
    return ExitAction::ToMonitor;
}

}  // namespace redoubt::kernel::hext
