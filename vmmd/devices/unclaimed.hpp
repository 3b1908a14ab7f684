// What a bus asks where no device is: all ones on reads, as a bus that floats, and a line in the
// log the first time an address is touched.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

/// Offsets are the bus's addresses.
class Unclaimed final : public Device {
  public:
    using Log = std::function<void(const std::string& line)>;

    /// At most kPerSecond lines in a second and kMemory addresses in all, each once: a guest that
    /// writes all over unmapped space fills neither the log nor the memory.
    static constexpr unsigned kPerSecond = 10;
    static constexpr std::size_t kMemory = 256;

    /// `bus` is for the message: "port" or "memory".
    Unclaimed(std::string bus, const Clock& clock, Log log);

    std::string_view name() const override { return "unclaimed"; }
    void read(std::uint64_t address, std::span<std::uint8_t> data) override;
    void write(std::uint64_t address, std::span<const std::uint8_t> data) override;
    void reset() override;

  private:
    void report(std::uint64_t address, std::size_t bytes, bool write, std::uint64_t value);

    const std::string bus_;
    const Clock& clock_;
    Log log_;
    Mutex mutex_;
    std::unordered_set<std::uint64_t> seen_;
    Nanoseconds second_started_;
    unsigned in_this_second_ = 0;
};

}  // namespace redoubt::vmmd
