// init's two helper threads. The main thread only ever receives, so that no other process can block
// it: what may block is done here.
//
//   Timer      signals the main thread's notification at a deadline
//   Messenger  tells scheme servers that a client is gone, and then whoever waits for that
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "schemes/init/resources.hpp"

namespace redoubt::init {

/// On the endpoint that gets their faults. No process has it.
inline constexpr std::uint64_t kHelperBadge = 1 << 16;

class Timer {
  public:
    /// `expired` is signalled when the deadline passes.
    bool start(Resources& resources, native::Slot faults, native::Slot expired);
    /// Replaces the deadline; abi::kNever stops the timer.
    void set(std::uint64_t deadline);

  private:
    [[noreturn]] static void run(Timer* timer);

    std::atomic<std::uint64_t> deadline_{abi::kNever};
    native::Slot changed_ = 0;
    native::Slot expired_ = 0;
};

class Messenger {
  public:
    bool start(Resources& resources, native::Slot faults);
    void client_gone(native::Slot endpoint, std::uint64_t client);
    /// Signals `notification` when the servers told before have heard it.
    void signal_afterwards(native::Slot notification);

  private:
    [[noreturn]] static void run(Messenger* messenger);

    struct Job {
        native::Slot slot = 0;
        std::uint64_t client = 0;  ///< 0: `slot` is a notification, otherwise an endpoint
    };
    bool add(const Job& job);
    static constexpr std::size_t kQueue = 256;

    std::array<Job, kQueue> jobs_{};
    std::atomic<std::size_t> added_{0};
    std::atomic<std::size_t> done_{0};
    native::Slot wake_ = 0;
};

}  // namespace redoubt::init
