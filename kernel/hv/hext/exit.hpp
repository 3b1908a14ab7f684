// From the H-extension's traps to exit records.
#pragma once

#include <cstdint>

#include "abi/riscv64/vcpu_state.hpp"
#include "kernel/hv/hext/control.hpp"

namespace redoubt::kernel::hext {

enum class ExitAction {
    ToMonitor,      ///< the record says all
    GuestFault,     ///< to the monitor as recorded, unless the page turns out to be mapped
    HostInterrupt,  ///< an interrupt of the host
    Wait,           ///< to the monitor as recorded, unless an interrupt is pending
};

/// What the processor tells about a trap from the guest.
struct Trap {
    std::uint64_t cause = 0;        ///< scause
    std::uint64_t value = 0;        ///< stval
    std::uint64_t address = 0;      ///< htval
    std::uint64_t instruction = 0;  ///< htinst
    std::uint64_t pc = 0;           ///< sepc
    bool supervisor = false;        ///< it was in VS-mode
};

constexpr bool is_guest_page_fault(std::uint64_t cause) {
    return cause == Cause::kFetchGuestPageFault || cause == Cause::kLoadGuestPageFault ||
           cause == Cause::kStoreGuestPageFault;
}

inline void decode_guest_page_fault(const Trap& trap, abi::Exit& exit) {
    // 8.6.3: nothing, or a transformed instruction, whose second bit tells whether the original one
    // had four bytes, or else a pseudoinstruction for an access of the page walk.
    constexpr std::uint64_t kTransformed = 1 << 0, kUncompressed = 1 << 1;
    using abi::MmioDetail;
    std::uint32_t detail = 0;
    if (trap.cause == Cause::kStoreGuestPageFault) detail |= MmioDetail::kWrite;
    if (trap.cause == Cause::kFetchGuestPageFault) detail |= MmioDetail::kFetch;
    exit = {abi::ExitKind::Mmio, detail, trap.address << 2, trap.value, 0, trap.instruction};
    if (trap.instruction != 0) [[unlikely]] {
        if ((trap.instruction & kTransformed) == 0) {
            constexpr std::uint64_t kWalkWrites = 0x20;  // table 8.7: 0x2020 and 0x3020
            exit.detail |= MmioDetail::kPageTable;
            if ((trap.instruction & kWalkWrites) != 0) exit.detail |= MmioDetail::kWrite;
            exit.instruction = 0;
            return;
        }
        exit.next_pc = trap.pc + ((trap.instruction & kUncompressed) != 0 ? 4 : 2);
    }
    exit.info1 |= trap.value & 3;  // htval has all other bits
}

/// decode_exit() for all but SBI calls and guest page faults. The trap's parts one by one: nothing
/// of it needs memory then.
ExitAction decode_other_exit(std::uint64_t cause, std::uint64_t value, std::uint64_t pc,
                             bool supervisor, std::uint32_t exception_exits, abi::Exit& exit);

/// Fills `exit` for the actions that end, or may end, in the monitor.
inline ExitAction decode_exit(const Trap& trap, std::uint32_t exception_exits, abi::Exit& exit) {
    constexpr unsigned kCallBytes = 4;
    if (trap.cause == Cause::kSupervisorCall) [[likely]] {
        exit = {abi::ExitKind::Hypercall, 0, 0, 0, trap.pc + kCallBytes, 0};
        return ExitAction::ToMonitor;
    }
    if (!is_guest_page_fault(trap.cause)) {
        return decode_other_exit(trap.cause, trap.value, trap.pc, trap.supervisor, exception_exits,
                                 exit);
    }
    decode_guest_page_fault(trap, exit);
    return ExitAction::GuestFault;
}

}  // namespace redoubt::kernel::hext
