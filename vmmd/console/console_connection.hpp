// Joins a character device to its console hub: the device's output into the hub, the hub's input
// into the device.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "vmmd/console/console_hub.hpp"
#include "vmmd/devices/character_backend.hpp"

namespace redoubt::vmmd {

/// Give it to the device as its back end, then connect() the device's input. Destroy it, or
/// disconnect(), before the device.
class ConsoleConnection final : public CharacterBackend {
  public:
    explicit ConsoleConnection(std::shared_ptr<ConsoleHub> hub) : hub_(std::move(hub)) {}
    ~ConsoleConnection() override { disconnect(); }
    ConsoleConnection(const ConsoleConnection&) = delete;
    ConsoleConnection& operator=(const ConsoleConnection&) = delete;

    void connect(CharacterInput& input) {
        input.set_ready_callback([hub = hub_] { hub->device_ready(); });
        hub_->set_device_input([&input](auto bytes) { return input.receive(bytes); });
    }
    void disconnect() { hub_->set_device_input({}); }

    void write(std::span<const std::uint8_t> bytes) override { hub_->write(bytes); }

  private:
    std::shared_ptr<ConsoleHub> hub_;
};

}  // namespace redoubt::vmmd
