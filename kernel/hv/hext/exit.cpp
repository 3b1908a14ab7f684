// One trap: registers in, exit record and what to do with it out.
#include "kernel/hv/hext/exit.hpp"

namespace redoubt::kernel::hext {
namespace {

using abi::ExitKind;

constexpr std::uint64_t kInterrupt = 1ULL << 63;
constexpr std::uint64_t kWaitForInterrupt = 0x1050'0073;

}  // namespace

ExitAction decode_other_exit(Trap trap, std::uint32_t exception_exits, abi::Exit& exit) {
    if ((trap.cause & kInterrupt) != 0) return ExitAction::HostInterrupt;
    if (trap.cause == Cause::kVirtualInstruction) {
        // In VU-mode it is not the guest's kernel that waits.
        if (trap.value == kWaitForInterrupt && trap.supervisor) {
            exit = {ExitKind::Halt, 0, 0, 0, trap.pc + 4, trap.value};
            return ExitAction::Wait;
        }
        exit = {ExitKind::Instruction, 0, 0, 0, 0, trap.value};
        return ExitAction::ToMonitor;
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
