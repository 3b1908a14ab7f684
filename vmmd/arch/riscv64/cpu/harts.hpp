// What the harts of one machine do to each other: interrupts, starting and stopping (the SBI's
// HSM), remote fences.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace redoubt::vmmd {

/// The states of the SBI's HSM extension (chapter 9), by its numbers.
enum class HartState : std::uint64_t { Started = 0, Stopped = 1, StartPending = 2, Suspended = 4 };

/// Any thread may use a hart; what is marked so its own vCPU's thread only.
class Hart {
  public:
    struct Start {
        std::uint64_t address = 0;
        std::uint64_t opaque = 0;
    };
    /// `kick`: something is pending; `start`: it shall begin().
    void connect(std::function<void()> kick, std::function<void()> start);
    /// As after power-on.
    void reset(bool started);

    void send_ipi();
    /// The PLIC's output.
    void set_external(bool level);
    /// False: it is not stopped.
    bool start(Start at);
    HartState state() const { return state_.load(); }
    /// Returns when the hart is outside the guest, or was since; it flushes before it enters again.
    void fence();

    // -- its own thread
    /// By the SBI; guest time.
    void set_timer(std::uint64_t time) { timer_ = time; }
    bool has_new_timer() const { return timer_.has_value(); }
    std::optional<std::uint64_t> take_timer() {
        if (!timer_) [[likely]]
            return std::nullopt;
        return std::exchange(timer_, std::nullopt);
    }
    /// After start(): it runs now.
    Start begin();
    void stop() { state_ = HartState::Stopped; }
    /// WFI, by the SBI's name.
    void suspend() { state_ = HartState::Suspended; }
    void resume() { state_ = HartState::Started; }
    bool has_ipi() const { return ipi_.load(std::memory_order_relaxed) != 0; }
    bool take_ipi() { return has_ipi() && ipi_.exchange(0) != 0; }
    bool external() const { return external_.load(std::memory_order_acquire); }

    /// As long as it lives the hart is in the guest, or about to enter.
    class Inside {
      public:
        /// Calls `flush` if it must do so first.
        template <class Flush>
        Inside(Hart& hart, Flush flush) : hart_(hart) {
            hart_.count();
            if (hart_.fence_.load(std::memory_order_relaxed) != 0 && hart_.fence_.exchange(0) != 0)
                [[unlikely]]
                flush();
        }
        ~Inside() { hart_.leave(); }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

      private:
        Hart& hart_;
    };

  private:
    /// Before it looks whether somebody waits: see fence().
    void count() {
        entries_.fetch_add(1, std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    void leave() {
        count();
        if (waiters_.load(std::memory_order_relaxed) != 0) [[unlikely]]
            entries_.notify_all();
    }

    std::function<void()> kick_ = [] {};
    std::function<void()> start_hook_ = [] {};
    // Words: there is no atomic operation on less.
    std::atomic<std::uint32_t> ipi_ = 0;
    std::atomic<bool> external_ = false;
    std::atomic<HartState> state_ = HartState::Stopped;
    std::optional<std::uint64_t> timer_;
    std::mutex start_mutex_;
    Start start_;
    std::atomic<std::uint32_t> fence_ = 0;
    std::atomic<std::uint32_t> entries_ = 0;  ///< and exits: odd in the guest
    std::atomic<std::uint32_t> waiters_ = 0;  ///< in fence()
};

/// All harts of a machine.
class Harts {
  public:
    explicit Harts(unsigned count) {
        for (unsigned i = 0; i < count; ++i) harts_.push_back(std::make_unique<Hart>());
    }

    unsigned count() const { return static_cast<unsigned>(harts_.size()); }
    Hart& operator[](std::size_t index) { return *harts_[index]; }
    /// The first one runs.
    void reset() {
        for (unsigned i = 0; i < count(); ++i) harts_[i]->reset(i == 0);
    }

  private:
    std::vector<std::unique_ptr<Hart>> harts_;
};

}  // namespace redoubt::vmmd
