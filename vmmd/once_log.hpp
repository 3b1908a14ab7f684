// Tells once about every register that the guest uses and nobody knows, and stops
// when a guest that pokes around would fill the log.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace redoubt::vmmd {

class OnceLog {
  public:
    static constexpr std::size_t kMaximumLines = 64;

    /// `log` takes a line without the VM's name.
    explicit OnceLog(std::function<void(const std::string&)> log) : log_(std::move(log)) {}

    /// `key` says what is the same thing; `describe` makes the line, only when it is needed.
    template <class Describe>
    void report(std::uint64_t key, Describe&& describe) {
        std::string line;
        {
            std::scoped_lock lock(mutex_);
            if (seen_.size() >= kMaximumLines || std::ranges::find(seen_, key) != seen_.end()) {
                return;
            }
            seen_.push_back(key);
            line = describe();
            if (seen_.size() == kMaximumLines) line += "; more of this kind is not logged";
        }
        log_(line);
    }

    /// A rebooted guest is told about again.
    void reset() {
        std::scoped_lock lock(mutex_);
        seen_.clear();
    }

  private:
    std::function<void(const std::string&)> log_;
    std::mutex mutex_;
    std::vector<std::uint64_t> seen_;
};

}  // namespace redoubt::vmmd
