// Accesses to nothing: the answer, and the rate-limited log line.
#include "vmmd/devices/unclaimed.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace redoubt::vmmd {

Unclaimed::Unclaimed(std::string bus, const Clock& clock, Log log)
    : bus_(std::move(bus)), clock_(clock), log_(std::move(log)), second_started_(clock.now()) {}

void Unclaimed::read(std::uint64_t address, std::span<std::uint8_t> data) {
    std::ranges::fill(data, 0xFF);
    report(address, data.size(), false, 0);
}

void Unclaimed::write(std::uint64_t address, std::span<const std::uint8_t> data) {
    report(address, data.size(), true, load_little_endian(data));
}

void Unclaimed::reset() {
    const std::lock_guard lock(mutex_);
    seen_.clear();
}

void Unclaimed::report(std::uint64_t address, std::size_t bytes, bool write, std::uint64_t value) {
    {
        const std::lock_guard lock(mutex_);
        if (seen_.size() >= kMemory || seen_.contains(address)) return;
        const auto now = clock_.now();
        if ((now - second_started_).count >= kNanosecondsPerSecond) {
            second_started_ = now;
            in_this_second_ = 0;
        }
        // Not remembered when it is not shown: it may be the one that matters, and comes again.
        if (in_this_second_ >= kPerSecond) return;
        ++in_this_second_;
        seen_.insert(address);
    }
    std::array<char, 128> line;
    if (write) {
        std::snprintf(line.data(), line.size(),
                      "no device at %s 0x%" PRIx64 ": write of 0x%" PRIx64 " (%zu bytes) dropped",
                      bus_.c_str(), address, value, bytes);
    } else {
        std::snprintf(line.data(), line.size(),
                      "no device at %s 0x%" PRIx64 ": read of %zu bytes answered with all ones",
                      bus_.c_str(), address, bytes);
    }
    log_(line.data());
}

}  // namespace redoubt::vmmd
