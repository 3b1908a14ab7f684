// The scheme chan: as a whole: sockets between processes, and the ports to the host if the machine
// has some: that of the host's streams, and others as the files port/NAME.
#pragma once

#include <memory>

#include "schemes/chan/channel.hpp"
#include "schemes/chan/host_port.hpp"
#include "schemes/chan/virtio_serial.hpp"
#include "schemes/libscheme/process.hpp"

namespace redoubt::chan {

class ChannelService : public ChannelScheme, PortUser {
  public:
    explicit ChannelService(scheme::Process& process);

    scheme::Expected<std::shared_ptr<scheme::File>> open(std::uint64_t client,
                                                         scheme::OpenFlags flags,
                                                         std::string_view path) override;
    void notified(std::uint64_t) override { serial_->service(); }
    void idle() override;

  protected:
    void port_data(std::span<const std::byte> bytes) override { host_.mux().receive(bytes); }

  private:
    void port_opened() override { host_.mux().restart(); }
    void port_closed() override { host_.mux().stop(); }
    bool port_accepts() const override { return host_.mux().accepts_input(); }

    HostPort host_;
    std::unique_ptr<VirtioSerial> serial_;
};

}  // namespace redoubt::chan
