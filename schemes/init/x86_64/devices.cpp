// See devices.hpp: COM1, and virtio devices on PCI.
#include "schemes/init/devices.hpp"

#include "schemes/init/builder.hpp"
#include "schemes/init/x86_64/bus_masters.hpp"

namespace redoubt::init {

namespace {

constexpr std::uint16_t kCom1 = 0x3F8, kCom1Last = 0x3FF;
constexpr std::uint16_t kLineStatus = kCom1 + 5;
constexpr std::uint32_t kTransmitterEmpty = 0x20;
constexpr unsigned kTransmitPolls = 100'000;
constexpr std::uint16_t kConfigFirst = 0xCF8, kConfigLast = 0xCFF;
constexpr std::size_t kMaximumDeviceGrants = 28;

constinit native::Slot all_ports = abi::kNullCapability;

}  // namespace

void initialize_devices(Resources& resources) { all_ports = resources.boot().io_port_slot; }

void put(char c) {
    for (unsigned polls = 0; polls < kTransmitPolls; ++polls) {
        const auto status = native::port_in(all_ports, kLineStatus, 1);
        if (!status || (status.value & kTransmitterEmpty) != 0) {
            break;
        }
    }
    native::port_out(all_ports, kCom1, 1, static_cast<std::uint8_t>(c));
}

void take_back_virtio(Resources& resources) {
    for (const abi::UntypedDescription& untyped : resources.untypeds()) {
        if (untyped.is_device != 0) {
            native::revoke(untyped.slot);
        }
    }
    stop_bus_masters(resources.boot());
}

struct Builder::Registers {
    std::uint64_t first_port, last_port;
};

bool Builder::grant_registers(std::string_view name, const Registers& registers) {
    const std::uint64_t range = registers.first_port | registers.last_port << 16;
    return give(native::mint(all_ports, abi::Rights::All, range, next_child_slot_, cnode_), name,
                abi::GrantKind::Ports, range);
}

bool Builder::grant_uart() { return grant_registers("uart", {kCom1, kCom1Last}); }

/// The ports of configuration space, and the memory where devices' registers may lie.
bool Builder::grant_virtio() {
    if (!grant_registers("pci", {kConfigFirst, kConfigLast})) {
        return false;
    }
    std::size_t given = 0;
    for (const abi::UntypedDescription& untyped : resources_.untypeds()) {
        if (untyped.is_device == 0 || given == kMaximumDeviceGrants) {
            continue;
        }
        if (!give(native::retype(untyped.slot, abi::ObjectType::Untyped, untyped.size_bits,
                                 next_child_slot_, 1, cnode_),
                  "device", abi::GrantKind::Untyped,
                  untyped.physical_address | untyped.size_bits)) {
            return false;
        }
        ++given;
    }
    return true;
}

std::string_view exception_name(std::uint64_t number) {
    switch (number) {
        case 0:
            return "division error";
        case 1:
            return "debug exception";
        case 3:
            return "breakpoint";
        case 4:
            return "overflow";
        case 6:
            return "invalid opcode";
        case 12:
            return "stack fault";
        case 13:
            return "general protection fault";
        case 16:
        case 19:
            return "floating-point exception";
        case 17:
            return "alignment check";
        default:
            return "exception";
    }
}

}  // namespace redoubt::init
