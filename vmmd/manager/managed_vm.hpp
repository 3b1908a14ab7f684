// One VM as the manager sees it: its configuration, the monitor that runs it, what became of it.
//
// Everything runs in the event loop's thread. A monitor is believed about its own VM only, and
// waited for only so long.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "vmmd/config/config.hpp"
#include "vmmd/manager/event_allowance.hpp"
#include "vmmd/manager/monitor_connection.hpp"
#include "vmmd/manager/restart_backoff.hpp"
#include "vmmd/manager/spawner.hpp"

namespace redoubt::vmmd {

class ConsoleHub;
class EventLoop;
class StreamSource;

/// How long the manager waits for what.
struct Patience {
    std::chrono::milliseconds start{60'000};   ///< for a new monitor to listen
    std::chrono::milliseconds answer{10'000};  ///< for an answer
    std::chrono::milliseconds end{5'000};      ///< for a monitor to end after vm-stop
};

class ManagedVm {
  public:
    struct Surroundings {
        EventLoop* loop = nullptr;
        Spawner* spawner = nullptr;
        Patience patience{};
        std::function<void(const Json& event)> emit;
        std::function<void()> stopped;  ///< it is stopped or crashed, and stays so
    };
    /// An answer in QMP's form, "return" or "error".
    using Reply = std::function<void(Json)>;
    using StreamReply = std::function<void(Json, std::shared_ptr<StreamSource>)>;

    ManagedVm(VmConfig config, Surroundings surroundings);
    ~ManagedVm();

    const VmConfig& config() const { return config_; }
    std::optional<MonitorId> monitor() const { return monitor_; }
    bool stopped() const { return phase_ == Phase::Stopped; }
    VmEnd last_end() const { return last_end_; }
    const std::string& stop_reason() const { return reason_; }
    VmState state() const;
    /// The VM has a monitor that can be asked, or will have one.
    bool can_be_asked() const { return phase_ == Phase::Live || phase_ == Phase::Starting; }

    void start(Reply reply);
    /// Ends it as if its power were cut. A monitor that does not do it is ended itself.
    void stop(Reply reply);
    /// No restarts any more.
    void retire() { retired_ = true; }
    /// Goes on with a monitor of an earlier manager.
    void adopt(const FoundMonitor& found);
    /// To be called for this VM's monitor only.
    void monitor_ended(const MonitorEnd& end);

    void forward(const Command& command, const Json& arguments, Reply reply);
    /// Whoever asks while the monitor ends is told when it has.
    void open_stream(const Command& command, const Json& arguments, StreamReply reply);

    Json summary() const;
    Json details() const;
    /// Of the last run, as vm-stats gives it.
    const Json& last_statistics() const { return statistics_; }
    /// Of the last run, as vm-trace gives them.
    const Json& last_exits() const { return exits_; }
    /// What was to be seen on its console when it stopped.
    const std::shared_ptr<ConsoleHub>& last_console() const { return console_; }
    ControlError not_running() const;

  private:
    enum class Phase {
        Stopped,
        Starting,  ///< its monitor comes up
        Live,
        Ending,      ///< it has stopped, or was told to; its monitor ends
        Restarting,  ///< waits for the next attempt
    };
    struct Pending {
        Reply reply;
        std::unique_ptr<boost::asio::steady_timer> limit;
        Json unsent;  ///< the message, while it waits for the connection
        std::shared_ptr<MonitorConnection> stream{};  ///< that a command for one opens
    };

    void launch(Reply reply);
    void connect();
    void connected();
    void found_state(const Json& row);
    void message(Json message);
    void event(Json& event);
    void lost(MonitorConnection::Loss how);
    void go_live();
    std::uint64_t expect_answer(std::chrono::milliseconds limit, Reply reply);
    void request(Json message, std::chrono::milliseconds limit, Reply reply);
    void send_waiting();
    static void fail(Pending& waiting, Json error);
    /// All, or those that wait for an answer over the connection that every command takes.
    enum class Which { All, OnLink };
    void fail_requests(Which which, const std::string& why);
    /// Ends the monitor; `why` is the reason of the VM's end.
    void end_monitor(std::string why, VmEnd end);
    void expect_end();
    void finish();
    void settle(VmEnd end, std::string reason, std::chrono::milliseconds ran);
    void answer_start(Json reply);
    std::string quoted() const { return "VM \"" + config_.name + "\""; }
    Json no_answer() const;
    std::chrono::milliseconds uptime() const;

    const VmConfig config_;
    const Surroundings surroundings_;
    Phase phase_ = Phase::Stopped;
    std::optional<MonitorId> monitor_;
    std::shared_ptr<MonitorConnection> link_;
    bool link_ready_ = false;
    std::map<std::uint64_t, Pending> pending_;
    std::uint64_t last_request_ = 0;
    EventAllowance events_;

    bool paused_ = false;
    bool stop_requested_ = false;
    bool retired_ = false;
    std::optional<MonitorEnd> ended_;         ///< its process has, but not all was read yet
    std::optional<Json> stopped_event_;       ///< VM_STOPPED's data
    std::optional<std::string> kill_reason_;  ///< why the manager ended the monitor
    VmEnd kill_end_ = VmEnd::Crashed;
    Reply start_reply_;
    boost::asio::steady_timer timer_;  ///< restart, reconnection
    boost::asio::steady_timer limit_;  ///< of an end
    std::chrono::steady_clock::time_point started_;

    RestartBackoff backoff_;
    unsigned restarts_ = 0;
    VmEnd last_end_ = VmEnd::NeverRan;
    std::string reason_;
    Json statistics_;
    Json exits_ = Json::array();
    std::shared_ptr<ConsoleHub> console_;
    std::chrono::milliseconds last_run_{};
};

}  // namespace redoubt::vmmd
