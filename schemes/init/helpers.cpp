// See helpers.hpp.
#include "schemes/init/helpers.hpp"

#include "libhvcall/native/ipc.hpp"
#include "schemes/init/layout.hpp"
#include "schemes/init/report.hpp"

namespace redoubt::init {

namespace {

constexpr std::size_t kStackSize = 16 * 1024;
constexpr unsigned kPriority = 200;

/// A further thread of init, which shares everything but its IPC buffer.
template <unsigned Index, class T>
bool start_thread(Resources& resources, native::Slot faults, void (*body)(T*), T* argument) {
    alignas(16) static std::byte stack[kStackSize];
    const std::uint64_t buffer = kHelperBuffers + Index * kPageSize;
    const native::Slot thread = resources.make_own(abi::ObjectType::Thread, 0);
    const native::Slot frame = resources.make_own(abi::ObjectType::Frame, abi::kPageBits);
    if (thread == 0 || frame == 0 ||
        !native::ok(native::map(frame, own_slot(abi::StartupSlot::AddressSpace), buffer,
                                abi::MapFlags::Read | abi::MapFlags::Write))) {
        return false;
    }
    abi::ThreadConfiguration configuration{};
    configuration.address_space = own_slot(abi::StartupSlot::AddressSpace);
    configuration.cnode = own_slot(abi::StartupSlot::CNode);
    configuration.ipc_buffer_frame = frame;
    configuration.fault_endpoint = faults;
    configuration.fault_badge = kHelperBadge;
    configuration.ipc_buffer_address = buffer;
    configuration.priority = kPriority;
    configuration.maximum_priority = kPriority;
    abi::ThreadStart start{};
    start.instruction_pointer = reinterpret_cast<std::uint64_t>(body);
    // As if it had been called: the return address would be at the top.
    start.stack_pointer = reinterpret_cast<std::uint64_t>(stack) + kStackSize - 8;
    start.argument = reinterpret_cast<std::uint64_t>(argument);
    return native::ok(native::thread_configure(thread, configuration)) &&
           native::ok(native::thread_set_context(thread, start)) &&
           native::ok(native::thread_control(thread, abi::ThreadOperation::Resume));
}

}  // namespace

bool Timer::start(Resources& resources, native::Slot faults, native::Slot expired) {
    expired_ = expired;
    changed_ = resources.make_object(abi::ObjectType::Notification);
    return changed_ != 0 && start_thread<0>(resources, faults, run, this);
}

void Timer::set(std::uint64_t deadline) {
    deadline_.store(deadline);
    native::signal(changed_);
}

void Timer::run(Timer* timer) {
    for (;;) {
        const std::uint64_t deadline = timer->deadline_.load();
        if (!native::wait(timer->changed_, deadline)) {
            // Passed, unless the main thread has just set another one.
            std::uint64_t expected = deadline;
            if (timer->deadline_.compare_exchange_strong(expected, abi::kNever)) {
                native::signal(timer->expired_);
            }
        }
    }
}

bool Messenger::start(Resources& resources, native::Slot faults) {
    wake_ = resources.make_object(abi::ObjectType::Notification);
    return wake_ != 0 && start_thread<1>(resources, faults, run, this);
}

void Messenger::client_gone(native::Slot endpoint, std::uint64_t client) {
    if (!add({endpoint, client})) {
        report(Line() << "a scheme's server does not answer; it is not told that client " << client
                      << " is gone");
    }
}

void Messenger::signal_afterwards(native::Slot notification) {
    if (!add({notification, 0})) {
        native::signal(notification);
    }
}

bool Messenger::add(const Job& job) {
    const std::size_t added = added_.load();
    if (added - done_.load() == kQueue) {
        return false;
    }
    jobs_[added % kQueue] = job;
    added_.store(added + 1);
    native::signal(wake_);
    return true;
}

void Messenger::run(Messenger* messenger) {
    for (;;) {
        native::wait(messenger->wake_);
        while (messenger->done_.load() != messenger->added_.load()) {
            const std::size_t done = messenger->done_.load();
            const Job job = messenger->jobs_[done % kQueue];
            if (job.client == 0) {
                // If its owner has ended meanwhile, the slot is empty, or a signal too many is
                // given.
                native::signal(job.slot);
            } else {
                native::Message message = native::make_message(
                    static_cast<std::uint32_t>(abi::scheme::Operation::ClientGone), 1, job.client);
                native::call(job.slot, message);
            }
            messenger->done_.store(done + 1);
        }
    }
}

}  // namespace redoubt::init
