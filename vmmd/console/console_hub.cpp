// The console's ring of output, its watchers, and the queue of input.
#include "vmmd/console/console_hub.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace redoubt::vmmd {

namespace {

/// How long the device waits for a lossless watcher that does not move before it is counted as
/// stalled.
constexpr std::chrono::milliseconds kPatience{50};

}  // namespace

std::shared_ptr<ConsoleHub> ConsoleHub::create() {
    return std::shared_ptr<ConsoleHub>(new ConsoleHub);
}

std::uint64_t ConsoleHub::history_begin() const {
    return written_ > kHistoryBytes ? written_ - kHistoryBytes : 0;
}

bool ConsoleHub::lossless_is_full(std::size_t coming) const {
    return std::ranges::any_of(watchers_, [&](const ConsoleWatcher* watcher) {
        return watcher->delivery_ == Delivery::Lossless && !watcher->stalled_ &&
               written_ + coming - watcher->position_ > kHistoryBytes;
    });
}

void ConsoleHub::notify_all() {
    for (ConsoleWatcher* watcher : watchers_) {
        if (std::exchange(watcher->notified_, true)) continue;
        watcher->notify_();
    }
}

void ConsoleHub::write(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min(bytes.size(), kHistoryBytes / 4));
        bytes = bytes.subspan(part.size());
        std::unique_lock lock(mutex_);
        if (!drained_.wait_for(lock, kPatience, [&] { return !lossless_is_full(part.size()); })) {
            for (ConsoleWatcher* watcher : watchers_) {
                watcher->stalled_ |= written_ + part.size() - watcher->position_ > kHistoryBytes;
            }
        }
        for (const std::uint8_t byte : part) history_[written_++ % kHistoryBytes] = byte;
        notify_all();
    }
}

std::string ConsoleHub::history() const {
    const std::scoped_lock lock(mutex_);
    std::string text;
    for (auto at = history_begin(); at < written_; ++at) {
        text += static_cast<char>(history_[at % kHistoryBytes]);
    }
    return text;
}

void ConsoleHub::set_device_input(DeviceInput input) {
    {
        const std::scoped_lock lock(device_mutex_);
        device_input_ = std::move(input);
    }
    device_ready();
}

void ConsoleHub::device_ready() {
    const std::scoped_lock device_lock(device_mutex_);
    if (!device_input_) return;
    std::array<std::uint8_t, 256> chunk;
    for (;;) {
        std::size_t size = 0;
        {
            const std::scoped_lock lock(mutex_);
            size = std::min(pending_input_.size(), chunk.size());
            std::copy_n(pending_input_.begin(), size, chunk.begin());
        }
        if (size == 0) return;
        const std::size_t taken = std::min(device_input_({chunk.data(), size}), size);
        if (taken == 0) return;
        const std::scoped_lock lock(mutex_);
        pending_input_.erase(pending_input_.begin(),
                             pending_input_.begin() + static_cast<std::ptrdiff_t>(taken));
        if (std::exchange(input_was_full_, false)) notify_all();
    }
}

std::size_t ConsoleHub::input(std::span<const std::uint8_t> bytes) {
    std::size_t taken = 0;
    {
        const std::scoped_lock lock(mutex_);
        taken = std::min(bytes.size(), kInputBytes - pending_input_.size());
        pending_input_.insert(pending_input_.end(), bytes.begin(),
                              bytes.begin() + static_cast<std::ptrdiff_t>(taken));
        if (taken < bytes.size()) {
            input_was_full_ = true;
            // Whoever was refused must hear of the room, even if it has not read since it was last
            // told.
            for (ConsoleWatcher* watcher : watchers_) watcher->notified_ = false;
        }
    }
    device_ready();
    return taken;
}

std::unique_ptr<ConsoleWatcher> ConsoleHub::watch(Replay replay, Delivery delivery, Notify notify) {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t position = replay == Replay::History ? history_begin() : written_;
    auto watcher = std::unique_ptr<ConsoleWatcher>(
        new ConsoleWatcher(shared_from_this(), position, delivery, std::move(notify)));
    watchers_.push_back(watcher.get());
    return watcher;
}

ConsoleWatcher::ConsoleWatcher(std::shared_ptr<ConsoleHub> hub, std::uint64_t position,
                               Delivery delivery, ConsoleHub::Notify notify)
    : hub_(std::move(hub)), position_(position), delivery_(delivery), notify_(std::move(notify)) {}

ConsoleWatcher::~ConsoleWatcher() {
    const std::scoped_lock lock(hub_->mutex_);
    hub_->watchers_.remove(this);
    hub_->drained_.notify_all();
}

std::size_t ConsoleWatcher::read(std::span<std::uint8_t> into) {
    const std::scoped_lock lock(hub_->mutex_);
    if (const std::uint64_t begin = hub_->history_begin(); position_ < begin) {
        lost_ += begin - position_;
        position_ = begin;
    }
    const std::size_t size = std::min<std::uint64_t>(into.size(), hub_->written_ - position_);
    for (std::size_t i = 0; i < size; ++i) {
        into[i] = hub_->history_[(position_ + i) % ConsoleHub::kHistoryBytes];
    }
    position_ += size;
    notified_ = size != 0 || into.empty();
    if (std::exchange(stalled_, false) || delivery_ == Delivery::Lossless) {
        hub_->drained_.notify_all();
    }
    return size;
}

std::uint64_t ConsoleWatcher::lost() const {
    const std::scoped_lock lock(hub_->mutex_);
    return lost_;
}

}  // namespace redoubt::vmmd
