// The timers of one VM: devices arm them, a vCPU's loop runs those that are due.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "vmmd/clock.hpp"

namespace redoubt::vmmd {

class TimerQueue;

/// What re-arms itself waits at least this long from one callback to the next: a guest that asks
/// for a tick per nanosecond must not keep its vCPU's thread, which also has to hear "stop", in
/// callbacks.
inline constexpr Nanoseconds kShortestPeriod{100'000};

/// One timer of a device. Arming, cancelling and expiry may happen on any threads. A callback may
/// still arrive right after cancel() or a later arm(), so it looks at its device's state first.
class Timer {
  public:
    Timer(TimerQueue& queue, std::function<void()> callback);
    /// Waits for a callback that is running on another thread.
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Replaces an earlier deadline; kNever cancels.
    void arm(Nanoseconds deadline);
    void cancel() { arm(kNever); }
    /// kNever when not armed.
    Nanoseconds deadline() const { return {deadline_.load(std::memory_order_relaxed)}; }

  private:
    friend class TimerQueue;

    TimerQueue& queue_;
    std::function<void()> callback_;
    std::atomic<std::uint64_t> deadline_ = kNever.count;
};

/// A VM has about a dozen timers, so an array that is searched costs less than any tree.
class TimerQueue {
  public:
    explicit TimerQueue(const Clock& clock) : clock_(clock) {}

    const Clock& clock() const { return clock_; }
    /// The earliest deadline, or kNever. Costs one load: the vCPU loop asks before every entry.
    Nanoseconds next_deadline() const { return {next_.load(std::memory_order_acquire)}; }
    /// Calls what is due, earliest first, with no lock held. Gives the number of calls.
    std::size_t run_expired();
    /// `hook` is called on the arming thread whenever the earliest deadline moves forward: the vCPU
    /// that waits for it has to be kicked. The queue's lock is not held then but a device's may be,
    /// so the hook calls no device. Set it before any other thread arms a timer.
    void set_earlier_hook(std::function<void()> hook) { earlier_hook_ = std::move(hook); }

  private:
    friend class Timer;

    void add(Timer& timer);
    void remove(Timer& timer);
    void arm(Timer& timer, Nanoseconds deadline);
    void update_next();

    const Clock& clock_;
    std::function<void()> earlier_hook_;
    std::mutex mutex_;
    std::condition_variable callback_done_;
    std::vector<Timer*> timers_;
    const Timer* running_ = nullptr;
    std::thread::id running_thread_;
    std::atomic<std::uint64_t> next_ = kNever.count;
};

}  // namespace redoubt::vmmd
