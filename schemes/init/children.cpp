// Processes that other processes spawn, and what their parents are told of them.
#include <algorithm>
#include <cstring>

#include "schemes/init/child_rights.hpp"
#include "schemes/init/supervisor.hpp"

namespace redoubt::init {

namespace {

using abi::ChildState;
using abi::Error;

}  // namespace

Error Supervisor::serve_parent(Process& parent, abi::ProcessMessage request,
                               const native::Message& message, native::Message& answer) {
    switch (request) {
        case abi::ProcessMessage::Spawn:
            return spawn(parent, message, answer);
        case abi::ProcessMessage::Children:
            return describe_child(parent, message.mr[0], answer);
        case abi::ProcessMessage::EndChild:
            return end_child(parent, message.mr[0]);
        case abi::ProcessMessage::WatchChildren:
            return message.info.capabilities() != 0 && watch(parent.watch_children)
                       ? Error::Ok
                       : Error::InvalidArgument;
        case abi::ProcessMessage::FreeMemory:
            answer = native::make_reply(Error::Ok, 1, resources_.memory().free_bytes());
            return Error::Ok;
        default:
            return Error::NotSupported;
    }
}

Supervisor::Process* Supervisor::free_process() {
    const auto found = std::ranges::find(processes_, State::Free, &Process::state);
    return found == processes_.end() ? nullptr : &*found;
}

Error Supervisor::spawn(Process& parent, const native::Message& message, native::Message& answer) {
    const std::uint64_t line_size = message.mr[0];
    const std::uint64_t text_size = message.mr[1];
    if (line_size > abi::scheme::kMaximumBytes ||
        text_size > abi::scheme::kMaximumBytes - line_size) {
        return Error::TooLarge;
    }
    Process* const child = free_process();
    if (child == nullptr) {
        return Error::Busy;
    }
    std::memcpy(child->text.data(), native::message_bytes(), line_size + text_size);
    const std::string_view line(child->text.data(), line_size);
    const std::string_view text(child->text.data() + line_size, text_size);
    StartListParser parser(line);
    StartEntry entry;
    if (!parser.next(entry)) {
        return Error::InvalidArgument;
    }
    if (const auto& error = parser.error()) {
        report(
            (Line() << parent.entry.name << " cannot start a process: " << error->message << ": \"")
                .untrusted(error->word)
            << '"');
        return Error::InvalidArgument;
    }
    if (entry.argument_count == entry.arguments.size() || text.contains('\0')) {
        return Error::InvalidArgument;
    }
    entry.arguments[entry.argument_count++] = text;
    unsigned given = 0;
    for (const Process& process : processes()) {
        if (process.parent == &parent && process.end == ChildState::Running) {
            given += process.entry.limit;
        }
    }
    if (!permitted(parent.entry, given, entry)) {
        return Error::MissingRight;
    }
    for (const Process& process : processes()) {
        if (process.state != State::Free && process.entry.name == entry.name) {
            return Error::Exists;
        }
    }
    child->entry = entry;
    if (const Error error = launch(*child); !native::ok(error)) {
        child->state = State::Free;
        return error;
    }
    child->parent = &parent;
    child->id = ++last_child_;
    child->end = ChildState::Running;
    child->exit_code = 0;
    child->reason = {};
    answer = native::make_reply(Error::Ok, 1, child->id);
    return Error::Ok;
}

Error Supervisor::describe_child(const Process& parent, std::uint64_t index,
                                 native::Message& answer) {
    for (const Process& child : processes()) {
        if (child.parent != &parent || index-- != 0) {
            continue;
        }
        const std::string_view name = child.entry.name;
        const std::string_view reason = child.reason.text();
        std::memcpy(native::message_bytes(), name.data(), name.size());
        std::memcpy(native::message_bytes() + name.size(), reason.data(), reason.size());
        answer = native::make_message(static_cast<std::uint32_t>(Error::Ok),
                                      native::words_for(name.size() + reason.size()), child.id,
                                      static_cast<std::uint64_t>(child.end), child.exit_code,
                                      std::uint64_t{name.size()} << 32 | reason.size());
        return Error::Ok;
    }
    return Error::NotFound;
}

Error Supervisor::end_child(const Process& parent, std::uint64_t id) {
    for (Process& child : processes()) {
        if (child.parent != &parent || child.id != id) {
            continue;
        }
        if (child.client != 0) {
            End end{ChildState::Killed, 0, {}};
            end.reason << "ended by " << parent.entry.name;
            ended(child, end);
        }
        child.parent = nullptr;
        child.state = State::Free;
        return Error::Ok;
    }
    return Error::NotFound;
}

void Supervisor::child_ended(Process& child, const End& end) {
    child.end = end.how;
    child.exit_code = end.code;
    child.reason = end.reason;
    if (child.parent->watch_children != 0) {
        messenger_.signal_afterwards(child.parent->watch_children);
    }
}

/// When nobody is left to look after them.
void Supervisor::end_children(const Process& parent) {
    for (Process& child : processes()) {
        if (child.parent == &parent) {
            end_child(parent, child.id);
        }
    }
}

}  // namespace redoubt::init
