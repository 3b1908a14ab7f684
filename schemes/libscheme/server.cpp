// See server.hpp.
#include "schemes/libscheme/server.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "abi/ipc.hpp"

namespace redoubt::scheme {

using abi::scheme::Operation;

Expected<std::size_t> File::read(std::uint64_t, std::span<std::byte>) {
    return std::unexpected(Error::NotSupported);
}
Expected<std::size_t> File::write(std::uint64_t, std::span<const std::byte>) {
    return std::unexpected(Error::NotSupported);
}
Expected<CallResult> File::call(std::uint64_t, std::uint64_t, std::span<const std::byte>) {
    return std::unexpected(Error::NotSupported);
}
Expected<std::size_t> File::list(std::uint64_t, std::span<std::byte>) {
    return std::unexpected(Error::NotSupported);
}
void Scheme::notified(std::uint64_t) {}

std::size_t copy_text(std::string_view text, std::uint64_t offset, std::span<std::byte> out) {
    if (offset >= text.size()) {
        return 0;
    }
    const std::size_t count = std::min<std::size_t>(text.size() - offset, out.size());
    std::memcpy(out.data(), text.data() + offset, count);
    return count;
}

Server::Server(Scheme& scheme, Transport& transport, std::uint64_t first_file)
    : scheme_(scheme),
      transport_(transport),
      next_file_(std::max<std::uint64_t>(first_file % (abi::scheme::kRestrictedRoot / 2), 1)) {}

Server::~Server() {
    while (!files_.empty()) {
        close(files_.begin());
    }
}

void Server::run() {
    Request request;
    Reply reply;
    bool answer = false;
    while (transport_.exchange(answer ? &reply : nullptr, request)) {
        answer = handle(request, reply);
        scheme_.idle();
    }
}

bool Server::handle(Request& request, Reply& reply) {
    if (request.label == abi::kNotificationLabel) {
        scheme_.notified(request.registers[0]);
        return false;
    }
    reply.error = Error::Ok;
    reply.registers = {};
    reply.bytes.clear();
    reply.file_badge = 0;
    reply.error = dispatch(request, reply);
    if (reply.error != Error::Ok) {
        reply.bytes.clear();
    }
    if (request.capability != abi::kNullCapability) {
        transport_.drop(std::exchange(request.capability, abi::kNullCapability));
    }
    return true;
}

Error Server::dispatch(Request& request, Reply& reply) {
    if (request.badge == 0) {
        return control(request);
    }
    const std::uint64_t file = abi::scheme::badge_file(request.badge);
    if (file == 0 || (file & abi::scheme::kRestrictedRoot) != 0) {
        return static_cast<Operation>(request.label) == Operation::Open ? open(request, reply)
                                                                        : Error::NotSupported;
    }
    const auto position = files_.find(file);
    if (position == files_.end() ||
        position->second.client != abi::scheme::badge_client(request.badge)) {
        return Error::InvalidCapability;
    }
    if (static_cast<Operation>(request.label) == Operation::Close) {
        close(position);
        return Error::Ok;
    }
    return operate(position->second, request, reply);
}

Error Server::control(const Request& request) {
    if (static_cast<Operation>(request.label) != Operation::ClientGone) {
        return Error::NotSupported;
    }
    // Closing a file may change others of the same table, so start over after each.
    for (auto position = files_.begin(); position != files_.end();) {
        if (position->second.client == request.registers[0]) {
            close(position);
            position = files_.begin();
        } else {
            ++position;
        }
    }
    return Error::Ok;
}

Error Server::open(const Request& request, Reply& reply) {
    const std::uint64_t length = request.registers[1];
    if (length > request.bytes.size()) {
        return Error::InvalidArgument;
    }
    const std::string_view path(reinterpret_cast<const char*>(request.bytes.data()), length);
    const std::uint64_t root = abi::scheme::badge_file(request.badge);
    if (root != 0 && root != abi::scheme::restricted_root(path)) {
        return Error::MissingRight;
    }
    const std::uint64_t client = abi::scheme::badge_client(request.badge);
    auto file = scheme_.open(client, static_cast<OpenFlags>(request.registers[0]), path);
    if (!file) {
        return file.error();
    }
    const FileStatus status = (*file)->status();
    reply.registers[0] = status.kind == FileKind::Stream ? 0 : status.size;
    reply.registers[1] = static_cast<std::uint64_t>(status.kind);
    return add(client, std::move(*file), reply);
}

Error Server::add(std::uint64_t client, std::shared_ptr<File> file, Reply& reply) {
    std::size_t& count = files_of_client_[client];
    if (count >= kMaximumFilesPerClient) {
        file->closed();
        return Error::TooLarge;
    }
    ++count;
    const std::uint64_t id = next_file_++;
    file->id_ = id;
    file->observer_ = this;
    files_.emplace(id, OpenFile{client, std::move(file)});
    reply.file_badge = abi::scheme::make_badge(client, id);
    return Error::Ok;
}

void Server::close(Table::iterator position) {
    OpenFile open_file = std::move(position->second);
    files_.erase(position);
    if (const auto count = files_of_client_.find(open_file.client); --count->second == 0) {
        files_of_client_.erase(count);
    }
    open_file.file->observer_ = nullptr;
    if (open_file.notification != abi::kNullCapability) {
        transport_.drop(open_file.notification);
    }
    open_file.file->closed();
}

Error Server::operate(OpenFile& open_file, Request& request, Reply& reply) {
    File& file = *open_file.file;
    const auto fill = [&](auto&& producer, std::uint64_t length) {
        reply.bytes.resize(std::min<std::uint64_t>(length, abi::scheme::kMaximumBytes));
        const Expected<std::size_t> count = producer(std::span<std::byte>(reply.bytes));
        if (!count) {
            return count.error();
        }
        reply.bytes.resize(*count);
        reply.registers[0] = *count;
        return Error::Ok;
    };
    switch (static_cast<Operation>(request.label)) {
        case Operation::Read:
            return fill([&](auto out) { return file.read(request.registers[0], out); },
                        request.registers[1]);
        case Operation::List:
            return fill([&](auto out) { return file.list(request.registers[0], out); },
                        abi::scheme::kMaximumBytes);
        case Operation::Write: {
            if (request.registers[1] > request.bytes.size()) {
                return Error::InvalidArgument;
            }
            const auto count = file.write(request.registers[0],
                                          std::span(request.bytes).first(request.registers[1]));
            if (!count) {
                return count.error();
            }
            reply.registers[0] = *count;
            return Error::Ok;
        }
        case Operation::Call: {
            if (request.registers[1] > request.bytes.size()) {
                return Error::InvalidArgument;
            }
            auto result = file.call(request.registers[0], request.registers[2],
                                    std::span(request.bytes).first(request.registers[1]));
            if (!result) {
                return result.error();
            }
            reply.registers = {result->value0, result->value1};
            return result->file ? add(open_file.client, std::move(result->file), reply) : Error::Ok;
        }
        case Operation::Stat: {
            const FileStatus status = file.status();
            reply.registers = {status.size, static_cast<std::uint64_t>(status.kind)};
            return Error::Ok;
        }
        case Operation::Event:
            return subscribe(open_file, request, reply);
        default:
            return Error::NotSupported;
    }
}

Error Server::subscribe(OpenFile& open_file, Request& request, Reply& reply) {
    const EventMask now = open_file.file->ready();
    if (request.capability != abi::kNullCapability) {
        if (open_file.notification != abi::kNullCapability) {
            transport_.drop(open_file.notification);
        }
        open_file.notification = std::exchange(request.capability, abi::kNullCapability);
        open_file.wanted = static_cast<EventMask>(request.registers[0]);
        open_file.seen = now;
    }
    reply.registers[0] = static_cast<std::uint64_t>(now);
    return Error::Ok;
}

void Server::state_changed(File& file) {
    const auto position = files_.find(file.id_);
    if (position == files_.end()) {
        return;
    }
    OpenFile& open_file = position->second;
    const EventMask now = file.ready();
    const EventMask begun = now & ~open_file.seen & open_file.wanted;
    open_file.seen = now;
    if (begun != EventMask::None && open_file.notification != abi::kNullCapability) {
        transport_.signal(open_file.notification);
    }
}

}  // namespace redoubt::scheme
