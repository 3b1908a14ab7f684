// See virtio_serial.hpp.
#include "schemes/chan/virtio_serial.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

namespace {

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

}  // namespace

std::unique_ptr<VirtioSerial> VirtioSerial::find(scheme::Process& process,
                                                 abi::CapabilityIndex signaller) {
    auto transport = VirtioTransport::find(process, signaller);
    if (!transport) {
        return nullptr;
    }
    return std::unique_ptr<VirtioSerial>(new VirtioSerial(process, std::move(transport)));
}

VirtioSerial::VirtioSerial(scheme::Process& process, std::unique_ptr<VirtioTransport> transport)
    : transport_(std::move(transport)), arena_(process, kArenaBits) {
    negotiate();
    fill(kControlReceive, kQueueSize, kControlBuffer);
    prepare_sending(kControlSend, kQueueSize, kControlBuffer);
    transport_->set_status(transport_->status() | kDriverOk);
    ring_doorbell(kControlReceive);
    send_control(0, kDeviceReady, 1);
}

/// 3.1.1
void VirtioSerial::negotiate() {
    transport_->set_status(0);
    while (transport_->status() != 0) {
    }
    transport_->set_status(kAcknowledge);
    transport_->set_status(kAcknowledge | kDriver);
    if ((transport_->features(0) & kMultiport) == 0 || (transport_->features(1) & kVersion1) == 0) {
        throw std::runtime_error("the virtio console lacks several ports or version 1");
    }
    transport_->accept_features(0, kMultiport);
    transport_->accept_features(1, kVersion1);
    transport_->set_status(kAcknowledge | kDriver | kFeaturesOk);
    if ((transport_->status() & kFeaturesOk) == 0) {
        throw std::runtime_error("the virtio console refuses the features");
    }
    queues_.resize(receive_queue(kHighestPort) + 2);
    for (unsigned i = 0; i < queues_.size(); ++i) {
        if (const unsigned capacity = transport_->queue_capacity(i); capacity != 0) {
            queues_[i].ring = std::make_unique<Virtqueue>(arena_, std::min(capacity, kQueueSize));
            transport_->enable_queue(i, *queues_[i].ring);
        }
    }
    if (queues_[kControlReceive].ring == nullptr || queues_[kControlSend].ring == nullptr) {
        throw std::runtime_error("the virtio console has no control queues");
    }
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
        transport_->notify(index);
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
    transport_->acknowledge_interrupt();
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
    if (number >= ports_.size() || queues_[receive_queue(number)].ring == nullptr ||
        queues_[receive_queue(number) + 1].ring == nullptr || !ports_[number].name.empty()) {
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
