// See service.hpp.
#include "schemes/chan/service.hpp"

#include <cstdio>
#include <exception>

namespace redoubt::chan {

ChannelService::ChannelService(scheme::Process& process) : host_(*this) {
    // Without the host's port, processes can still talk to each other.
    try {
        serial_ = VirtioSerial::find(process, *this, process.signaller(1));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "chan: no way to the host: %s\n", error.what());
    }
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
        const std::size_t sent = serial_->send(output);
        host_.mux().drop_output(sent);
        if (sent == 0) {
            return;
        }
        serial_->service();
    } while (true);
}

}  // namespace redoubt::chan
