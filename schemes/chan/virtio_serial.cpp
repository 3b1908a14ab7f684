// See virtio_serial.hpp.
#include "schemes/chan/virtio_serial.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

/// 4.1.4.3
struct VirtioSerial::CommonConfiguration {
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
constexpr std::string_view kPortName = "redoubt.mux";

constexpr std::uint8_t kVendorCapability = 0x09;
constexpr std::uint8_t kMsixCapability = 0x11;
constexpr std::uint8_t kCommonStructure = 1, kNotifyStructure = 2;
constexpr std::uint16_t kNoVector = 0xFFFF;

enum Status : std::uint8_t { kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8 };
constexpr std::uint32_t kMultiport = 1U << 1;
constexpr std::uint32_t kVersion1 = 1U << 0;  // bit 32

// 5.3.2: queues of port 0, then the control queues, then those of the other ports.
constexpr unsigned kControlReceive = 2, kControlSend = 3;
constexpr unsigned receive_queue(std::uint32_t port) { return port == 0 ? 0 : 2 + 2 * port; }
constexpr std::uint32_t kHighestPort = 6;
constexpr unsigned kQueueSize = 32;
constexpr std::size_t kControlBuffer = 256;
constexpr std::size_t kDataBuffer = 4096;
constexpr unsigned kArenaBits = 19;

/// 5.3.6.2
struct ControlMessage {
    std::uint32_t port;
    std::uint16_t event;
    std::uint16_t value;
};
enum ControlEvent : std::uint16_t {
    kDeviceReady = 0,
    kPortAdd = 1,
    kPortRemove = 2,
    kPortReady = 3,
    kPortOpen = 6,
    kPortNameEvent = 7,
};

void store64(volatile std::uint32_t (&field)[2], std::uint64_t value) {
    field[0] = static_cast<std::uint32_t>(value);
    field[1] = static_cast<std::uint32_t>(value >> 32);
}

}  // namespace

std::unique_ptr<VirtioSerial> VirtioSerial::find(scheme::Process& process, PortUser& user,
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
    return std::unique_ptr<VirtioSerial>(
        new VirtioSerial(process, user, signaller, bus, *function));
}

VirtioSerial::VirtioSerial(scheme::Process& process, PortUser& user, abi::CapabilityIndex signaller,
                           const PciBus& bus, PciFunction function)
    : process_(process),
      user_(user),
      bus_(bus),
      function_(bus_, function.address()),
      memory_(process),
      arena_(process, kArenaBits) {
    function_.enable();
    common_ = reinterpret_cast<CommonConfiguration*>(map_structure(kCommonStructure));
    notify_ = map_structure(kNotifyStructure);
    set_up_interrupt(signaller);
    negotiate();
    fill(kControlReceive, kQueueSize, kControlBuffer);
    prepare_sending(kControlSend, kQueueSize, kControlBuffer);
    common_->device_status = common_->device_status | kDriverOk;
    ring_doorbell(kControlReceive);
    send_control(0, kDeviceReady, 1);
}

/// 4.1.4: vendor capabilities tell in which BAR and where each structure lies.
std::uintptr_t VirtioSerial::map_structure(std::uint8_t type) {
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
void VirtioSerial::set_up_interrupt(abi::CapabilityIndex signaller) {
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

/// 3.1.1
void VirtioSerial::negotiate() {
    common_->device_status = 0;
    while (common_->device_status != 0) {
    }
    common_->device_status = kAcknowledge;
    common_->device_status = kAcknowledge | kDriver;
    common_->device_feature_select = 0;
    const std::uint32_t low = common_->device_feature;
    common_->device_feature_select = 1;
    const std::uint32_t high = common_->device_feature;
    if ((low & kMultiport) == 0 || (high & kVersion1) == 0) {
        throw std::runtime_error("the virtio console lacks several ports or version 1");
    }
    common_->driver_feature_select = 0;
    common_->driver_feature = kMultiport;
    common_->driver_feature_select = 1;
    common_->driver_feature = kVersion1;
    common_->device_status = kAcknowledge | kDriver | kFeaturesOk;
    if ((common_->device_status & kFeaturesOk) == 0) {
        throw std::runtime_error("the virtio console refuses the features");
    }
    common_->config_msix_vector = kNoVector;
    const unsigned count =
        std::min<unsigned>(common_->queue_count, receive_queue(kHighestPort) + 2);
    if (count <= kControlSend) {
        throw std::runtime_error("the virtio console has no control queues");
    }
    queues_.resize(count);
    for (unsigned i = 0; i < count; ++i) {
        set_up_queue(i);
    }
}

void VirtioSerial::set_up_queue(unsigned index) {
    common_->queue_select = static_cast<std::uint16_t>(index);
    const unsigned size = std::min<unsigned>(common_->queue_size, kQueueSize);
    if (size == 0) {
        return;
    }
    Queue& queue = queues_[index];
    queue.ring = std::make_unique<Virtqueue>(arena_, size);
    queue.doorbell = reinterpret_cast<volatile std::uint16_t*>(
        notify_ + std::uintptr_t{common_->queue_notify_offset} * notify_multiplier_);
    common_->queue_size = static_cast<std::uint16_t>(size);
    common_->queue_msix_vector = 0;
    store64(common_->queue_descriptors, queue.ring->descriptors());
    store64(common_->queue_available, queue.ring->available());
    store64(common_->queue_used, queue.ring->used());
    common_->queue_enable = 1;
}

void VirtioSerial::fill(unsigned index, unsigned count, std::size_t bytes) {
    Queue& queue = queues_.at(index);
    for (unsigned i = 0; i < std::min(count, queue.ring->size()); ++i) {
        queue.buffers.push_back(arena_.allocate(bytes, 64));
        queue.ring->offer(i, queue.buffers[i].physical, static_cast<std::uint32_t>(bytes), true);
    }
}

void VirtioSerial::prepare_sending(unsigned index, unsigned count, std::size_t bytes) {
    Queue& queue = queues_.at(index);
    queue.ring->want_interrupts(false);
    for (unsigned i = 0; i < std::min(count, queue.ring->size()); ++i) {
        queue.buffers.push_back(arena_.allocate(bytes, 64));
        queue.idle.push_back(i);
    }
}

void VirtioSerial::ring_doorbell(unsigned index) {
    if (queues_[index].ring->wants_notification()) {
        *queues_[index].doorbell = static_cast<std::uint16_t>(index);
    }
}

void VirtioSerial::reclaim(Queue& queue) {
    while (const auto done = queue.ring->take()) {
        queue.idle.push_back(done->index);
    }
}

void VirtioSerial::send_control(std::uint32_t port, std::uint16_t event, std::uint16_t value) {
    Queue& queue = queues_[kControlSend];
    reclaim(queue);
    if (queue.idle.empty()) {
        return;  // the device answers none of 32 messages: nothing can be done about it
    }
    const unsigned index = queue.idle.back();
    queue.idle.pop_back();
    const ControlMessage message{port, event, value};
    std::memcpy(queue.buffers[index].data, &message, sizeof(message));
    queue.ring->offer(index, queue.buffers[index].physical, sizeof(message), false);
    ring_doorbell(kControlSend);
}

void VirtioSerial::service() {
    service_control();
    service_port();
}

void VirtioSerial::service_control() {
    Queue& queue = queues_[kControlReceive];
    bool offered = false;
    while (const auto done = queue.ring->take()) {
        const DmaArena::Piece& buffer = queue.buffers.at(done->index);
        control({buffer.data, std::min<std::size_t>(done->bytes, kControlBuffer)});
        queue.ring->offer(done->index, buffer.physical, kControlBuffer, true);
        offered = true;
    }
    if (offered) {
        ring_doorbell(kControlReceive);
    }
}

void VirtioSerial::control(std::span<const std::byte> bytes) {
    ControlMessage message;
    if (bytes.size() < sizeof(message)) {
        return;
    }
    std::memcpy(&message, bytes.data(), sizeof(message));
    switch (message.event) {
        case kPortAdd:
            send_control(message.port, kPortReady, 1);
            break;
        case kPortNameEvent: {
            const auto rest = bytes.subspan(sizeof(message));
            const std::string_view name(reinterpret_cast<const char*>(rest.data()), rest.size());
            name_port(message.port, name.substr(0, name.find('\0')));
            break;
        }
        case kPortOpen:
            if (port_ == message.port && open_ != (message.value != 0)) {
                open_ = message.value != 0;
                open_ ? user_.port_opened() : user_.port_closed();
            }
            break;
        case kPortRemove:
            if (port_ == message.port && open_) {
                open_ = false;
                user_.port_closed();
            }
            break;
        default:
            break;
    }
}

void VirtioSerial::name_port(std::uint32_t port, std::string_view name) {
    if (name != kPortName || port_ || port > kHighestPort ||
        receive_queue(port) + 1 >= queues_.size()) {
        return;
    }
    port_ = port;
    fill(receive_queue(port), kQueueSize, kDataBuffer);
    prepare_sending(receive_queue(port) + 1, kQueueSize, kDataBuffer);
    ring_doorbell(receive_queue(port));
    send_control(port, kPortOpen, 1);
}

void VirtioSerial::service_port() {
    if (!port_) {
        return;
    }
    const unsigned index = receive_queue(*port_);
    Queue& queue = queues_[index];
    while (const auto done = queue.ring->take()) {
        unread_.push_back(done->index);
        unread_sizes_.push_back(std::min<std::uint32_t>(done->bytes, kDataBuffer));
    }
    std::size_t taken = 0;
    while (taken < unread_.size() && user_.port_accepts()) {
        const DmaArena::Piece& buffer = queue.buffers.at(unread_[taken]);
        if (open_) {
            user_.port_data({buffer.data, unread_sizes_[taken]});
        }
        queue.ring->offer(unread_[taken], buffer.physical, kDataBuffer, true);
        ++taken;
    }
    if (taken != 0) {
        unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(taken));
        unread_sizes_.erase(unread_sizes_.begin(),
                            unread_sizes_.begin() + static_cast<std::ptrdiff_t>(taken));
        ring_doorbell(index);
    }
}

std::size_t VirtioSerial::send(std::span<const std::byte> bytes) {
    if (!port_ || !open_) {
        return bytes.size();  // nobody is there to read it
    }
    const unsigned index = receive_queue(*port_) + 1;
    Queue& queue = queues_[index];
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        reclaim(queue);
        if (queue.idle.empty()) {
            // Look once more after asking for the interrupt: a buffer may have come back in
            // between.
            queue.ring->want_interrupts(true);
            reclaim(queue);
            if (queue.idle.empty()) {
                break;
            }
        }
        queue.ring->want_interrupts(false);
        const unsigned buffer = queue.idle.back();
        queue.idle.pop_back();
        const std::size_t count = std::min(bytes.size() - sent, kDataBuffer);
        std::memcpy(queue.buffers[buffer].data, bytes.data() + sent, count);
        queue.ring->offer(buffer, queue.buffers[buffer].physical, static_cast<std::uint32_t>(count),
                          false);
        sent += count;
    }
    if (sent != 0) {
        ring_doorbell(index);
    }
    return sent;
}

}  // namespace redoubt::chan
