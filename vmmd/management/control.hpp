// What the management socket may ask of the daemon: the interface between the protocol and the VM
// manager.
//
// The server calls from vmmd's event loop thread. Every call is quick: it starts what takes long
// and returns; the end is told by an event. An empty `name` means "the only VM" and is an error
// when there are several.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vmmd/trace/code_listing.hpp"
#include "vmmd/trace/inspection.hpp"
#include "vmmd/trace/trace_entry.hpp"
#include "vmmd/vm_statistics.hpp"

namespace redoubt::vmmd {

class ConsoleHub;
class StreamSource;

/// Restarting: it has ended and waits for its next start.
enum class VmState { Stopped, Running, Paused, Crashed, Restarting };

/// The state as clients read it.
constexpr std::string_view to_string(VmState state) {
    switch (state) {
        case VmState::Stopped:
            return "stopped";
        case VmState::Running:
            return "running";
        case VmState::Paused:
            return "paused";
        case VmState::Crashed:
            return "crashed";
        case VmState::Restarting:
            return "restarting";
    }
    return "unknown";
}

enum class VmEnd {
    NeverRan,
    Clean,          ///< the guest powered off, or somebody stopped it
    Crashed,        ///< the guest could not go on
    FailedToStart,  ///< wrong image, not enough memory, …
};

/// The end as VM_STOPPED tells it.
constexpr std::string_view to_string(VmEnd end) {
    switch (end) {
        case VmEnd::NeverRan:
            return "never-ran";
        case VmEnd::Clean:
            return "clean";
        case VmEnd::Crashed:
            return "crashed";
        case VmEnd::FailedToStart:
            return "failed-to-start";
    }
    return "unknown";
}

/// One row of vm-list.
struct VmSummary {
    std::string name;
    VmState state = VmState::Stopped;
    unsigned cpus = 1;
    std::uint64_t memory_bytes = 0;
    std::chrono::milliseconds uptime{};  ///< since the last start; pauses are counted
};

/// vm-info: the row, and where the VM came from.
struct VmDetails {
    VmSummary summary;
    std::string kernel;
    std::string initrd;
    std::string cmdline;
    std::string serial;
    std::string stop_reason;  ///< one line; empty while it runs
};

/// query-host: what VMs are made of.
struct HostInfo {
    std::string hypervisor;        ///< lines of text
    std::uint64_t free_bytes = 0;  ///< that could be given to guests now
};

/// Why a request was refused.
struct ControlError {
    enum class Kind { NoSuchVm, Refused };
    Kind kind = Kind::Refused;
    std::string description;  ///< one sentence for a person: what was wrong and what to do
};

template <typename T>
using ControlResult = std::expected<T, ControlError>;

/// What happened to a VM or to the daemon.
struct VmEvent {
    enum class Kind { Stop, Resume, Reset, Shutdown, PowerDown, VmStarted, VmStopped, DaemonExit };
    Kind kind = Kind::Stop;
    std::string name{};         ///< the VM; empty for DaemonExit
    std::string reason{};       ///< Shutdown, VmStopped, DaemonExit: one line
    bool guest = false;         ///< Shutdown, Reset: the guest asked for it
    VmEnd end = VmEnd::Clean;   ///< VmStopped
    VmStatistics statistics{};  ///< VmStopped: summary of the run
    std::string console{};  ///< VmStopped: the console's last output, for whoever attaches later
    std::vector<TraceEntry> trace{};  ///< VmStopped: the last exits
    int code = 0;                     ///< DaemonExit: exit status
};

class VmControl {
  public:
    using EventHandler = std::function<void(const VmEvent&)>;

    virtual ~VmControl() = default;

    virtual std::vector<VmSummary> list() const = 0;
    virtual ControlResult<HostInfo> host() const = 0;
    virtual ControlResult<VmDetails> info(std::string_view name) const = 0;
    virtual ControlResult<VmStatistics> statistics(std::string_view name) const = 0;
    /// The last exits, of all vCPUs in the order of time. Those of a VM that has stopped are kept
    /// until it is started again.
    virtual ControlResult<std::vector<TraceEntry>> trace(std::string_view name,
                                                         const TraceQuery& query) const = 0;

    /// A vCPU's registers, and code as it would run it. The vCPUs come out of the guest for that,
    /// which has no time meanwhile.
    virtual ControlResult<RegisterView> registers(std::string_view name, unsigned vcpu) = 0;
    virtual ControlResult<CodeListing> code(std::string_view name, const CodeQuery& query) = 0;

    /// Starts a stopped or crashed VM from its configuration.
    virtual ControlResult<void> start(std::string_view name) = 0;
    /// Ends a VM as if its power were cut; VmStopped follows.
    virtual ControlResult<void> stop(std::string_view name) = 0;
    virtual ControlResult<void> pause(std::string_view name) = 0;
    virtual ControlResult<void> resume(std::string_view name) = 0;
    virtual ControlResult<void> reset(std::string_view name) = 0;
    /// Presses the guest's power button.
    virtual ControlResult<void> powerdown(std::string_view name) = 0;
    /// Stops every VM, then ends the daemon with status 0.
    virtual void quit() = 0;

    virtual ControlResult<std::shared_ptr<ConsoleHub>> console(std::string_view name) = 0;
    /// A connection for gdb; the guest stops for it.
    virtual ControlResult<std::shared_ptr<StreamSource>> debug(std::string_view name) = 0;

    /// The one handler of events; called from any thread, must return quickly. An empty handler
    /// ends the subscription, and no call is under way once this has returned.
    virtual void set_event_handler(EventHandler handler) = 0;
};

}  // namespace redoubt::vmmd
