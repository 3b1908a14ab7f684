// See futex.hpp. One queue in order of arrival: processes have few threads.
#include "libposix/thread/futex.hpp"

#include <linux/errno.h>
#include <linux/futex.h>

#include "libposix/process.hpp"
#include "libposix/thread/thread.hpp"

namespace redoubt::posix {
namespace {

struct Queue {
    Thread* head = nullptr;
    Thread* tail = nullptr;

    void append(Thread& thread) {
        thread.futex_next = nullptr;
        (tail != nullptr ? tail->futex_next : head) = &thread;
        tail = &thread;
    }
    void remove(Thread& thread) {
        Thread* previous = nullptr;
        for (Thread* at = head; at != nullptr; previous = at, at = at->futex_next) {
            if (at != &thread) continue;
            (previous != nullptr ? previous->futex_next : head) = at->futex_next;
            if (tail == at) tail = previous;
            return;
        }
    }
};

constinit Queue queue;

/// When the wait ends, in ticks.
long read_deadline(int operation, std::uint64_t timeout, std::uint64_t& deadline) {
    deadline = abi::kNever;
    if (timeout == 0) return 0;
    std::uint64_t nanoseconds;
    const auto* time = reinterpret_cast<const __kernel_timespec*>(timeout);
    if (const long error = read_timespec(*time, nanoseconds); error != 0) return error;
    const Clock& clock = process().clock;
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT) {
        nanoseconds = saturating_add(nanoseconds, clock.monotonic());
    } else if ((operation & FUTEX_CLOCK_REALTIME) != 0) {
        nanoseconds = nanoseconds > clock.real_offset() ? nanoseconds - clock.real_offset() : 0;
    }
    deadline = clock.to_ticks(nanoseconds);
    return 0;
}

long wait(const std::uint32_t* address, int operation, std::uint32_t value, std::uint32_t bits,
          std::uint64_t timeout) {
    if (bits == 0) return -EINVAL;
    std::uint64_t deadline;
    if (const long error = read_deadline(operation, timeout, deadline); error != 0) return error;
    if (__atomic_load_n(address, __ATOMIC_SEQ_CST) != value) return -EAGAIN;
    Thread& self = Thread::current();
    self.futex = address;
    self.futex_bits = bits;
    queue.append(self);
    for (;;) {
        if (deadline != abi::kNever && native::ticks() >= deadline) break;
        self.sleep(deadline);
        if (self.futex == nullptr) return 0;
    }
    queue.remove(self);
    self.futex = nullptr;
    return -ETIMEDOUT;
}

long requeue(const std::uint32_t* address, std::uint32_t wake, std::uint64_t move,
             const std::uint32_t* target) {
    long count = futex_wake(address, wake, FUTEX_BITSET_MATCH_ANY);
    for (Thread* at = queue.head; at != nullptr && move > 0; at = at->futex_next) {
        if (at->futex != address) continue;
        at->futex = target;
        --move;
        ++count;
    }
    return count;
}

}  // namespace

long futex_wake(const std::uint32_t* address, std::uint32_t count, std::uint32_t bits) {
    long woken = 0;
    for (Thread* at = queue.head; at != nullptr && woken < count;) {
        Thread& thread = *at;
        at = at->futex_next;
        if (thread.futex != address || (thread.futex_bits & bits) == 0) continue;
        queue.remove(thread);
        thread.futex = nullptr;
        thread.wake();
        ++woken;
    }
    return woken;
}

long futex(const std::uint32_t* address, int operation, std::uint32_t value, std::uint64_t timeout,
           const std::uint32_t* address2, std::uint32_t value3) {
    if (address == nullptr || reinterpret_cast<std::uintptr_t>(address) % 4 != 0) return -EINVAL;
    switch (operation & FUTEX_CMD_MASK) {
        case FUTEX_WAIT:
            return wait(address, operation, value, FUTEX_BITSET_MATCH_ANY, timeout);
        case FUTEX_WAIT_BITSET:
            return wait(address, operation, value, value3, timeout);
        case FUTEX_WAKE:
            return futex_wake(address, value, FUTEX_BITSET_MATCH_ANY);
        case FUTEX_WAKE_BITSET:
            return futex_wake(address, value, value3);
        case FUTEX_CMP_REQUEUE:
            if (__atomic_load_n(address, __ATOMIC_SEQ_CST) != value3) return -EAGAIN;
            [[fallthrough]];
        case FUTEX_REQUEUE:
            return requeue(address, value, timeout, address2);
        default:
            return -ENOSYS;
    }
}

}  // namespace redoubt::posix
