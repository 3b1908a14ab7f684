// See bus_masters.hpp. Configuration mechanism #1: PCI Local Bus 3.0, 3.2.2.3.2.
#include "schemes/init/x86_64/bus_masters.hpp"

#include "libhvcall/native/syscall.hpp"

namespace redoubt::init {

namespace {

constexpr std::uint16_t kConfigAddress = 0xCF8, kConfigData = 0xCFC;
constexpr unsigned kIdentity = 0x00, kCommand = 0x04, kHeader = 0x0C;
constexpr std::uint32_t kBusMaster = 1U << 2;
constexpr unsigned kBuses = 256, kDevices = 32, kFunctions = 8;

class Configuration {
  public:
    Configuration(native::Slot ports, unsigned bus, unsigned device, unsigned function)
        : ports_(ports), base_(1U << 31 | bus << 16 | device << 11 | function << 8) {}

    std::uint32_t read(unsigned offset) const {
        native::port_out(ports_, kConfigAddress, 4, base_ | offset);
        return native::port_in(ports_, kConfigData, 4).value;
    }
    void write(unsigned offset, std::uint32_t value) const {
        native::port_out(ports_, kConfigAddress, 4, base_ | offset);
        native::port_out(ports_, kConfigData, 4, value);
    }

  private:
    native::Slot ports_;
    std::uint32_t base_;
};

}  // namespace

void stop_bus_masters(const abi::BootInfo& boot) {
    for (unsigned bus = 0; bus < kBuses; ++bus) {
        for (unsigned device = 0; device < kDevices; ++device) {
            for (unsigned function = 0; function < kFunctions; ++function) {
                const Configuration place(boot.io_port_slot, bus, device, function);
                if (place.read(kIdentity) == 0xFFFF'FFFF) {
                    if (function == 0) {
                        break;
                    }
                    continue;
                }
                const std::uint32_t header = place.read(kHeader) >> 16;
                const std::uint32_t command = place.read(kCommand) & 0xFFFF;
                // Bridges only pass on what the devices behind them do.
                if ((header & 0x7F) == 0 && (command & kBusMaster) != 0) {
                    place.write(kCommand, command & ~kBusMaster);
                }
                if (function == 0 && (header & 0x80) == 0) {
                    break;
                }
            }
        }
    }
}

}  // namespace redoubt::init
