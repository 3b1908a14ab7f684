// See channel_ports.hpp. System calls are native: libposix may hold its lock while a server
// answers.
#include "schemes/console/channel_ports.hpp"

#include <pthread.h>

#include <array>
#include <stdexcept>

#include "libhvcall/native/ipc.hpp"

namespace redoubt::console {

using abi::Rights;
using abi::scheme::EventMask;

namespace {

constexpr std::size_t kQueue = 16 * 1024;
constexpr std::size_t kChunk = 1024;
constexpr std::size_t kStack = 128 * 1024;

}  // namespace

struct ChannelPorts::Link {
    // The thread's own:
    std::string path;
    abi::CapabilityIndex slot = 0;
    bool open = false;
    bool refused = false;  ///< another stream has the port by now
    // Guarded by mutex_:
    bool found = false;
    bool closed = false;
    scheme::RingBuffer output{kQueue};
    scheme::RingBuffer input{kQueue};
};

class ChannelPorts::Handle final : public PortLine {
  public:
    Handle(ChannelPorts& ports, std::shared_ptr<Link> link)
        : ports_(ports), link_(std::move(link)) {}
    ~Handle() override {
        const std::lock_guard lock(ports_.mutex_);
        link_->closed = true;
        ports_.wake();
    }

    bool found() const override {
        const std::lock_guard lock(ports_.mutex_);
        return link_->found;
    }
    bool has_room() const override {
        const std::lock_guard lock(ports_.mutex_);
        return link_->output.room() != 0;
    }
    std::size_t send(std::span<const std::byte> bytes) override {
        const std::lock_guard lock(ports_.mutex_);
        const std::size_t taken = link_->output.push(bytes);
        ports_.wake();
        return taken;
    }
    std::size_t receive(std::span<std::byte> out) override {
        const std::lock_guard lock(ports_.mutex_);
        const std::size_t count = link_->input.pop(out);
        if (count != 0) {
            ports_.wake();
        }
        return count;
    }

  private:
    ChannelPorts& ports_;
    std::shared_ptr<Link> link_;
};

ChannelPorts::ChannelPorts(scheme::Process& process, abi::CapabilityIndex changed)
    : changed_(changed), services_(process.services()) {
    const auto chan = process.grant(abi::GrantKind::Scheme, "chan");
    if (!chan) {
        return;
    }
    events_ = services_.allocate_object(abi::ObjectType::Notification);
    wake_ = services_.allocate_slots(1);
    subscribed_ = services_.allocate_slots(1);
    if (events_ == 0 || wake_ == 0 || subscribed_ == 0 ||
        !native::ok(native::mint(events_, Rights::Write, 1, wake_)) ||
        !native::ok(native::mint(events_, Rights::Write | Rights::Grant, 2, subscribed_))) {
        throw std::runtime_error("no notification for the ports");
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStack);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, run, this);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        throw std::runtime_error("no thread for the ports");
    }
    root_ = chan->slot;
}

std::unique_ptr<PortLine> ChannelPorts::open(std::string_view stream) {
    if (root_ == 0) {
        return nullptr;
    }
    auto link = std::make_shared<Link>();
    link->path = "port/console." + std::string(stream);
    const std::lock_guard lock(mutex_);
    links_.push_back(link);
    wake();
    return std::make_unique<Handle>(*this, std::move(link));
}

void ChannelPorts::wake() { native::signal(wake_); }
void ChannelPorts::tell() { native::signal(changed_); }

void* ChannelPorts::run(void* self) { static_cast<ChannelPorts*>(self)->serve(); }

void ChannelPorts::serve() {
    native::ipc_buffer().send[0] = subscribed_;
    native::Message watch = native::make_message(
        static_cast<std::uint32_t>(abi::ProcessMessage::WatchSchemes), 0, 0, 0, 0, 0, 1);
    native::call(static_cast<native::Slot>(abi::StartupSlot::Parent), watch);
    for (;;) {
        native::wait(events_);
        std::vector<std::shared_ptr<Link>> links;
        {
            const std::lock_guard lock(mutex_);
            links = links_;
        }
        for (const auto& link : links) {
            serve_link(*link);
        }
    }
}

void ChannelPorts::serve_link(Link& link) {
    if (is_closed(link)) {
        if (!drain(link)) {
            forget(link);
        }
        return;
    }
    if (!link.open && !open_link(link)) {
        return;
    }
    auto ready = native::scheme::event(link.slot, 0, 0);
    if (!ready) {
        // Its server crashed. Opening waits for the next one.
        lose(link);
        if (open_link(link)) {
            ready = native::scheme::event(link.slot, 0, 0);
        }
    }
    if (!ready) {
        return;
    }
    if ((ready.value & static_cast<std::uint64_t>(EventMask::Writable)) != 0) {
        const std::lock_guard lock(mutex_);
        if (!link.found) {
            link.found = true;
            tell();
        }
    }
    while (send(link) || receive(link)) {
    }
}

bool ChannelPorts::is_closed(const Link& link) {
    const std::lock_guard lock(mutex_);
    return link.closed;
}

bool ChannelPorts::drain(Link& link) {
    while (link.open && send(link)) {
    }
    const auto ready = link.open ? native::scheme::event(link.slot, 0, 0)
                                 : native::Outcome<std::uint64_t>{abi::Error::InvalidState, 0};
    const std::lock_guard lock(mutex_);
    return ready && link.found && !link.output.empty() && !link.refused;
}

void ChannelPorts::forget(Link& link) {
    if (link.open) {
        native::scheme::close(link.slot);
        lose(link);
    }
    if (link.slot != 0) {
        services_.free_slots(link.slot, 1);
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(links_, [&](const auto& held) { return held.get() == &link; });
}

bool ChannelPorts::open_link(Link& link) {
    if (link.slot == 0) {
        link.slot = services_.allocate_slots(1);
    }
    if (link.slot == 0 ||
        !native::scheme::open(root_, link.path, abi::scheme::OpenFlags::None, link.slot)) {
        return false;
    }
    link.open = true;
    constexpr auto kWanted = static_cast<std::uint64_t>(EventMask::Readable) |
                             static_cast<std::uint64_t>(EventMask::Writable);
    if (!native::scheme::event(link.slot, kWanted, subscribed_)) {
        lose(link);
        return false;
    }
    return true;
}

/// True: bytes were moved, there may be more.
bool ChannelPorts::send(Link& link) {
    std::array<std::byte, kChunk> bytes;
    std::size_t count;
    {
        const std::lock_guard lock(mutex_);
        count = link.found ? link.output.peek(0, bytes) : 0;
    }
    if (count == 0) {
        return false;
    }
    const auto taken = native::scheme::write(link.slot, 0, bytes.data(), count);
    link.refused = taken.error == abi::Error::EndOfFile;
    if (!taken || taken.value == 0) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    link.output.drop(taken.value);
    tell();
    return true;
}

bool ChannelPorts::receive(Link& link) {
    std::array<std::byte, kChunk> bytes;
    {
        const std::lock_guard lock(mutex_);
        if (link.input.room() < bytes.size()) {
            return false;  // goes on when some of it was taken
        }
    }
    const auto got = native::scheme::read(link.slot, 0, bytes.data(), bytes.size());
    if (!got || got.value == 0) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    link.input.push(std::span(bytes).first(got.value));
    tell();
    return true;
}

void ChannelPorts::lose(Link& link) {
    native::delete_capability(link.slot);
    link.open = false;
}

}  // namespace redoubt::console
