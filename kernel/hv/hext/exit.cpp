// One trap: registers in, exit record and what to do with it out.
#include "kernel/hv/hext/exit.hpp"

namespace redoubt::kernel::hext {
namespace {

using abi::ExitKind;

constexpr std::uint64_t kInterrupt = 1ULL << 63;
constexpr std::uint64_t kWaitForInterrupt = 0x1050'0073;

}  // namespace

ExitAction decode_other_exit(std::uint64_t cause, std::uint64_t value, std::uint64_t pc,
                             bool supervisor, std::uint32_t exception_exits, abi::Exit& exit) {
    if ((cause & kInterrupt) != 0) return ExitAction::HostInterrupt;
    if (cause == Cause::kVirtualInstruction) {
        // In VU-mode it is not the guest's kernel that waits.
        if (value == kWaitForInterrupt && supervisor) {
            exit = {ExitKind::Halt, 0, 0, 0, pc + 4, value};
            return ExitAction::Wait;
        }
        exit = {ExitKind::Instruction, 0, 0, 0, 0, value};
        return ExitAction::ToMonitor;
    }
    const bool wanted = cause < 32 && (exception_exits >> cause & 1) != 0;
    exit = {wanted ? ExitKind::Exception : ExitKind::EntryFailure,
            static_cast<std::uint32_t>(cause),
            value,
            0,
            0,
            0};
    return ExitAction::ToMonitor;
}

}  // namespace redoubt::kernel::hext
