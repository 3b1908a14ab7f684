// One configured VM over its life: started, paused, stopped, started again. Owns the thread that
// its first vCPU runs on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "vmmd/config/config.hpp"
#include "vmmd/management/control.hpp"

namespace redoubt::hvcall {
class Hypervisor;
}

namespace redoubt::vmmd {

class ConsoleHub;
class GuestDebugger;
class Machine;
class VcpuLoop;
struct LoopEnd;

class VirtualMachine {
  public:
    struct Surroundings {
        hvcall::Hypervisor* hypervisor = nullptr;  ///< null: there is none; starting fails
        std::string no_hypervisor_reason;
        std::string folder;  ///< of the configuration
        bool load_linux = true;
        std::function<void(const VmEvent&)> emit;  ///< from any thread
        std::function<void()> ended;               ///< from the VM's thread, at its very end
    };

    VirtualMachine(VmConfig config, Surroundings surroundings, std::shared_ptr<ConsoleHub> console);
    /// Stops it and waits.
    ~VirtualMachine();

    const VmConfig& config() const { return config_; }
    const std::shared_ptr<ConsoleHub>& console() const { return console_; }
    const std::shared_ptr<GuestDebugger>& debugger() const { return debugger_; }

    ControlResult<void> start();
    ControlResult<void> stop();
    ControlResult<void> pause();
    ControlResult<void> resume();
    ControlResult<void> reset();
    ControlResult<void> powerdown();

    VmSummary summary() const;
    VmDetails details() const;
    VmStatistics statistics() const;
    ControlResult<std::vector<TraceEntry>> trace(const TraceQuery& query) const;
    ControlResult<RegisterView> registers(unsigned vcpu);
    ControlResult<CodeListing> code(const CodeQuery& query);
    VmState state() const;
    VmEnd last_end() const;
    std::string stop_reason() const;

  private:
    class SerialOutput;

    void thread_main();
    /// Runs the machine to its end. Gives how, and the reason in words.
    std::pair<VmEnd, std::string> run_machine();
    void publish(Machine* machine);
    void report_crash(Machine& machine, const LoopEnd& end) const;
    ControlError not_running() const;
    std::unexpected<ControlError> no_such_vcpu(unsigned vcpu) const;
    VmStatistics collect_statistics() const;
    using Look = std::function<void(const Machine&, const VcpuLoop&)>;
    /// Calls `look` while no vCPU runs, with that one's whole state there; no time for the guest.
    ControlResult<void> look_at(unsigned vcpu, const Look& look);

    const VmConfig config_;
    const Surroundings surroundings_;
    const std::shared_ptr<ConsoleHub> console_;
    const std::shared_ptr<GuestDebugger> debugger_;

    mutable std::mutex mutex_;
    std::thread thread_;
    Machine* machine_ = nullptr;  ///< while its thread runs it
    VmState state_ = VmState::Stopped;
    bool stop_requested_ = false;
    bool has_run_ = false;  ///< since the last start, the guest has
    bool reset_by_guest_ = true;
    VmEnd last_end_ = VmEnd::NeverRan;
    std::string stop_reason_;
    std::chrono::steady_clock::time_point started_;
    VmStatistics final_statistics_;
    std::vector<TraceEntry> final_trace_;
};

}  // namespace redoubt::vmmd
