// A virtual processor.
#pragma once

#include <span>

#include "abi/hv.hpp"
#include "abi/vcpu_state.hpp"
#include "libhvcall/address.hpp"

namespace redoubt::hvcall {

enum class RunResult {
    Exited,     ///< state().exit says why
    Destroyed,  ///< the VM is gone; never run it again
};

/// state() is the page shared with the hypervisor; which parts of it are valid when is said in
/// abi/x86_64/vcpu_state.hpp. Only kick() may be called from other threads than the one that runs
/// it.
class Vcpu {
  public:
    virtual ~Vcpu() = default;

    abi::VcpuState& state() { return *state_; }
    const abi::VcpuState& state() const { return *state_; }

    /// Enters the guest until there is something for the monitor. Throws HypervisorError.
    virtual RunResult run() = 0;
    /// Sleeps, as a halted processor does, until kick() or `deadline`. A kick before counts.
    virtual void wait(HostTicks deadline) = 0;
    /// Ends the current or else the next run() with ExitKind::Interrupted, and the current or else
    /// the next wait().
    virtual void kick() = 0;
    /// Fills the groups of the state page that are not valid after every exit.
    virtual void get_state(abi::RegisterGroup groups) = 0;
    /// What instructions that identify the processor answer without an exit from now on, in the
    /// architecture's layout (abi/x86_64/identification.hpp); not during a run. Throws
    /// HypervisorError: TooLarge, InvalidArgument, NotSupported.
    virtual void set_identification(std::span<const std::byte> table) = 0;

  protected:
    explicit Vcpu(abi::VcpuState* state) : state_(state) {}
    void set_state(abi::VcpuState* state) { state_ = state; }

  private:
    abi::VcpuState* state_;
};

constexpr abi::RegisterGroup operator|(abi::RegisterGroup a, abi::RegisterGroup b) {
    return static_cast<abi::RegisterGroup>(static_cast<std::uint32_t>(a) |
                                           static_cast<std::uint32_t>(b));
}
/// Marks groups of the state page for loading at the next entry.
inline void mark_dirty(abi::VcpuState& state, abi::RegisterGroup groups) {
    state.dirty |= static_cast<std::uint32_t>(groups);
}

}  // namespace redoubt::hvcall
