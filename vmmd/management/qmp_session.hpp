// One client's conversation in QMP, without the socket: bytes in, bytes out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "vmmd/management/control.hpp"
#include "vmmd/management/request_splitter.hpp"

namespace redoubt::vmmd {

class QmpSession {
  public:
    using Send = std::function<void(std::string_view)>;

    enum class Outcome {
        Continue,  ///< all was taken
        Close,     ///< the client sent something hopeless; close once what was sent has gone out
        Attach,    ///< the connection is now a console: see console() and replay()
    };

    /// Sends the greeting. `control` must outlive the session.
    QmpSession(VmControl& control, Send send);

    /// Takes what the client sent. After Attach, `bytes` is what belongs to the console already.
    Outcome receive(std::string_view& bytes);
    /// Passes an event on, if the client has negotiated. `line` is an event as event_line() makes
    /// it.
    void send_event(std::string_view line);

    std::shared_ptr<ConsoleHub> console() const { return console_; }
    bool replay() const { return replay_; }

  private:
    Outcome execute(const std::string& text);

    VmControl& control_;
    Send send_;
    RequestSplitter splitter_;
    bool negotiated_ = false;
    std::shared_ptr<ConsoleHub> console_;
    bool replay_ = true;
};

/// An event as a line ready for every session.
std::string event_line(const VmEvent& event);

}  // namespace redoubt::vmmd
