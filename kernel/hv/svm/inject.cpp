// Which events may be injected, and how an interrupt window is asked for.
#include "kernel/hv/svm/inject.hpp"

#include "abi/x86_64/vcpu_state.hpp"

namespace redoubt::kernel::svm {
namespace {

using abi::EventInjection;

constexpr std::uint64_t kVectorMask = 0xFF, kTypeMask = 7ULL << 8, kReserved = 0x7FFF'F000;

}  // namespace

bool is_valid_injection(std::uint64_t event) {
    if ((event & EventInjection::kValid) == 0 || (event & kReserved) != 0) return false;
    const std::uint64_t vector = event & kVectorMask;
    switch (event & kTypeMask) {
        case EventInjection::kExternalInterrupt:
        case EventInjection::kSoftwareInterrupt:
            return (event & EventInjection::kErrorCodeValid) == 0;
        case EventInjection::kNmi:
            return vector == 2 && (event & EventInjection::kErrorCodeValid) == 0;
        case EventInjection::kException:
            return vector < 32 && vector != 2;
        default:
            return false;
    }
}

std::uint64_t interrupted_event(std::uint64_t exit_interrupt_info) {
    if ((exit_interrupt_info & EventInjection::kValid) == 0) [[likely]]
        return 0;
    const std::uint64_t type = exit_interrupt_info & kTypeMask;
    const std::uint64_t vector = exit_interrupt_info & kVectorMask;
    const bool by_instruction =
        type == EventInjection::kSoftwareInterrupt ||
        (type == EventInjection::kException && (vector == 3 || vector == 4));
    if (by_instruction || !is_valid_injection(exit_interrupt_info & ~kReserved)) return 0;
    return exit_interrupt_info & ~kReserved;
}

std::uint64_t reflected_exception(const VmcbControlArea& control) {
    const std::uint64_t vector = static_cast<std::uint64_t>(control.exit_code) -
                                 static_cast<std::uint64_t>(ExitCode::Exception0);
    std::uint64_t event = EventInjection::kValid | EventInjection::kException | vector;
    // Of those that are forced, only #AC has an error code.
    if (vector == kAlignmentCheckVector) {
        event |= EventInjection::kErrorCodeValid | control.exit_info1
                                                       << EventInjection::kErrorCodeShift;
    }
    return event;
}

void set_interrupt_window(VmcbControlArea& control, bool wanted) {
    if (wanted) {
        control.intercepts1 |= Intercept1::kVintr;
        control.interrupt_control |= InterruptControl::kIrqPending |
                                     InterruptControl::kPriorityMask | InterruptControl::kIgnoreTpr;
    } else {
        control.intercepts1 &= ~Intercept1::kVintr;
        control.interrupt_control &=
            ~(InterruptControl::kIrqPending | InterruptControl::kPriorityMask |
              InterruptControl::kIgnoreTpr);
    }
}

}  // namespace redoubt::kernel::svm
