// What a debugger wants of one vCPU, carried out in the vCPU's thread: breakpoints, single steps,
// and saying why it stopped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/exit_router.hpp"
#include "vmmd/debug/debug_listener.hpp"
#include "vmmd/debug/software_breakpoints.hpp"

namespace redoubt::vmmd {

/// The debugger's side may be used only while the vCPU is parked (see VcpuGroup) or does not run.
///
/// The processor has neither single steps nor breakpoint registers for guests. A step ends at
/// temporary breakpoints where the instruction leads to; interrupts that the monitor gives wait
/// meanwhile.
class VcpuDebug {
  public:
    VcpuDebug(unsigned index, const ExitContext& context, ExitRouter& router);

    // -- the debugger
    /// Both must stay until detach().
    void attach(DebugListener& listener, const SoftwareBreakpoints& breakpoints);
    void detach();
    /// There are no hardware breakpoints and watchpoints.
    bool insert(const gdb::Breakpoint&) { return false; }
    void remove(const gdb::Breakpoint&) {}
    /// One instruction, then vcpu_stopped().
    void set_step(bool wanted) { step_ = wanted; }

    // -- the vCPU's loop
    bool attached() const { return listener_ != nullptr; }
    /// A step is of the guest's next instruction, not of an interrupt's handler.
    bool steps() const { return step_; }
    void before_entry();
    /// True: the exit was the debugger's, or has been given to the guest.
    bool after_exit();
    /// After an exit that was not: its instruction has been emulated.
    void after_emulation();
    /// The guest cannot go on.
    void crashed(const std::string& reason);

  private:
    void plan();
    void forget_plan();
    void report(gdb::Stop::Reason reason);

    const unsigned index_;
    abi::VcpuState& state_;
    const hvcall::GuestMemory& memory_;
    StepPatches& patches_;
    ExitRouter& router_;
    DebugListener* listener_ = nullptr;
    const SoftwareBreakpoints* software_ = nullptr;
    bool step_ = false;
    std::vector<std::uint64_t> targets_;  ///< guest-physical, of the present entry's step
    std::uint64_t stepped_ = 0;           ///< pc before it
};

}  // namespace redoubt::vmmd
