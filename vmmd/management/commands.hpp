// The commands of the management socket: a table from name to what it does with the VM manager.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "vmmd/management/control.hpp"

namespace redoubt::vmmd {

using Json = nlohmann::json;

/// What a command answers with when it cannot do its work; thrown by handlers, sent as QMP's error
/// object.
struct CommandError {
    std::string_view error_class;  ///< "GenericError", "CommandNotFound", "DeviceNotFound"
    std::string description;
};

class StreamSource;

/// What happens to the connection after the answer.
struct CommandEffects {
    std::shared_ptr<ConsoleHub> attach;    ///< becomes this console's byte stream
    bool replay = true;                    ///< … beginning with its history
    std::shared_ptr<StreamSource> stream;  ///< becomes this one

    bool any() const { return attach != nullptr || stream != nullptr; }
};

struct Command {
    std::string_view name;
    std::span<const std::string_view> parameters;  ///< arguments it knows; any other is an error
    Json (*run)(VmControl& control, const Json& arguments, CommandEffects& effects);
    bool makes_stream = false;  ///< if it succeeds, the connection is no longer QMP
};

/// Whoever carries out the commands of sessions.
class CommandExecutor {
  public:
    /// The answer ("return" or "error", without id), and what it means for the connection.
    using Done = std::function<void(Json answer, CommandEffects effects)>;

    virtual ~CommandExecutor() = default;
    /// Calls `done` once, at once or later, in the loop's thread. The arguments' names are known to
    /// be right.
    virtual void execute(const Command& command, const Json& arguments, Done done) = 0;
};

/// Carries them out on the VMs of this process, at once.
class LocalExecutor final : public CommandExecutor {
  public:
    explicit LocalExecutor(VmControl& control) : control_(control) {}
    void execute(const Command& command, const Json& arguments, Done done) override;

  private:
    VmControl& control_;
};

/// All commands but qmp_capabilities, which belongs to the session.
std::span<const Command> commands();

/// What query-version returns and the greeting carries.
Json version_object();
/// The error object of QMP, without an id.
Json error_reply(std::string_view error_class, std::string_view description);
/// The argument `name`, empty if there is none; throws CommandError if it is no name.
std::string name_of(const Json& arguments);
/// A boolean argument; throws CommandError if it is something else.
bool flag_of(const Json& arguments, const char* parameter, bool otherwise);
/// What vm-trace is asked for; throws CommandError if it makes no sense.
TraceQuery trace_query_of(const Json& arguments);
/// What query-commands returns.
Json command_names();
/// A row of query-cpus-fast.
Json cpu_row(const std::string& vm, unsigned cpu);
/// The word of QEMU's RunState for query-status.
Json run_state(VmState state);
/// An event with the time it is sent, in QMP's form.
Json make_event(std::string_view name, Json data);
Json event_to_json(const VmEvent& event);
/// A name from a client's request, quoted and shortened for a message.
std::string quote_name(std::string_view name);
/// One line, as it is sent. Bytes that are not UTF-8 are replaced.
std::string to_line(const Json& message);

}  // namespace redoubt::vmmd
