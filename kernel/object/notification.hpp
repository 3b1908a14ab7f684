// Notification: a word of bits that are ORed by signals and taken by waiters.
#pragma once

#include <cstdint>

#include "kernel/object/ending.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/thread_queue.hpp"

namespace redoubt::kernel {

struct Notification : ObjectHeader {
    Notification() : ObjectHeader{abi::ObjectType::Notification} {}

    std::uint64_t word = 0;
    ThreadQueue waiters;          ///< by priority
    Thread* bound = nullptr;      ///< whose receives this also ends
    std::uint32_t irq_count = 0;  ///< Irq objects that signal it
};

/// What a signal through this capability ORs in: its badge, or 1 if it has none.
inline std::uint64_t signal_bits(const Capability& notification) {
    return notification.badge != 0 ? notification.badge : 1;
}

void notification_signal(Notification& notification, std::uint64_t bits);
/// What a receive returns when the thread's bound notification was signalled.
void notification_deliver(Thread& thread, std::uint64_t bits);
/// Unbinds `thread` from the notification it is bound to, if any.
void notification_unbind(Thread& thread);
/// The deadline of a timed wait passed.
void notification_time_out(Thread& thread);
/// False if the budget did not suffice.
bool notification_end(Notification& notification, Budget& budget);

}  // namespace redoubt::kernel
