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
class VmControl;

class ManagementServer {
  public:
    /// Becomes the event handler of `control`. Both must outlive the server.
    ManagementServer(EventLoop& loop, VmControl& control);
    ~ManagementServer();
    ManagementServer(const ManagementServer&) = delete;
    ManagementServer& operator=(const ManagementServer&) = delete;

    /// Listens on `path`, replacing a socket that nobody serves any more. The error is one line for
    /// a person.
    std::expected<void, std::string> listen(const std::string& path);

    /// Accepts no more, sends clients what waits for them (for at most `patience`), closes them,
    /// then calls `done` in the loop's thread. For the end of the daemon: emit DaemonExit first.
    void drain(std::chrono::milliseconds patience, std::function<void()> done);

  private:
    class Implementation;
    EventLoop& loop_;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace redoubt::vmmd
