// KVM's paravirtual clock, reduced to what a guest whose TSC is constant needs: it tells the TSC's
// frequency, so that the guest need not measure it, and the time of day at boot.
// Documentation/virt/kvm/x86/msr.rst of Linux.
#pragma once

#include <cstdint>

#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd {

namespace msr {
inline constexpr std::uint32_t kKvmWallClock = 0x4B564D00;
inline constexpr std::uint32_t kKvmSystemTime = 0x4B564D01;
}  // namespace msr

class KvmClock {
  public:
    KvmClock(const hvcall::GuestMemory& memory, std::uint64_t tsc_hz);

    /// The guest names the structure's address; `time_of_boot` in seconds since 1970 for TSC 0.
    /// False: not memory, or misaligned.
    [[nodiscard]] bool write_wall_clock(std::uint64_t address, std::uint64_t time_of_boot) const;
    /// Bit 0 of `value` enables; the rest is the address. The clock shows TSC / frequency.
    [[nodiscard]] bool write_system_time(std::uint64_t value);
    std::uint64_t system_time() const { return system_time_; }
    void reset() { system_time_ = 0; }

  private:
    const hvcall::GuestMemory& memory_;
    std::uint32_t multiplier_;
    std::int8_t shift_;
    std::uint64_t system_time_ = 0;
};

}  // namespace redoubt::vmmd
