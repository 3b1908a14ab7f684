// What a debugger wants of one vCPU, carried out in the vCPU's thread: breakpoints, single steps,
// and saying why it stopped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/exit_router.hpp"
#include "vmmd/debug/debug_listener.hpp"
#include "vmmd/debug/software_breakpoints.hpp"

namespace redoubt::vmmd {

class CodePatches;
class WatchedPages;

/// The debugger's side may be used only while the vCPU is parked (see VcpuGroup) or does not run.
///
/// The processor has neither single steps nor breakpoint registers for guests. A step ends at
/// temporary breakpoints where the instruction leads to; interrupts wait meanwhile. A hardware
/// breakpoint is one too, put where its address leads to in the address space of each entry, whose
/// changes therefore end a run. Pages with watchpoints have fewer rights, and accesses to them are
/// made here.
class VcpuDebug {
  public:
    VcpuDebug(unsigned index, const ExitContext& context, ExitRouter& router);

    // -- the debugger
    /// Both must stay until detach().
    void attach(DebugListener& listener, const SoftwareBreakpoints& breakpoints);
    void detach();
    /// False if it cannot be had: too many, or of no possible size or place.
    bool insert(const gdb::Breakpoint& breakpoint);
    void remove(const gdb::Breakpoint& breakpoint);
    /// One instruction, then vcpu_stopped().
    void set_step(bool wanted) { step_ = wanted; }

    // -- the vCPU's loop
    bool attached() const { return listener_ != nullptr; }
    /// A step is of the guest's next instruction, not of an interrupt's handler.
    /// gdb itself goes past a breakpoint by letting its vCPU go on alone, up to the next
    /// instruction: that is a step, too.
    bool steps() const { return step_ || lift_ || stopped_at_ == state_.pc; }
    void before_entry();
    /// True: the exit was the debugger's, or has been given to the guest.
    bool after_exit();
    /// After an exit that was not: its instruction has been emulated.
    void after_emulation();
    /// The guest cannot go on.
    void crashed(const std::string& reason);

  private:
    /// An instruction that the guest executes itself while nothing in a page is watched.
    struct Lift {
        std::uint64_t page = 0;
        std::uint64_t address = 0;  ///< of the access
        bool write = false;
        std::vector<std::uint8_t> before;  ///< the page's content
        /// Not one instruction but all up to this one; once the next one has led back.
        std::optional<std::uint64_t> until;
        bool led_back = false;
    };
    enum class Hit { None, Step, Breakpoint };

    // -- breakpoints
    void plan();
    void patch(std::uint64_t linear, std::vector<std::uint64_t>& into);
    /// Takes the entry's breakpoints out of memory; says whether pc is at one of them.
    Hit take_patches();
    bool at_breakpoint(Hit hit);
    bool change_of_translation();
    /// For one instruction, whose faults are told meanwhile.
    void mask_interrupts();
    void unmask_interrupts();
    bool give_fault();

    // -- debug/watched_access.cpp
    bool insert_watchpoint(const gdb::Breakpoint& breakpoint);
    bool watched_access();
    bool emulate(std::uint32_t instruction, std::uint64_t physical, bool write);
    bool emulate_atomic(std::uint32_t instruction, std::uint64_t physical);
    void lift(std::uint32_t instruction, std::uint64_t physical, bool write);
    /// The lifted instruction has been executed: false if that was all.
    bool goes_on_lifted();
    /// Something came in between: false if it has been executed nevertheless.
    bool stays_lifted();
    void end_lift();
    void accessed(std::uint64_t physical, std::size_t bytes, bool write, bool changed);
    /// The instruction has been executed without the guest.
    void executed(unsigned length);

    void report(gdb::Stop::Reason reason, std::uint64_t address = 0);

    static constexpr std::size_t kSlots = 4;

    const unsigned index_;
    abi::VcpuState& state_;
    const hvcall::GuestMemory& memory_;
    CodePatches& patches_;
    WatchedPages& watched_;
    ExitRouter& router_;
    DebugListener* listener_ = nullptr;
    const SoftwareBreakpoints* software_ = nullptr;
    std::vector<gdb::Breakpoint> hardware_;
    bool step_ = false;
    std::optional<Lift> lift_;
    std::optional<std::uint64_t> stopped_at_;  ///< pc, while it is there since the last stop
    // Of the present entry, guest-physical.
    std::vector<std::uint64_t> targets_;      ///< of the step
    std::vector<std::uint64_t> breakpoints_;  ///< hardware ones
    std::uint64_t stepped_ = 0;               ///< pc before it
    std::optional<std::uint64_t> masked_;     ///< vsie, which is 0 meanwhile
};

}  // namespace redoubt::vmmd
