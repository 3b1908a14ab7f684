// The management socket: accepts clients on a unix socket, speaks QMP with each (qmp_session.hpp),
// spreads events, and turns connections into console streams on vm-attach.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>

namespace redoubt::vmmd {

class EventLoop;
class CommandExecutor;
class VmControl;

class ManagementServer {
  public:
    /// `executor` carries out what clients ask for. Both must outlive the server.
    ManagementServer(EventLoop& loop, CommandExecutor& executor);
    ~ManagementServer();
    ManagementServer(const ManagementServer&) = delete;
    ManagementServer& operator=(const ManagementServer&) = delete;

    /// Listens on `path`, replacing a socket that nobody serves any more. The error is one line for
    /// a person.
    std::expected<void, std::string> listen(const std::string& path);

    /// Sends an event to every client that has negotiated. In the loop's thread.
    void spread(const std::string& line);
    /// The same for the events of `control`, which may come from any thread, as long as both live.
    void spread_events_of(VmControl& control);

    /// Accepts no more, sends clients what waits for them (for at most `patience`), closes them,
    /// then calls `done` in the loop's thread. For the end of the daemon: emit DaemonExit first.
    void drain(std::chrono::milliseconds patience, std::function<void()> done);

  private:
    class Implementation;
    EventLoop& loop_;
    VmControl* control_ = nullptr;  ///< whose events are spread
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace redoubt::vmmd
