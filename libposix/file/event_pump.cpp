// See event_pump.hpp.
#include "libposix/file/event_pump.hpp"

#include "libposix/process.hpp"

namespace redoubt::posix {
namespace {

constexpr unsigned kSharedBits = 40;
constexpr unsigned kBits = 63;
constexpr unsigned kServersBit = 63;  ///< some scheme has another server, or none any more

struct Pump {
    bool started = false;
    native::Slot notification = 0;
    native::Slot badged[kServersBit + 1] = {};  ///< made on first use
    std::uint64_t exclusive = 0;                ///< bits taken by exclusive sources
    unsigned next_shared = 0;
    EventSource* sources = nullptr;
};

constinit Pump pump;

[[noreturn]] void run() {
    for (;;) {
        const auto bits = native::wait(pump.notification);
        const ProcessLock lock{process().lock};
        pump_deliver(bits.value);
    }
}

native::Slot badged_slot(unsigned bit) {
    native::Slot& slot = pump.badged[bit];
    if (slot != 0) return slot;
    const native::Slot fresh = process().slots.allocate();
    if (fresh == 0) return 0;
    // Grant-able onward: the capability travels to a scheme's server.
    if (!native::ok(native::mint(pump.notification, abi::Rights::Write | abi::Rights::Grant,
                                 std::uint64_t{1} << bit, fresh))) {
        process().slots.free(fresh);
        return 0;
    }
    return slot = fresh;
}

/// A server that crashes forgets the subscriptions of its files; init tells.
void watch_servers() {
    const native::Slot slot = badged_slot(kServersBit);
    if (slot == 0) return;
    IpcScope scope;
    native::ipc_buffer().send[0] = slot;
    native::Message message = native::make_message(
        static_cast<std::uint32_t>(abi::ProcessMessage::WatchSchemes), 0, 0, 0, 0, 0, 1);
    native::call(static_cast<native::Slot>(abi::StartupSlot::Parent), message);
}

bool start() {
    if (pump.started) return true;
    if (pump.notification == 0) {
        pump.notification = process().objects.allocate(abi::ObjectType::Notification);
    }
    pump.started = pump.notification != 0 && start_internal_thread(run);
    if (pump.started) watch_servers();
    return pump.started;
}

}  // namespace

native::Slot pump_subscribe(EventSource& source, bool exclusive) {
    if (!start()) return 0;
    unsigned bit = kBits;
    if (exclusive) {
        for (unsigned i = kSharedBits; i < kBits && bit == kBits; ++i) {
            if ((pump.exclusive >> i & 1) == 0) bit = i;
        }
        if (bit == kBits) return 0;
    } else {
        bit = pump.next_shared++ % kSharedBits;
    }
    const native::Slot slot = badged_slot(bit);
    if (slot == 0) return 0;
    if (exclusive) pump.exclusive |= std::uint64_t{1} << bit;
    source.bit_ = bit;
    source.next_ = pump.sources;
    pump.sources = &source;
    return slot;
}

void pump_unsubscribe(EventSource& source) {
    for (EventSource** at = &pump.sources; *at != nullptr; at = &(*at)->next_) {
        if (*at != &source) continue;
        *at = source.next_;
        if (source.bit_ >= kSharedBits) pump.exclusive &= ~(std::uint64_t{1} << source.bit_);
        return;
    }
}

void pump_deliver(std::uint64_t bits) {
    for (EventSource* at = pump.sources; at != nullptr; at = at->next_) {
        const bool server_gone = (bits >> kServersBit & 1) != 0 && at->bit_ < kSharedBits;
        if (server_gone || (bits >> at->bit_ & 1) != 0) at->on_signal();
    }
}

}  // namespace redoubt::posix
