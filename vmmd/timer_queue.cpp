// The timers of one VM: arming, expiry, and the race between a callback and its timer's end.
#include "vmmd/timer_queue.hpp"

#include <algorithm>

namespace redoubt::vmmd {

Timer::Timer(TimerQueue& queue, std::function<void()> callback)
    : queue_(queue), callback_(std::move(callback)) {
    queue_.add(*this);
}

Timer::~Timer() { queue_.remove(*this); }

void Timer::arm(Nanoseconds deadline) { queue_.arm(*this, deadline); }

void TimerQueue::add(Timer& timer) {
    const std::lock_guard lock(mutex_);
    timers_.push_back(&timer);
}

void TimerQueue::remove(Timer& timer) {
    std::unique_lock lock(mutex_);
    std::erase(timers_, &timer);
    update_next();
    // A callback may destroy its own timer: then there is nobody to wait for.
    callback_done_.wait(
        lock, [&] { return running_ != &timer || running_thread_ == std::this_thread::get_id(); });
}

void TimerQueue::arm(Timer& timer, Nanoseconds deadline) {
    // Cancelling what is not armed is what most register writes do: it costs no lock.
    if (deadline == kNever && timer.deadline() == kNever) return;
    bool earlier = false;
    {
        const std::lock_guard lock(mutex_);
        const auto before = next_.load(std::memory_order_relaxed);
        timer.deadline_.store(deadline.count, std::memory_order_relaxed);
        update_next();
        earlier = next_.load(std::memory_order_relaxed) < before;
    }
    if (earlier && earlier_hook_) earlier_hook_();
}

void TimerQueue::update_next() {
    auto next = kNever.count;
    for (const auto* timer : timers_) next = std::min(next, timer->deadline().count);
    next_.store(next, std::memory_order_release);
}

std::size_t TimerQueue::run_expired() {
    if (next_deadline() == kNever) return 0;
    const auto now = clock_.now();
    if (next_deadline() > now) return 0;

    std::size_t calls = 0;
    std::unique_lock lock(mutex_);
    // One runner at a time: a second thread leaves the rest to the first.
    while (running_ == nullptr) {
        const auto due = std::ranges::min_element(timers_, {}, &Timer::deadline);
        if (due == timers_.end() || (*due)->deadline() > now) break;
        auto* timer = *due;
        timer->deadline_.store(kNever.count, std::memory_order_relaxed);
        update_next();
        running_ = timer;
        running_thread_ = std::this_thread::get_id();
        lock.unlock();
        timer->callback_();
        lock.lock();
        running_ = nullptr;
        callback_done_.notify_all();
        ++calls;
    }
    return calls;
}

}  // namespace redoubt::vmmd
