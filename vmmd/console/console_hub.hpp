// A VM's console between its serial device and everyone who looks at it: keeps the last 64 KiB of
// output, lets several watchers read them each at its own pace, and passes what they type to the
// device.
//
// Thread-safe. The device writes from vCPU threads; watchers read from the event loop.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace redoubt::vmmd {

class ConsoleWatcher;

enum class Replay { None, History };

/// Whether the device waits for a slow watcher (a back end that must see every byte) or the watcher
/// loses bytes.
enum class Delivery { Lossy, Lossless };

class ConsoleHub : public std::enable_shared_from_this<ConsoleHub> {
  public:
    static constexpr std::size_t kHistoryBytes = 64 * 1024;
    static constexpr std::size_t kInputBytes = 4096;

    /// Takes bytes for the guest; returns how many found room. Never called with the hub's lock
    /// held.
    using DeviceInput = std::function<std::size_t(std::span<const std::uint8_t>)>;
    /// Wakes a watcher: there is output to read or room for input. Called with the hub's lock held,
    /// at most once between two reads; it must only wake its thread.
    using Notify = std::function<void()>;

    static std::shared_ptr<ConsoleHub> create();
    ConsoleHub(const ConsoleHub&) = delete;
    ConsoleHub& operator=(const ConsoleHub&) = delete;

    // The device's side.

    /// Output of the guest. Waits a little for lossless watchers that are far behind.
    void write(std::span<const std::uint8_t> bytes);
    /// Sets where input goes; an empty function keeps it waiting in the hub. No call is under way
    /// on return.
    void set_device_input(DeviceInput input);
    /// The device has room for input again.
    void device_ready();

    // The watchers' side.

    /// The hub lives at least as long as its watchers. Notifications begin when a read() has given
    /// 0.
    std::unique_ptr<ConsoleWatcher> watch(Replay replay, Delivery delivery, Notify notify);
    /// Bytes typed by a watcher; returns how many were taken. Fewer than given: a notification says
    /// when to go on.
    std::size_t input(std::span<const std::uint8_t> bytes);
    /// The last output, as a watcher with Replay::History would read it now.
    std::string history() const;

  private:
    friend class ConsoleWatcher;

    ConsoleHub() = default;
    std::uint64_t history_begin() const;
    bool lossless_is_full(std::size_t coming) const;
    void notify_all();

    mutable std::mutex mutex_;
    std::condition_variable drained_;
    std::array<std::uint8_t, kHistoryBytes> history_{};
    std::uint64_t written_ = 0;  ///< bytes ever written; position of the next one
    std::list<ConsoleWatcher*> watchers_;

    std::mutex device_mutex_;  ///< held while the device takes input, so that bytes keep their
                               ///< order; taken before mutex_
    DeviceInput device_input_;
    std::deque<std::uint8_t> pending_input_;
    bool input_was_full_ = false;
};

/// One reader of a console. Unregisters itself when destroyed.
class ConsoleWatcher {
  public:
    ~ConsoleWatcher();
    ConsoleWatcher(const ConsoleWatcher&) = delete;
    ConsoleWatcher& operator=(const ConsoleWatcher&) = delete;

    /// Copies output not yet seen; 0 means none, and that a notification will come with the next.
    std::size_t read(std::span<std::uint8_t> into);
    /// Bytes that were overwritten before this watcher read them.
    std::uint64_t lost() const;

  private:
    friend class ConsoleHub;
    ConsoleWatcher(std::shared_ptr<ConsoleHub> hub, std::uint64_t position, Delivery delivery,
                   ConsoleHub::Notify notify);

    std::shared_ptr<ConsoleHub> hub_;
    std::uint64_t position_;
    std::uint64_t lost_ = 0;
    Delivery delivery_;
    bool stalled_ = false;  ///< lossless, but did not move while the device waited
    bool notified_ = true;  ///< told since the last empty read; at first it has to read anyway
    ConsoleHub::Notify notify_;
};

}  // namespace redoubt::vmmd
