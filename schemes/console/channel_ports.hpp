// The machine's virtio ports for single streams, through chan:port/console.NAME.
//
// chan: writes to log:, which writes to console:, so console: must never wait for chan:. Only the
// thread that lives here does; between it and the server's thread there are bounded queues.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "schemes/console/console_scheme.hpp"
#include "schemes/libscheme/process.hpp"

namespace redoubt::console {

class ChannelPorts {
  public:
    /// `changed` is signalled when a port was found, took output, or has input. Throws
    /// std::runtime_error.
    ChannelPorts(scheme::Process& process, abi::CapabilityIndex changed);
    ~ChannelPorts() = delete;  // its thread never ends

    /// The way to the port of that stream, found or not. Null if this process may not use chan:.
    std::unique_ptr<PortLine> open(std::string_view stream);

  private:
    struct Link;
    class Handle;

    static void* run(void* self);
    [[noreturn]] void serve();
    /// Everything that can be done for one stream without waiting for the host.
    void serve_link(Link& link);
    bool open_link(Link& link);
    bool is_closed(const Link& link);
    bool send(Link& link);
    /// Sends what a closed stream left; false: there is nothing more to wait for.
    bool drain(Link& link);
    void forget(Link& link);
    bool receive(Link& link);
    void lose(Link& link);
    void wake();
    void tell();

    abi::CapabilityIndex root_ = 0;        ///< of chan:
    abi::CapabilityIndex changed_;         ///< signals the server's thread
    abi::CapabilityIndex events_ = 0;      ///< what the thread waits for
    abi::CapabilityIndex wake_ = 0;        ///< signals it from the server's thread
    abi::CapabilityIndex subscribed_ = 0;  ///< signals it from chan: and init
    const posix::NativeServices& services_;
    std::mutex mutex_;  ///< guards the list and the queues in it; never held while chan: is called
    std::vector<std::shared_ptr<Link>> links_;
};

}  // namespace redoubt::console
