// See virtio_transport.hpp.
#include "schemes/chan/x86_64/virtio_transport.hpp"

#include <stdexcept>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

/// 4.1.4.3
struct VirtioTransport::CommonConfiguration {
    std::uint32_t device_feature_select;
    std::uint32_t device_feature;
    std::uint32_t driver_feature_select;
    std::uint32_t driver_feature;
    std::uint16_t config_msix_vector;
    std::uint16_t queue_count;
    std::uint8_t device_status;
    std::uint8_t config_generation;
    std::uint16_t queue_select;
    std::uint16_t queue_size;
    std::uint16_t queue_msix_vector;
    std::uint16_t queue_enable;
    std::uint16_t queue_notify_offset;
    std::uint32_t queue_descriptors[2];
    std::uint32_t queue_available[2];
    std::uint32_t queue_used[2];
};

namespace {

constexpr std::uint16_t kVirtioVendor = 0x1AF4;
constexpr std::uint16_t kConsoleDevice = 0x1043;
constexpr std::uint16_t kTransitionalConsoleDevice = 0x1003;

constexpr std::uint8_t kVendorCapability = 0x09;
constexpr std::uint8_t kMsixCapability = 0x11;
constexpr std::uint8_t kCommonStructure = 1, kNotifyStructure = 2;
constexpr std::uint16_t kNoVector = 0xFFFF;

void store64(volatile std::uint32_t (&field)[2], std::uint64_t value) {
    field[0] = static_cast<std::uint32_t>(value);
    field[1] = static_cast<std::uint32_t>(value >> 32);
}

}  // namespace

std::unique_ptr<VirtioTransport> VirtioTransport::find(scheme::Process& process,
                                                       abi::CapabilityIndex signaller) {
    const auto ports = process.grant(abi::GrantKind::Ports, "pci");
    if (!ports) {
        return nullptr;
    }
    const PciBus bus(ports->slot);
    const auto function = bus.find([](std::uint16_t vendor, std::uint16_t device) {
        return vendor == kVirtioVendor &&
               (device == kConsoleDevice || device == kTransitionalConsoleDevice);
    });
    if (!function) {
        return nullptr;
    }
    return std::unique_ptr<VirtioTransport>(
        new VirtioTransport(process, signaller, bus, *function));
}

VirtioTransport::VirtioTransport(scheme::Process& process, abi::CapabilityIndex signaller,
                                 const PciBus& bus, PciFunction function)
    : process_(process), bus_(bus), function_(bus_, function.address()), memory_(process) {
    function_.enable();
    common_ = reinterpret_cast<CommonConfiguration*>(map_structure(kCommonStructure));
    notify_ = map_structure(kNotifyStructure);
    set_up_interrupt(signaller);
}

/// 4.1.4: vendor capabilities tell in which BAR and where each structure lies.
std::uintptr_t VirtioTransport::map_structure(std::uint8_t type) {
    for (unsigned at = function_.capability(kVendorCapability); at != 0;
         at = function_.capability(kVendorCapability, at)) {
        if (function_.read8(at + 3) != type) {
            continue;
        }
        const std::uint64_t bar = function_.memory_bar(function_.read8(at + 4));
        const std::uint32_t offset = function_.read32(at + 8);
        const std::uint32_t length = function_.read32(at + 12);
        if (type == kNotifyStructure) {
            notify_multiplier_ = function_.read32(at + 16);
        }
        if (bar != 0) {
            return memory_.map(bar + offset, length);
        }
    }
    throw std::runtime_error("the virtio console is not a modern virtio-pci device");
}

/// One vector for all queues (PCI Local Bus 3.0, 6.8.2).
void VirtioTransport::set_up_interrupt(abi::CapabilityIndex signaller) {
    const auto control = process_.grant(abi::GrantKind::IrqControl);
    const unsigned at = function_.capability(kMsixCapability);
    if (!control || at == 0) {
        throw std::runtime_error(
            "the virtio console has no MSI-X, or the start list lacks grant=irq");
    }
    irq_ = process_.services().allocate_slots(1);
    const auto message = native::irq_claim_msi(control->slot, irq_);
    if (!message || !native::ok(native::irq_bind(irq_, signaller))) {
        throw std::runtime_error("no interrupt for the virtio console");
    }
    const std::uint32_t table = function_.read32(at + 4);
    auto* entry = reinterpret_cast<volatile std::uint32_t*>(
        memory_.map(function_.memory_bar(table & 7) + (table & ~7U), 16));
    entry[0] = static_cast<std::uint32_t>(message.value.address);
    entry[1] = static_cast<std::uint32_t>(message.value.address >> 32);
    entry[2] = message.value.data;
    entry[3] = 0;
    constexpr std::uint16_t kEnable = 1U << 15, kMaskAll = 1U << 14;
    const std::uint16_t word = function_.read16(at + 2);
    function_.write16(at + 2, static_cast<std::uint16_t>((word & ~kMaskAll) | kEnable));
}

std::uint8_t VirtioTransport::status() const { return common_->device_status; }

void VirtioTransport::set_status(unsigned status) {
    common_->device_status = static_cast<std::uint8_t>(status);
}

std::uint32_t VirtioTransport::features(unsigned word) {
    common_->device_feature_select = word;
    return common_->device_feature;
}

void VirtioTransport::accept_features(unsigned word, std::uint32_t bits) {
    common_->driver_feature_select = word;
    common_->driver_feature = bits;
}

unsigned VirtioTransport::queue_capacity(unsigned index) {
    if (index >= common_->queue_count) {
        return 0;
    }
    common_->queue_select = static_cast<std::uint16_t>(index);
    return common_->queue_size;
}

void VirtioTransport::enable_queue(unsigned index, const Virtqueue& ring) {
    common_->config_msix_vector = kNoVector;
    common_->queue_select = static_cast<std::uint16_t>(index);
    if (doorbells_.size() <= index) {
        doorbells_.resize(index + 1);
    }
    doorbells_[index] = reinterpret_cast<volatile std::uint16_t*>(
        notify_ + std::uintptr_t{common_->queue_notify_offset} * notify_multiplier_);
    common_->queue_size = static_cast<std::uint16_t>(ring.size());
    common_->queue_msix_vector = 0;
    store64(common_->queue_descriptors, ring.descriptors());
    store64(common_->queue_available, ring.available());
    store64(common_->queue_used, ring.used());
    common_->queue_enable = 1;
}

void VirtioTransport::notify(unsigned index) {
    *doorbells_[index] = static_cast<std::uint16_t>(index);
}

}  // namespace redoubt::chan
