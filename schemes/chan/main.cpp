// chan: serves the scheme chan:, stream sockets between processes and, over the machine's virtio
// console, from the host.
#include <cstdio>
#include <exception>
#include <memory>

#include "libhvcall/native/syscall.hpp"
#include "schemes/chan/channel.hpp"
#include "schemes/chan/host_port.hpp"
#include "schemes/chan/virtio_serial.hpp"
#include "schemes/libscheme/process.hpp"

namespace {

using namespace redoubt;

class ChannelService final : public chan::ChannelScheme, chan::PortUser {
  public:
    explicit ChannelService(scheme::Process& process) : host_(*this) {
        // Without the host's port, processes can still talk to each other.
        try {
            serial_ = chan::VirtioSerial::find(process, *this, process.signaller(1));
        } catch (const std::exception& error) {
            std::fprintf(stderr, "chan: no way to the host: %s\n", error.what());
        }
    }

    void notified(std::uint64_t) override { serial_->service(); }

    void idle() override {
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

  private:
    void port_opened() override { host_.mux().restart(); }
    void port_closed() override { host_.mux().stop(); }
    bool port_accepts() const override { return host_.mux().accepts_input(); }
    void port_data(std::span<const std::byte> bytes) override { host_.mux().receive(bytes); }

    chan::HostPort host_;
    std::unique_ptr<chan::VirtioSerial> serial_;
};

void serve(scheme::Process& process) {
    ChannelService service(process);
    process.serve("chan", service);
}

}  // namespace

int main() { return redoubt::scheme::run_program("chan", serve); }
