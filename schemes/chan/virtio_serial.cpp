// See virtio_serial.hpp.
#include "schemes/chan/virtio_serial.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

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
constexpr unsigned kQueueSize = 32;
constexpr std::size_t kControlBuffer = 256;
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

std::unique_ptr<VirtioSerial> VirtioSerial::find(scheme::Process& process,
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
    return std::unique_ptr<VirtioSerial>(new VirtioSerial(process, signaller, bus, *function));
}

VirtioSerial::VirtioSerial(scheme::Process& process, abi::CapabilityIndex signaller,
                           const PciBus& bus, PciFunction function)
    : process_(process),
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
    for (std::uint32_t number = 0; number < ports_.size(); ++number) {
        service_port(number);
    }
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
            open_port(message.port, message.value != 0);
            break;
        case kPortRemove:
            open_port(message.port, false);
            if (message.port < ports_.size()) {
                ports_[message.port].name.clear();
                ports_[message.port].user = nullptr;
            }
            break;
        default:
            break;
    }
}

void VirtioSerial::open_port(std::uint32_t number, bool open) {
    if (number >= ports_.size() || ports_[number].open == open) {
        return;
    }
    Port& port = ports_[number];
    port.open = open;
    if (port.user != nullptr) {
        open ? port.user->port_opened() : port.user->port_closed();
    }
}

void VirtioSerial::name_port(std::uint32_t number, std::string_view name) {
    if (number >= ports_.size() || receive_queue(number) + 1 >= queues_.size() ||
        queues_[receive_queue(number)].ring == nullptr || !ports_[number].name.empty()) {
        return;
    }
    ports_[number].name = name;
    use_port(number);
}

void VirtioSerial::use_port(std::uint32_t number) {
    Port& port = ports_[number];
    const auto attachment = std::ranges::find(attachments_, port.name, &Attachment::name);
    if (port.name.empty() || attachment == attachments_.end()) {
        return;
    }
    port.user = attachment->user;
    if (port.buffer_bytes == 0) {
        port.buffer_bytes = attachment->buffer_bytes;
        fill(receive_queue(number), kQueueSize, port.buffer_bytes);
        prepare_sending(receive_queue(number) + 1, kQueueSize, port.buffer_bytes);
        ring_doorbell(receive_queue(number));
    }
    send_control(number, kPortOpen, 1);
    port.user->port_found();
    if (port.open) {
        port.user->port_opened();
    }
}

void VirtioSerial::attach(PortUser& user, std::string name, std::size_t buffer_bytes) {
    std::erase_if(attachments_, [&](const Attachment& other) { return other.name == name; });
    const auto port = std::ranges::find(ports_, name, &Port::name);
    attachments_.push_back({&user, std::move(name), buffer_bytes});
    if (port != ports_.end()) {
        use_port(static_cast<std::uint32_t>(port - ports_.begin()));
    }
}

void VirtioSerial::detach(PortUser& user) {
    std::erase_if(attachments_, [&](const Attachment& other) { return other.user == &user; });
    for (std::uint32_t number = 0; number < ports_.size(); ++number) {
        if (ports_[number].user == &user) {
            ports_[number].user = nullptr;
            send_control(number, kPortOpen, 0);
        }
    }
}

bool VirtioSerial::is_attached(const PortUser& user) const {
    return std::ranges::find(attachments_, &user, &Attachment::user) != attachments_.end();
}

const VirtioSerial::Port* VirtioSerial::port_of(const PortUser& user) const {
    const auto port = std::ranges::find(ports_, &user, &Port::user);
    return port == ports_.end() ? nullptr : &*port;
}

VirtioSerial::Queue& VirtioSerial::sending_queue(const Port& port) {
    return queues_[receive_queue(static_cast<std::uint32_t>(&port - ports_.data())) + 1];
}

void VirtioSerial::service_port(std::uint32_t number) {
    Port& port = ports_[number];
    if (port.buffer_bytes == 0) {
        return;
    }
    const unsigned index = receive_queue(number);
    Queue& queue = queues_[index];
    while (const auto done = queue.ring->take()) {
        port.unread.push_back(
            {done->index,
             std::min<std::uint32_t>(done->bytes, static_cast<std::uint32_t>(port.buffer_bytes))});
    }
    std::size_t taken = 0;
    while (taken < port.unread.size() && (port.user == nullptr || port.user->port_accepts())) {
        const Unread unread = port.unread[taken];
        const DmaArena::Piece& buffer = queue.buffers.at(unread.buffer);
        if (port.user != nullptr && port.open) {
            port.user->port_data({buffer.data, unread.bytes});
        }
        queue.ring->offer(unread.buffer, buffer.physical,
                          static_cast<std::uint32_t>(port.buffer_bytes), true);
        ++taken;
    }
    if (taken != 0) {
        port.unread.erase(port.unread.begin(),
                          port.unread.begin() + static_cast<std::ptrdiff_t>(taken));
        ring_doorbell(index);
    }
    if (port.blocked && has_idle(queues_[index + 1])) {
        port.blocked = false;
        if (port.user != nullptr) {
            port.user->port_writable();
        }
    }
}

/// If there is no buffer to send, the device interrupts when there is one again.
bool VirtioSerial::has_idle(Queue& queue) {
    reclaim(queue);
    if (queue.idle.empty()) {
        // Look once more after asking for the interrupt: a buffer may have come back in between.
        queue.ring->want_interrupts(true);
        reclaim(queue);
    }
    if (queue.idle.empty()) {
        return false;
    }
    queue.ring->want_interrupts(false);
    return true;
}

bool VirtioSerial::can_send(const PortUser& user) {
    const Port* port = port_of(user);
    return port != nullptr && (!port->open || has_idle(sending_queue(*port)));
}

std::size_t VirtioSerial::send(const PortUser& user, std::span<const std::byte> bytes) {
    const auto position = std::ranges::find(ports_, &user, &Port::user);
    if (position == ports_.end() || !position->open) {
        return bytes.size();  // nobody is there to read it
    }
    Port& port = *position;
    Queue& queue = sending_queue(port);
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        if (!has_idle(queue)) {
            port.blocked = true;
            break;
        }
        const unsigned buffer = queue.idle.back();
        queue.idle.pop_back();
        const std::size_t count = std::min(bytes.size() - sent, port.buffer_bytes);
        std::memcpy(queue.buffers[buffer].data, bytes.data() + sent, count);
        queue.ring->offer(buffer, queue.buffers[buffer].physical, static_cast<std::uint32_t>(count),
                          false);
        sent += count;
    }
    if (sent != 0) {
        ring_doorbell(receive_queue(static_cast<std::uint32_t>(position - ports_.begin())) + 1);
    }
    return sent;
}

}  // namespace redoubt::chan
