// The battery-backed clock of the PC (MC146818), read once at boot.
#include "arch/port.hpp"
#include "boot/x86_64/clocks.hpp"

namespace redoubt::boot {
namespace {

struct ClockReading {
    std::uint8_t second, minute, hour, day, month, year, century;

    bool operator==(const ClockReading&) const = default;
};

std::uint8_t read_register(std::uint8_t index) {
    kernel::port_out8(0x70, index);
    return kernel::port_in8(0x71);
}

ClockReading read_once(std::uint8_t century) {
    constexpr std::uint8_t kUpdateInProgress = 0x80;
    for (unsigned i = 0; i < 100'000 && (read_register(0x0A) & kUpdateInProgress) != 0; ++i) {
    }
    return {read_register(0),
            read_register(2),
            read_register(4),
            read_register(7),
            read_register(8),
            read_register(9),
            century != 0 ? read_register(century) : std::uint8_t{0}};
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years start in March so that leap
/// days come last.
std::uint64_t days_since_1970(unsigned year, unsigned month, unsigned day) {
    if (month <= 2) {
        --year;
        month += 12;
    }
    return 365ULL * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day -
           1 - 719'468;
}

}  // namespace

std::uint64_t read_real_time_clock(std::uint8_t century_register) {
    constexpr unsigned kAttempts = 10;
    ClockReading now = read_once(century_register);
    // Equal twice means that no update fell between the bytes.
    for (unsigned i = 0; i < kAttempts; ++i) {
        const ClockReading again = read_once(century_register);
        if (again == now) break;
        now = again;
    }
    const std::uint8_t format = read_register(0x0B);
    const bool binary = (format & 4) != 0, hours_24 = (format & 2) != 0;
    const auto number = [&](std::uint8_t value) -> unsigned {
        return binary ? value : (value >> 4) * 10U + (value & 15U);
    };
    unsigned hour = number(now.hour & 0x7F);
    if (!hours_24) hour = hour % 12 + ((now.hour & 0x80) != 0 ? 12 : 0);
    const unsigned century = number(now.century);
    const unsigned year =
        (century >= 19 && century <= 22 ? century * 100 : 2000) + number(now.year);
    return ((days_since_1970(year, number(now.month), number(now.day)) * 24 + hour) * 60 +
            number(now.minute)) *
               60 +
           number(now.second);
}

}  // namespace redoubt::boot
