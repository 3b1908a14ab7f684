// Notification: signals, the ends of waits, and the end of the object.
#include "kernel/object/notification.hpp"

#include <utility>

#include "kernel/object/endpoint.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

void notification_deliver(Thread& thread, std::uint64_t bits) {
    set_result(thread.context, 0, 0);
    set_result(thread.context, 1, abi::MessageInfo{abi::kNotificationLabel, 1}.raw);
    set_message_register(thread.context, 0, bits);
    set_status(thread.context, abi::Error::Ok);
}

void notification_signal(Notification& notification, std::uint64_t bits) {
    notification.word |= bits;
    if (Thread* bound = notification.bound;
        bound != nullptr && bound->state == ThreadState::Receiving) {
        bound->endpoint->queue.remove(*bound);
        if (bound->reply != nullptr) bound->reply->receiver = nullptr;
        bound->reply = nullptr;
        notification_deliver(*bound, std::exchange(notification.word, 0));
        scheduler().wake(*bound);
    } else if (!notification.waiters.empty()) {
        Thread& waiter = notification.waiters.pop_front();
        if (waiter.timed) scheduler().remove_timer(waiter);
        set_result(waiter.context, 1, std::exchange(notification.word, 0));
        set_status(waiter.context, abi::Error::Ok);
        scheduler().wake(waiter);
    }
}

void notification_time_out(Thread& thread) {
    thread.waiting_for->waiters.remove(thread);
    set_status(thread.context, abi::Error::TimedOut);
    scheduler().wake(thread);
}

void notification_unbind(Thread& thread) {
    if (thread.bound == nullptr) return;
    thread.bound->bound = nullptr;
    thread.bound = nullptr;
}

bool notification_end(Notification& notification, Budget& budget) {
    if (notification.bound != nullptr) notification_unbind(*notification.bound);
    if (notification.irq_count != 0) irq_unbind_all(notification);
    while (!notification.waiters.empty()) {
        if (!budget.spend(Budget::kDeletion)) return false;
        Thread& waiter = *notification.waiters.front();
        thread_suspend(waiter);
        scheduler().wake(waiter);
    }
    return true;
}

}  // namespace redoubt::kernel
