// One client's conversation in QMP, without the socket: bytes in, bytes out.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vmmd/management/commands.hpp"
#include "vmmd/management/request_splitter.hpp"

namespace redoubt::vmmd {

class QmpSession {
  public:
    using Send = std::function<void(std::string_view)>;

    enum class Outcome {
        Continue,  ///< all was taken
        Close,     ///< the client sent something hopeless; close once what was sent has gone out
        Stream,    ///< the connection is now something else: see effects()
        Wait,      ///< a command takes its time: receive nothing before `resume`
    };
    /// A command that took its time is answered; Continue or Stream.
    using Resume = std::function<void(Outcome)>;

    /// Sends the greeting. `executor` must outlive the session.
    QmpSession(CommandExecutor& executor, Send send, Resume resume = {});

    /// Takes what the client sent. After Stream, `bytes` is what belongs to the stream already;
    /// after Wait, what is to be received later.
    Outcome receive(std::string_view& bytes);
    /// Passes an event on, if the client has negotiated. `line` is an event as event_line() makes
    /// it.
    void send_event(std::string_view line);

    const CommandEffects& effects() const { return effects_; }

  private:
    enum class Progress { Done, Executing, Waiting };

    Outcome execute(const std::string& text);
    void answer(Json reply, CommandEffects effects);

    CommandExecutor& executor_;
    Send send_;
    Resume resume_;
    RequestSplitter splitter_;
    bool negotiated_ = false;
    Progress progress_ = Progress::Done;
    std::optional<Json> id_;  ///< of the request that is carried out
    CommandEffects effects_;
    /// Expires with the session, for answers that come too late.
    std::shared_ptr<QmpSession> alive_{this, [](QmpSession*) {}};
};

/// An event as a line ready for every session.
std::string event_line(const VmEvent& event);

}  // namespace redoubt::vmmd
