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

/// What happens to the connection after the answer.
struct CommandEffects {
    std::shared_ptr<ConsoleHub> attach;  ///< becomes this console's byte stream
    bool replay = true;                  ///< … beginning with its history
};

struct Command {
    std::string_view name;
    std::span<const std::string_view> parameters;  ///< arguments it knows; any other is an error
    Json (*run)(VmControl& control, const Json& arguments, CommandEffects& effects);
};

/// All commands but qmp_capabilities, which belongs to the session.
std::span<const Command> commands();

/// What query-version returns and the greeting carries.
Json version_object();
/// The error object of QMP, without an id.
Json error_reply(std::string_view error_class, std::string_view description);
/// An event with the time it is sent, in QMP's form.
Json event_to_json(const VmEvent& event);
/// A name from a client's request, quoted and shortened for a message.
std::string quote_name(std::string_view name);
/// One line, as it is sent. Bytes that are not UTF-8 are replaced.
std::string to_line(const Json& message);

}  // namespace redoubt::vmmd
