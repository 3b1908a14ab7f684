// The MC146818: time computed from the clock when asked for, three interrupt sources, CMOS RAM.
#include "vmmd/arch/x86_64/devices/rtc.hpp"

#include <algorithm>

namespace redoubt::vmmd {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

enum Register : std::uint8_t {
    kSeconds = 0,
    kSecondsAlarm = 1,
    kMinutes = 2,
    kMinutesAlarm = 3,
    kHours = 4,
    kHoursAlarm = 5,
    kWeekday = 6,
    kDay = 7,
    kMonth = 8,
    kYear = 9,
    kA = 10,
    kB = 11,
    kC = 12,
    kD = 13,
};

constexpr std::uint8_t kUpdateInProgress = 0x80;  // A
constexpr std::uint8_t kDividerMask = 0x70;
constexpr std::uint8_t kDividerReset = 0x60;
constexpr std::uint8_t kRateMask = 0x0F;
constexpr std::uint8_t kSet = 0x80;       // B
constexpr std::uint8_t kPeriodic = 0x40;  // B: enabled; C: happened
constexpr std::uint8_t kAlarm = 0x20;
constexpr std::uint8_t kUpdateEnded = 0x10;
constexpr std::uint8_t kSquareWave = 0x08;
constexpr std::uint8_t kBinary = 0x04;
constexpr std::uint8_t k24Hours = 0x02;
constexpr std::uint8_t kSources = kPeriodic | kAlarm | kUpdateEnded;
constexpr std::uint8_t kRequest = 0x80;          // C
constexpr std::uint8_t kValidRamAndTime = 0x80;  // D

constexpr std::uint64_t kCrystalHz = 32768;
/// "Update cycle": announced 244 us ahead, it takes 1,984 us; the new time shows at its end.
constexpr std::uint64_t kUpdateNanoseconds = 244'000 + 1'984'000;

constexpr bool is_time(std::uint8_t index) {
    return index == kSeconds || index == kMinutes ||
           (index >= kHours && index <= kYear && index != kHoursAlarm) ||
           index == Rtc::kCenturyRegister;
}

}  // namespace

Rtc::Rtc(TimerQueue& timers, InterruptLine& output, sys_seconds now, std::uint64_t memory_bytes)
    : clock_(timers.clock()),
      output_(output),
      base_time_(now),
      base_(clock_.now()),
      flags_checked_(base_),
      timer_(timers, [this] { timer_expired(); }) {
    ram_[kA] = 0x26;  // 32,768 Hz crystal, periodic rate 1,024 Hz
    ram_[kB] = k24Hours;
    // The layout PC firmware has always used: KiB below 1 MiB, KiB above it (at most 64 MiB), 64
    // KiB units above 16 MiB, 64 KiB units above 4 GiB.
    const auto put = [&](unsigned index, std::uint64_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i)
            ram_[index + i] = static_cast<std::uint8_t>(value >> (8 * i));
    };
    constexpr std::uint64_t kMiB = 1 << 20;
    const auto above = [&](std::uint64_t start) {
        return memory_bytes > start ? memory_bytes - start : 0;
    };
    put(0x15, 640, 2);
    put(0x17, std::min<std::uint64_t>(above(kMiB) >> 10, 0xFFFF), 2);
    put(0x30, std::min<std::uint64_t>(above(kMiB) >> 10, 0xFFFF), 2);
    put(0x34, std::min<std::uint64_t>(above(16 * kMiB) >> 16, 0xFFFF), 2);
    put(0x5B, above(4096 * kMiB) >> 16, 3);
}

void Rtc::reset() {
    const std::lock_guard lock(mutex_);
    index_ = 0;
    ram_[kB] &= static_cast<std::uint8_t>(~(kSources | kSquareWave));
    ram_[kC] = 0;
    update_output();
    timer_.cancel();
}

bool Rtc::halted() const {
    return (ram_[kB] & kSet) != 0 || (ram_[kA] & kDividerMask) >= kDividerReset;
}

sys_seconds Rtc::time(Nanoseconds now) const {
    return base_time_ + seconds((now - base_).count / kNanosecondsPerSecond);
}

std::uint64_t Rtc::phase(Nanoseconds now) const {
    return (now - base_).count % kNanosecondsPerSecond;
}

std::uint64_t Rtc::periodic_ticks() const {
    const unsigned rate = ram_[kA] & kRateMask;
    if (rate == 0 || (ram_[kA] & kDividerMask) >= kDividerReset) return 0;
    // Rates 1 and 2 are 256 and 128 Hz with this crystal ("Periodic interrupt", table 5).
    return 1ULL << ((rate < 3 ? rate + 7 : rate) - 1);
}

std::uint8_t Rtc::encode(unsigned value) const {
    if ((ram_[kB] & kBinary) != 0) return static_cast<std::uint8_t>(value);
    return static_cast<std::uint8_t>((value / 10) << 4 | value % 10);
}

unsigned Rtc::decode(std::uint8_t raw) const {
    if ((ram_[kB] & kBinary) != 0) return raw;
    return (raw >> 4) * 10U + (raw & 0xF);
}

std::uint8_t Rtc::encode_hour(unsigned hour) const {
    if ((ram_[kB] & k24Hours) != 0) return encode(hour);
    const auto twelve = encode(hour % 12 == 0 ? 12 : hour % 12);
    return static_cast<std::uint8_t>(twelve | (hour >= 12 ? 0x80 : 0));
}

unsigned Rtc::decode_hour(std::uint8_t raw) const {
    if ((ram_[kB] & k24Hours) != 0) return decode(raw);
    return decode(raw & 0x7F) % 12 + ((raw & 0x80) != 0 ? 12 : 0);
}

void Rtc::store_time(sys_seconds time) {
    const auto date = floor<days>(time);
    const std::chrono::year_month_day ymd(date);
    const std::chrono::hh_mm_ss clock(time - date);
    ram_[kSeconds] = encode(static_cast<unsigned>(clock.seconds().count()));
    ram_[kMinutes] = encode(static_cast<unsigned>(clock.minutes().count()));
    ram_[kHours] = encode_hour(static_cast<unsigned>(clock.hours().count()));
    ram_[kWeekday] = encode(std::chrono::weekday(date).c_encoding() + 1);
    ram_[kDay] = encode(static_cast<unsigned>(ymd.day()));
    ram_[kMonth] = encode(static_cast<unsigned>(ymd.month()));
    const auto year = static_cast<unsigned>(static_cast<int>(ymd.year()));
    ram_[kYear] = encode(year % 100);
    ram_[kCenturyRegister] = encode(year / 100 % 100);
}

/// What no clock would show is brought into range, so that every RAM content is some time.
sys_seconds Rtc::stored_time() const {
    const int year =
        static_cast<int>(decode(ram_[kCenturyRegister]) * 100 + decode(ram_[kYear]) % 100);
    const std::chrono::year_month_day date(
        std::chrono::year(std::clamp(year, 1, 9999)),
        std::chrono::month(std::clamp(decode(ram_[kMonth]), 1U, 12U)),
        std::chrono::day(std::clamp(decode(ram_[kDay]), 1U, 31U)));
    return sys_days(date) + std::chrono::hours(decode_hour(ram_[kHours]) % 24) +
           std::chrono::minutes(decode(ram_[kMinutes]) % 60) + seconds(decode(ram_[kSeconds]) % 60);
}

void Rtc::set_time(sys_seconds time, Nanoseconds last_boundary, Nanoseconds now) {
    base_time_ = time;
    base_ = last_boundary;
    flags_checked_ = now;
}

sys_seconds Rtc::next_alarm(sys_seconds after) const {
    const auto matches = [](std::uint8_t raw, unsigned wanted, unsigned value) {
        return raw >= 0xC0 || wanted == value;  // the two upper bits: "don't care"
    };
    auto time = after + seconds(1);
    const auto end = time + days(2);
    while (time < end) {
        const std::chrono::hh_mm_ss clock(time - floor<days>(time));
        const auto hour = static_cast<unsigned>(clock.hours().count());
        const auto minute = static_cast<unsigned>(clock.minutes().count());
        const auto second = static_cast<unsigned>(clock.seconds().count());
        if (!matches(ram_[kHoursAlarm], decode_hour(ram_[kHoursAlarm]), hour)) {
            time = floor<std::chrono::hours>(time) + std::chrono::hours(1);
        } else if (!matches(ram_[kMinutesAlarm], decode(ram_[kMinutesAlarm]), minute)) {
            time = floor<std::chrono::minutes>(time) + std::chrono::minutes(1);
        } else if (!matches(ram_[kSecondsAlarm], decode(ram_[kSecondsAlarm]), second)) {
            time += seconds(1);
        } else {
            return time;
        }
    }
    return sys_seconds::max();
}

/// Sets the flags of what happened since the last look, enabled or not.
void Rtc::update_flags(Nanoseconds now) {
    const auto before = std::exchange(flags_checked_, now);
    if (const auto period = periodic_ticks(); period != 0) {
        const auto tick = [&](Nanoseconds at) {
            return multiply_divide((at - base_).count, kCrystalHz, kNanosecondsPerSecond) / period;
        };
        if (tick(before) != tick(now)) ram_[kC] |= kPeriodic;
    }
    if (halted() || time(before) == time(now)) return;
    ram_[kC] |= kUpdateEnded;
    if (next_alarm(time(before)) <= time(now)) ram_[kC] |= kAlarm;
}

void Rtc::update_output() {
    const bool active = (ram_[kB] & ram_[kC] & kSources) != 0;
    if (active) {
        ram_[kC] |= kRequest;
    } else {
        ram_[kC] &= static_cast<std::uint8_t>(~kRequest);
    }
    output_.set(active);
}

/// Only sources that are enabled need waking up for, and only until their flag is set.
void Rtc::arm_timer(Nanoseconds now) {
    const auto waiting = ram_[kB] & static_cast<std::uint8_t>(~ram_[kC]);
    auto deadline = kNever;
    if (const auto period = periodic_ticks(); (waiting & kPeriodic) != 0 && period != 0) {
        const auto tick =
            multiply_divide((now - base_).count, kCrystalHz, kNanosecondsPerSecond) / period;
        const auto next =
            multiply_divide((tick + 1) * period, kNanosecondsPerSecond, kCrystalHz) + 1;
        deadline = std::min(deadline, base_ + Nanoseconds{next});
    }
    if (!halted()) {
        if ((waiting & kUpdateEnded) != 0) {
            deadline = std::min(deadline, now + Nanoseconds{kNanosecondsPerSecond - phase(now)});
        }
        if ((waiting & kAlarm) != 0) {
            if (const auto alarm = next_alarm(time(now)); alarm != sys_seconds::max()) {
                const auto wait = static_cast<std::uint64_t>((alarm - time(now)).count());
                deadline = std::min(deadline,
                                    now + Nanoseconds{wait * kNanosecondsPerSecond - phase(now)});
            }
        }
    }
    timer_.arm(deadline);
}

void Rtc::timer_expired() {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.now();
    update_flags(now);
    update_output();
    arm_timer(now);
}

std::uint8_t Rtc::read_register(std::uint8_t index, Nanoseconds now) {
    if (is_time(index)) {
        if (!halted()) store_time(time(now));
        return ram_[index];
    }
    switch (index) {
        case kA: {
            const bool updating =
                !halted() && phase(now) >= kNanosecondsPerSecond - kUpdateNanoseconds;
            return static_cast<std::uint8_t>(ram_[kA] | (updating ? kUpdateInProgress : 0));
        }
        case kC: {
            // Reading takes the request away, all of it ("Register C").
            update_flags(now);
            update_output();
            const auto value = ram_[kC];
            ram_[kC] = 0;
            update_output();
            arm_timer(now);
            return value;
        }
        case kD:
            return kValidRamAndTime;
        default:
            return ram_[index];
    }
}

void Rtc::write_control(std::uint8_t index, std::uint8_t value, Nanoseconds now) {
    const bool was_halted = halted();
    const bool divider_was_reset = (ram_[kA] & kDividerMask) >= kDividerReset;
    if (!was_halted) store_time(time(now));
    if (index == kA) {
        ram_[kA] = value & static_cast<std::uint8_t>(~kUpdateInProgress);
    } else {
        // "SET": a program that sets it has no use for the update interrupt, and it goes off.
        if ((value & kSet) != 0) value &= static_cast<std::uint8_t>(~kUpdateEnded);
        ram_[kB] = value;
    }
    if (was_halted && !halted()) {
        // Let go, the divider chain makes its first update half a second later; SET alone leaves it
        // running all the time.
        const auto boundary = divider_was_reset ? now - Nanoseconds{kNanosecondsPerSecond / 2}
                                                : now - Nanoseconds{phase(now)};
        set_time(stored_time(), boundary, now);
    }
}

void Rtc::write_register(std::uint8_t index, std::uint8_t value, Nanoseconds now) {
    update_flags(now);
    if (index == kA || index == kB) {
        write_control(index, value, now);
    } else if (is_time(index)) {
        if (!halted()) store_time(time(now));
        ram_[index] = value;
        if (!halted()) set_time(stored_time(), now - Nanoseconds{phase(now)}, now);
    } else if (index != kC && index != kD) {
        ram_[index] = value;
    }
    update_output();
    arm_timer(now);
}

std::uint8_t Rtc::read_byte(std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    return offset != 1 ? 0xFF : read_register(index_, clock_.now());
}

void Rtc::write_byte(std::uint64_t offset, std::uint8_t value) {
    const std::lock_guard lock(mutex_);
    // Bit 7 of the index port masks NMI on a PC, and nothing here raises one.
    if (offset == 0) {
        index_ = value & 0x7F;
    } else if (offset == 1) {
        write_register(index_, value, clock_.now());
    }
}

}  // namespace redoubt::vmmd
