// QMP's greeting, negotiation, and request/answer rules (QEMU's docs/interop/qmp-spec.txt).
#include "vmmd/management/qmp_session.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "vmmd/management/commands.hpp"

namespace redoubt::vmmd {

namespace {

/// The envelope's members, checked in the order in which QEMU does.
struct Request {
    std::string command;
    Json arguments = Json::object();
};

Request parse_request(const Json& object) {
    Request request;
    bool has_command = false;
    for (const auto& [member, value] : object.items()) {
        if (member == "execute") {
            if (!value.is_string()) {
                throw CommandError{"GenericError", "QMP input member 'execute' must be a string"};
            }
            request.command = value;
            has_command = true;
        } else if (member == "arguments") {
            if (!value.is_object()) {
                throw CommandError{"GenericError",
                                   "QMP input member 'arguments' must be an object"};
            }
            request.arguments = value;
        } else if (member != "id") {
            throw CommandError{"GenericError",
                               "QMP input member " + quote_name(member) + " is unexpected"};
        }
    }
    if (!has_command) throw CommandError{"GenericError", "QMP input lacks member 'execute'"};
    return request;
}

void check_parameters(const Command& command, const Json& arguments) {
    for (const auto& item : arguments.items()) {
        if (std::ranges::find(command.parameters, item.key()) == command.parameters.end()) {
            throw CommandError{"GenericError",
                               "Parameter " + quote_name(item.key()) + " is unexpected"};
        }
    }
}

/// qmp_capabilities: nothing can be enabled, as nothing is offered.
void check_negotiation(const Json& arguments) {
    for (const auto& item : arguments.items()) {
        if (item.key() != "enable") {
            throw CommandError{"GenericError",
                               "Parameter " + quote_name(item.key()) + " is unexpected"};
        }
        if (!item.value().is_array()) {
            throw CommandError{"GenericError",
                               "Invalid parameter type for 'enable', expected: array"};
        }
        if (!item.value().empty()) {
            throw CommandError{"GenericError", "Capability is not offered"};
        }
    }
}

/// A monitor has little memory, and a guest that shall not end because somebody asks for much.
Json too_large() {
    return error_reply("GenericError", "there is not enough memory for the answer; ask for less");
}

}  // namespace

QmpSession::QmpSession(CommandExecutor& executor, Send send, Resume resume)
    : executor_(executor), send_(std::move(send)), resume_(std::move(resume)) {
    send_(to_line({{"QMP", {{"version", version_object()}, {"capabilities", Json::array()}}}}));
}

QmpSession::Outcome QmpSession::receive(std::string_view& bytes) {
    while (const auto item = splitter_.next(bytes)) {
        switch (item->kind) {
            case RequestSplitter::Item::Kind::Garbage:
                send_(to_line(error_reply("GenericError", "JSON parse error: " + item->text)));
                break;
            case RequestSplitter::Item::Kind::TooLong:
                send_(to_line(error_reply("GenericError", "The request is longer than 1 MiB")));
                return Outcome::Close;
            case RequestSplitter::Item::Kind::Request:
                if (const Outcome outcome = execute(item->text); outcome != Outcome::Continue) {
                    return outcome;
                }
                break;
        }
    }
    return Outcome::Continue;
}

QmpSession::Outcome QmpSession::execute(const std::string& text) {
    const Json object = Json::parse(text, nullptr, false);
    if (object.is_discarded()) {
        send_(to_line(error_reply("GenericError", "JSON parse error: not valid JSON")));
        return Outcome::Continue;
    }
    progress_ = Progress::Executing;
    id_.reset();
    if (object.is_object() && object.contains("id")) id_ = object["id"];
    try {
        if (!object.is_object())
            throw CommandError{"GenericError", "QMP input must be a JSON object"};
        const Request request = parse_request(object);
        if (request.command == "qmp_capabilities") {
            if (negotiated_) {
                throw CommandError{"CommandNotFound",
                                   "Capabilities negotiation is already complete, command ignored"};
            }
            check_negotiation(request.arguments);
            negotiated_ = true;
            answer({{"return", Json::object()}}, {});
        } else {
            if (!negotiated_) {
                throw CommandError{"CommandNotFound",
                                   "Expecting capabilities negotiation with 'qmp_capabilities'"};
            }
            const auto command = std::ranges::find(commands(), request.command, &Command::name);
            if (command == commands().end()) {
                throw CommandError{"CommandNotFound", "The command " + quote_name(request.command) +
                                                          " has not been found"};
            }
            check_parameters(*command, request.arguments);
            executor_.execute(
                *command, request.arguments,
                [session = std::weak_ptr(alive_)](Json reply, CommandEffects effects) {
                    if (const auto self = session.lock()) {
                        self->answer(std::move(reply), std::move(effects));
                    }
                });
        }
    } catch (const CommandError& error) {
        answer(error_reply(error.error_class, error.description), {});
    } catch (const std::bad_alloc&) {
        answer(too_large(), {});
    }
    if (progress_ == Progress::Executing) {
        progress_ = Progress::Waiting;
        return Outcome::Wait;
    }
    return effects_.any() ? Outcome::Stream : Outcome::Continue;
}

void QmpSession::answer(Json reply, CommandEffects effects) {
    const auto send = [this](Json& whole) {
        if (id_) whole["id"] = *id_;
        send_(to_line(whole));
    };
    try {
        send(reply);
    } catch (const std::bad_alloc&) {
        reply = too_large();
        effects = {};
        send(reply);
    }
    id_.reset();
    effects_ = std::move(effects);
    if (std::exchange(progress_, Progress::Done) == Progress::Waiting) {
        resume_(effects_.any() ? Outcome::Stream : Outcome::Continue);
    }
}

void QmpSession::send_event(std::string_view line) {
    if (negotiated_) send_(line);
}

std::string event_line(const VmEvent& event) { return to_line(event_to_json(event)); }

}  // namespace redoubt::vmmd
