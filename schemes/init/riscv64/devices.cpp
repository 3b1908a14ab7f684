// See devices.hpp: a 16550, and virtio devices whose registers are at fixed addresses
// (virtio 1.2, 4.2).
#include "schemes/init/devices.hpp"

#include <algorithm>
#include <bit>

#include "schemes/init/builder.hpp"
#include "schemes/init/riscv64/devices.hpp"

namespace redoubt::init {

namespace {

constexpr std::uint64_t kDeviceAddress = 0x22'0000'0000;  ///< in init's address space
constexpr unsigned kTransmitData = 0, kLineStatus = 5;
constexpr std::uint8_t kTransmitterEmpty = 0x20;
constexpr unsigned kTransmitPolls = 100'000;
constexpr unsigned kVirtioStatus = 0x70;

struct Page {
    std::uint64_t physical;
    native::Slot frame;  ///< 0: none could be made
};

constinit const abi::MachineDescription* machine = nullptr;
constinit std::array<Page, abi::kMaximumVirtioDevices + 2> pages{};
constinit std::size_t page_count = 0;

constexpr std::uint64_t page_base(std::uint64_t address) { return address & ~(kPageSize - 1); }

/// In ascending order, each once: that is how they are cut out of Untypeds.
void add_page(std::uint64_t address) {
    Page* const end = pages.data() + page_count;
    Page* at = pages.data();
    while (at != end && at->physical < page_base(address)) {
        ++at;
    }
    if (address == 0 || (at != end && at->physical == page_base(address))) {
        return;
    }
    std::copy_backward(at, end, end + 1);
    *at = {page_base(address), 0};
    ++page_count;
}

/// Memory is taken from an Untyped in order: what lies before a page goes in powers of two.
void cut_pages(Resources& resources, const abi::UntypedDescription& untyped) {
    std::uint64_t at = untyped.physical_address;
    for (std::size_t i = 0; i < page_count; ++i) {
        Page& page = pages[i];
        if (page.physical < at ||
            (page.physical - untyped.physical_address) >> untyped.size_bits != 0) {
            continue;
        }
        while (at != page.physical) {
            const unsigned bits =
                std::min(static_cast<unsigned>(std::countr_zero(at | 1ULL << untyped.size_bits)),
                         static_cast<unsigned>(std::bit_width(page.physical - at)) - 1);
            const native::Slot skipped = resources.slots().allocate();
            if (!native::ok(
                    native::retype(untyped.slot, abi::ObjectType::Untyped, bits, skipped))) {
                return;
            }
            at += std::uint64_t{1} << bits;
        }
        const native::Slot frame = resources.slots().allocate();
        if (!native::ok(
                native::retype(untyped.slot, abi::ObjectType::Frame, abi::kPageBits, frame)) ||
            !native::ok(native::map(
                frame, own_slot(abi::StartupSlot::AddressSpace), kDeviceAddress + i * kPageSize,
                abi::MapFlags::Read | abi::MapFlags::Write | abi::MapFlags::Uncached))) {
            return;
        }
        page.frame = frame;
        at += kPageSize;
    }
}

const Page* find_page(std::uint64_t physical) {
    for (std::size_t i = 0; i < page_count; ++i) {
        if (pages[i].physical == page_base(physical) && pages[i].frame != 0) {
            return &pages[i];
        }
    }
    return nullptr;
}

}  // namespace

std::uintptr_t register_address(std::uint64_t physical) {
    const Page* page = find_page(physical);
    return page == nullptr
               ? 0
               : kDeviceAddress + static_cast<std::uint64_t>(page - pages.data()) * kPageSize +
                     physical % kPageSize;
}

void initialize_devices(Resources& resources) {
    machine = &resources.boot().machine;
    add_page(machine->console.address);
    add_page(machine->test_finisher);
    for (std::size_t i = 0; i < machine->virtio_count; ++i) {
        add_page(machine->virtio[i].address);
    }
    for (const abi::UntypedDescription& untyped : resources.untypeds()) {
        if (untyped.is_device != 0) {
            cut_pages(resources, untyped);
        }
    }
}

void put(char c) {
    const abi::DeviceDescription& console = machine->console;
    if (register_address(console.address) == 0) {
        return;
    }
    const auto at = [&](unsigned number) -> volatile std::uint8_t& {
        return device_register<std::uint8_t>(console.address + (number << console.register_shift));
    };
    for (unsigned polls = 0; polls < kTransmitPolls && (at(kLineStatus) & kTransmitterEmpty) == 0;
         ++polls) {
    }
    at(kTransmitData) = static_cast<std::uint8_t>(c);
}

/// Copies of the frames went with the process. A device that is reset forgets its queues.
void take_back_virtio(Resources&) {
    for (std::size_t i = 0; i < machine->virtio_count; ++i) {
        if (register_address(machine->virtio[i].address) != 0) {
            device_register<std::uint32_t>(machine->virtio[i].address + kVirtioStatus) = 0;
        }
    }
}

struct Builder::Registers : abi::DeviceDescription {};

bool Builder::grant_registers(std::string_view name, const Registers& device) {
    const Page* page = find_page(device.address);
    return page == nullptr ||
           give(native::copy(page->frame, abi::Rights::All, next_child_slot_, cnode_), name,
                abi::GrantKind::Device,
                device.address % kPageSize | std::uint64_t{device.register_shift} << 12 |
                    std::uint64_t{device.interrupt} << 32);
}

bool Builder::grant_uart() { return grant_registers("uart", {machine->console}); }

bool Builder::grant_virtio() {
    for (std::size_t i = 0; i < machine->virtio_count; ++i) {
        if (!grant_registers("virtio", {machine->virtio[i]})) {
            return false;
        }
    }
    return true;
}

/// Privileged Architecture, table 4.2.
std::string_view exception_name(std::uint64_t number) {
    switch (number) {
        case 0:
            return "misaligned fetch";
        case 1:
        case 5:
        case 7:
            return "access fault";
        case 2:
            return "invalid opcode";
        case 3:
            return "breakpoint";
        case 4:
        case 6:
            return "misaligned access";
        default:
            return "exception";
    }
}

}  // namespace redoubt::init
