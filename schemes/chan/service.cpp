// See service.hpp.
#include "schemes/chan/service.hpp"

#include <cstdio>
#include <exception>

#include "schemes/chan/port_file.hpp"

namespace redoubt::chan {

namespace {

constexpr std::string_view kMuxPort = "redoubt.mux";
constexpr std::size_t kMuxBuffer = 4096;
constexpr std::string_view kPortFolder = "port/";

}  // namespace

ChannelService::ChannelService(scheme::Process& process) : host_(*this) {
    // Without the host's port, processes can still talk to each other.
    try {
        serial_ = VirtioSerial::find(process, process.signaller(1));
        if (serial_ != nullptr) {
            serial_->attach(*this, std::string(kMuxPort), kMuxBuffer);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "chan: no way to the host: %s\n", error.what());
    }
}

scheme::Expected<std::shared_ptr<scheme::File>> ChannelService::open(std::uint64_t client,
                                                                     scheme::OpenFlags flags,
                                                                     std::string_view path) {
    if (!path.starts_with(kPortFolder)) {
        return ChannelScheme::open(client, flags, path);
    }
    const std::string_view name = path.substr(kPortFolder.size());
    if (serial_ == nullptr || name.empty()) {
        return std::unexpected(scheme::Error::NotFound);
    }
    if (name == kMuxPort) {
        return std::unexpected(scheme::Error::MissingRight);
    }
    return std::make_shared<PortFile>(*serial_, std::string(name));
}

void ChannelService::idle() {
    if (serial_ == nullptr) {
        return;
    }
    // Sending makes room, which may let input in, which may make more output.
    do {
        host_.pump();
        const auto output = host_.mux().output();
        if (output.empty()) {
            return;
        }
        const std::size_t sent = serial_->send(*this, output);
        host_.mux().drop_output(sent);
        if (sent == 0) {
            return;
        }
        serial_->service();
    } while (true);
}

}  // namespace redoubt::chan
