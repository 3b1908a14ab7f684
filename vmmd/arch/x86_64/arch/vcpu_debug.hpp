// What a debugger wants of one vCPU, carried out in the vCPU's thread: breakpoints, single steps,
// and saying why it stopped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/exit_router.hpp"
#include "vmmd/arch/x86_64/cpu/debug_registers.hpp"
#include "vmmd/debug/debug_listener.hpp"
#include "vmmd/debug/software_breakpoints.hpp"

namespace redoubt::vmmd {

/// The debugger's side may be used only while the vCPU is parked (see VcpuGroup) or does not run.
class VcpuDebug {
  public:
    VcpuDebug(unsigned index, const ExitContext& context, ExitRouter& router);

    // -- the debugger
    /// Both must stay until detach().
    void attach(DebugListener& listener, const SoftwareBreakpoints& breakpoints);
    void detach();
    /// False if the processor cannot have it: too many, or of no possible size or place.
    bool insert(const gdb::Breakpoint& breakpoint);
    void remove(const gdb::Breakpoint& breakpoint);
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
    void plan_step();
    void aim(std::optional<std::uint64_t> address);
    void aim_at_handler(unsigned vector);
    void load_breakpoints();
    void debug_exception(std::uint64_t dr6);
    void software_interrupt();
    /// INT3, or INT n with a length of 2.
    void inject_software(unsigned vector, unsigned length);
    void inject_exception();
    void unpush_trap_flag();
    void report(gdb::Stop::Reason reason, std::uint64_t address = 0);
    /// The state page's group, unless what it holds is newer than the kernel's.
    void fetch(abi::RegisterGroup group);

    static constexpr unsigned kSlots = 4;

    const unsigned index_;
    hvcall::Vcpu& vcpu_;
    abi::VcpuState& state_;
    const hvcall::GuestMemory& memory_;
    DebugRegisters& registers_;
    DebugListener* listener_ = nullptr;
    const SoftwareBreakpoints* software_ = nullptr;
    std::vector<gdb::Breakpoint> hardware_;
    bool step_ = false;
    std::optional<DebugRegisters::Values> loaded_;  ///< with a clean DR6
    // Of the present entry.
    bool single_step_ = false;             ///< ends by RFLAGS.TF
    bool pushes_flags_ = false;            ///< … whose TF gets into a PUSHF's memory
    std::optional<std::uint64_t> target_;  ///< the step ends by a breakpoint here
    unsigned target_slot_ = 0;
};

}  // namespace redoubt::vmmd
