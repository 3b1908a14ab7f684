// A VM as gdb's target: all of its vCPUs stop together, and wait while gdb looks at them.
//
// The event loop's thread asks; vCPUs' threads tell of stops. A VM has one debugger at a time.
#pragma once

#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "arch/vcpu_debug.hpp"
#include "vmmd/debug/gdb/target.hpp"
#include "vmmd/debug/software_breakpoints.hpp"

namespace redoubt::vmmd {

class Machine;
class VcpuGroup;

class GuestDebugger final : public gdb::Target, private DebugListener {
  public:
    struct Actions {
        std::function<void()> reset;  ///< of the VM
        std::function<void()> kill;
        /// All vCPUs stand still, or do so no longer, because of the debugger. From any thread,
        /// and with locks held: it must not call back.
        std::function<void(bool)> stands_still;
    };
    /// Everything stands still; or nothing: there is no machine any more, and the connection is
    /// over. From any thread; must only wake its own.
    using Notify = std::function<void(std::optional<gdb::Stop>)>;

    explicit GuestDebugger(Actions actions) : actions_(std::move(actions)) {}

    // -- the VM
    /// A machine is going to be made. If it waits, no vCPU runs before a debugger has come and let
    /// it go on.
    void machine_coming(bool waits);
    /// Before the first run.
    void machine_up(Machine& machine);
    /// Between two runs: the guest's memory is about to be filled anew.
    void machine_resets();
    /// After the last run, or when no machine could be made.
    void machine_gone();
    /// True while the guest stands still for a debugger, or waits for one.
    bool stands_still() const;
    /// Goes on without the debugger that it has been waiting for. False: it was not waiting.
    bool stop_waiting();

    // -- a connection
    /// Stops the machine; `notify` tells when. The error is a sentence's end.
    std::expected<void, std::string> connect(Notify notify);
    /// As detach(), also after the machine's end. `notify` is not called after.
    void disconnect();

    unsigned vcpus() const override;
    std::optional<gdb::Registers> read_registers(unsigned vcpu) override;
    bool write_registers(unsigned vcpu, const gdb::Registers& registers) override;
    std::size_t read_memory(unsigned vcpu, std::uint64_t address,
                            std::span<std::uint8_t> into) override;
    bool write_memory(unsigned vcpu, std::uint64_t address,
                      std::span<const std::uint8_t> bytes) override;
    bool insert(unsigned vcpu, const gdb::Breakpoint& breakpoint) override;
    void remove(const gdb::Breakpoint& breakpoint) override;
    void resume(std::span<const gdb::Motion> motions) override;
    void interrupt() override;
    std::string describe(unsigned vcpu) override;
    std::string describe_all() override;
    bool reset() override;
    void detach() override { disconnect(); }
    void kill() override;

  private:
    enum class State {
        Free,       ///< no debugger
        Waiting,    ///< for one, before the first instruction
        Stopping,   ///< not all vCPUs are parked yet
        Stopped,    ///< the debugger has the vCPUs
        Running,    ///< with its breakpoints
        Detaching,  ///< stopping, to remove them
    };

    void vcpu_stopped(gdb::Stop stop) override;
    void all_parked();
    void begin_stop(State state);
    void let_go();
    void let_run(std::uint64_t stay);
    void tell(bool stands_still);
    void release();
    void remove_software();
    bool stopped() const { return machine_ != nullptr && state_ == State::Stopped; }
    std::optional<std::uint64_t> physical(unsigned vcpu, std::uint64_t address) const;

    const Actions actions_;
    mutable std::mutex mutex_;  ///< taken before the group's
    Machine* machine_ = nullptr;
    bool coming_ = false;  ///< it is being made
    bool told_ = false;    ///< that it stands still
    State state_ = State::Free;
    Notify notify_;
    SoftwareBreakpoints software_;
    /// Their guest-physical addresses by what they were inserted with: the guest may have changed
    /// its address space when they are removed.
    std::map<std::uint64_t, std::uint64_t> linear_;
    std::vector<gdb::Breakpoint> hardware_;
    std::deque<gdb::Stop> stops_;  ///< not told yet
    std::deque<gdb::Stop> later_;  ///< of vCPUs that stay while others go on
};

}  // namespace redoubt::vmmd
