// The supervisor binary interface that the guest's ECALLs reach (RISC-V SBI specification 2.0):
// what firmware would do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "abi/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"
#include "vmmd/arch/riscv64/cpu/harts.hpp"
#include "vmmd/exit_next.hpp"

namespace redoubt::vmmd {

/// What calls reach beyond the harts. Any vCPU's thread calls it.
struct SbiMachine {
    std::function<void()> power_off;
    std::function<void(std::string_view how)> reset;  ///< ends a sentence: "by the SBI"
    std::function<void(std::span<const std::uint8_t>)> console_write;
    std::function<std::optional<std::uint8_t>()> console_read;  ///< nothing: no input yet
};

/// The extensions are base, TIME, IPI, RFENCE, HSM, SRST, DBCN, and of the legacy ones the timer,
/// the console and the shutdown.
class Sbi {
  public:
    /// `has_sstc`: the hart's timer is in its state.
    Sbi(unsigned hart, Harts& harts, const SbiMachine& machine, const hvcall::GuestMemory& memory,
        bool has_sstc)
        : hart_(harts[hart]),
          harts_(harts),
          machine_(machine),
          memory_(memory),
          has_sstc_(has_sstc) {}

    /// Answers the call in `state`'s registers.
    ExitNext call(abi::VcpuState& state) const;

  private:
    struct Result {
        std::int64_t error = 0;
        std::uint64_t value = 0;
    };
    /// Of an extension. Two words: they travel in registers.
    struct Call {
        std::uint64_t function;
        const std::uint64_t* a;  ///< a0 to a5
    };

    void set_timer(abi::VcpuState& state) const;
    ExitNext frequent_call(abi::VcpuState& state) const;
    ExitNext other_call(abi::VcpuState& state) const;
    static void give(abi::VcpuState& state, Result result);
    Result base(Call call) const;
    Result ipi(Call call) const;
    Result remote_fence(Call call) const;
    Result hart_state(Call call, ExitNext& next) const;
    Result system_reset(Call call) const;
    Result console(Call call) const;
    std::optional<std::uint64_t> legacy(abi::VcpuState& state, Call call) const;
    /// Calls `action` for each hart of a mask and its base; nothing if one of them does not exist.
    template <class Action>
    Result for_each(std::uint64_t mask, std::uint64_t base, Action action) const;

    Hart& hart_;  ///< the caller
    Harts& harts_;
    const SbiMachine& machine_;
    const hvcall::GuestMemory& memory_;
    const bool has_sstc_;
};

}  // namespace redoubt::vmmd
