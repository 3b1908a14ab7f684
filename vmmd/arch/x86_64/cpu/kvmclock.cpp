// KVM's paravirtual clock.
#include "vmmd/arch/x86_64/cpu/kvmclock.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestPhysicalAddress;

struct WallClock {
    std::uint32_t version;
    std::uint32_t seconds;
    std::uint32_t nanoseconds;
};
static_assert(sizeof(WallClock) == 12);

/// nanoseconds = system_time + (((tsc - tsc_timestamp) << shift) * multiplier >> 32)
struct VcpuTimeInfo {
    std::uint32_t version;  ///< odd while it is being written
    std::uint32_t pad0;
    std::uint64_t tsc_timestamp;
    std::uint64_t system_time;
    std::uint32_t multiplier;
    std::int8_t shift;
    std::uint8_t flags;
    std::uint8_t pad[2];
};
static_assert(sizeof(VcpuTimeInfo) == 32);
constexpr std::uint8_t kTscStable = 1;

constexpr std::uint64_t kEnable = 1;

}  // namespace

KvmClock::KvmClock(const hvcall::GuestMemory& memory, std::uint64_t tsc_hz)
    : memory_(memory), shift_(0) {
    // Scale the frequency into (1, 2] GHz, where the multiplier uses all of its 32 bits.
    constexpr std::uint64_t kGiga = 1'000'000'000;
    std::uint64_t scaled = tsc_hz;
    while (scaled > 2 * kGiga) {
        scaled >>= 1;
        --shift_;
    }
    while (scaled <= kGiga) {
        scaled <<= 1;
        ++shift_;
    }
    multiplier_ = static_cast<std::uint32_t>((kGiga << 32) / scaled);
}

bool KvmClock::write_wall_clock(std::uint64_t address, std::uint64_t time_of_boot) const {
    return address % 4 == 0 &&
           memory_.write(GuestPhysicalAddress{address},
                         WallClock{2, static_cast<std::uint32_t>(time_of_boot), 0});
}

bool KvmClock::write_system_time(std::uint64_t value) {
    system_time_ = value;
    if ((value & kEnable) == 0) return true;
    const auto address = value & ~kEnable;
    // Counting from TSC 0 makes the structure constant: no update is ever needed, not even when the
    // guest's TSC is stopped or moved.
    return address % 4 == 0 &&
           memory_.write(GuestPhysicalAddress{address},
                         VcpuTimeInfo{2, 0, 0, 0, multiplier_, shift_, kTscStable, {}});
}

}  // namespace redoubt::vmmd
