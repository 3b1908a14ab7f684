// Signal and Wait.
#include "kernel/object/notification.hpp"

#include <utility>

#include "arch/timer.hpp"
#include "kernel/cap/lookup.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

abi::Error syscall_signal(Thread& self, UserContext& context) {
    Capability* capability = REDOUBT_TRY(
        require(self, argument(context, 0), abi::ObjectType::Notification, abi::Rights::Write));
    notification_signal(capability->as<Notification>(), signal_bits(*capability));
    return abi::Error::Ok;
}

abi::Error syscall_wait(Thread& self, UserContext& context) {
    Capability* capability = REDOUBT_TRY(
        require(self, argument(context, 0), abi::ObjectType::Notification, abi::Rights::Read));
    auto& notification = capability->as<Notification>();
    const std::uint64_t deadline = argument(context, 1);
    if (notification.word != 0) {
        set_result(context, 1, std::exchange(notification.word, 0));
        return abi::Error::Ok;
    }
    if (deadline == 0 || (deadline != abi::kNever && deadline <= ticks_now())) {
        return abi::Error::TimedOut;
    }
    scheduler().block_current(ThreadState::Waiting);
    self.waiting_for = &notification;
    notification.waiters.insert_by_priority(self);
    if (deadline != abi::kNever) scheduler().add_timer(self, deadline);
    return kNoStatus;
}

}  // namespace redoubt::kernel
