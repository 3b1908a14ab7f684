// What the native fuzzing programs share: console, random numbers, options of the command line.
#pragma once

#include <cstdint>

#include "abi/startup.hpp"
#include "libhvcall/native/syscall.hpp"
#include "tests/system/kernel/machine.hpp"

namespace redoubt::fuzz {

using native::Slot;

inline constexpr Slot kSpace = static_cast<Slot>(abi::StartupSlot::AddressSpace);
inline constexpr Slot kCNode = static_cast<Slot>(abi::StartupSlot::CNode);
inline constexpr abi::MapFlags kReadWrite = abi::MapFlags::Read | abi::MapFlags::Write;

/// xorshift64*: the same numbers for the same seed.
struct Random {
    std::uint64_t state;

    std::uint64_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * 0x2545'F491'4F6C'DD1DULL;
    }
    /// 0 … limit - 1.
    std::uint64_t below(std::uint64_t limit) { return (next() >> 11) % limit; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
};

/// For counters that other threads read.
inline void count(volatile std::uint64_t& counter) { counter = counter + 1; }

/// The machine's serial line, once it was initialized.
struct Console {
    void put(char character) const { redoubt::probe::put(character); }
    void put(const char* text) const {
        while (*text != '\0') put(*text++);
    }
    void put(std::uint64_t number) const {
        char digits[20];
        unsigned count = 0;
        do digits[count++] = static_cast<char>('0' + number % 10);
        while ((number /= 10) != 0);
        while (count != 0) put(digits[--count]);
    }
    template <class... Parts>
    void line(Parts... parts) const {
        put("fuzz: ");
        (put(parts), ...);
        put("\r\n");
    }
    /// What the kernel has counted, if its command line says `lock-statistics`.
    void report_lock() const {
        const std::uint64_t frequency = native::system_info(abi::SystemInfoKind::TicksPerSecond);
        for (std::uint64_t processor = 0;; ++processor) {
            native::Registers r{
                .a0 = static_cast<std::uint64_t>(abi::SystemInfoKind::LockStatistics),
                .a1 = processor};
            if (native::invoke(abi::SyscallNumber::SystemInfo, r) != abi::Error::Ok) return;
            line("lock, processor ", processor, ": taken ", r.a1, ", contended ", r.a2,
                 ", held on average ", r.a3 / (r.a1 + 1), " ticks, at most ", r.a4, ", waited ",
                 r.a5 / (frequency / 1000), " ms");
        }
    }
    [[noreturn]] void end(bool good) const {
        line(good ? "all held" : "FAILED");
        redoubt::probe::end_machine(good ? 0 : 1);
        for (;;) native::yield();
    }
};

/// The number behind `name=` on the kernel's command line, or `otherwise`.
inline std::uint64_t option(const abi::BootInfo& boot, const char* name, std::uint64_t otherwise) {
    for (const char* at = boot.command_line; *at != '\0'; ++at) {
        unsigned n = 0;
        while (name[n] != '\0' && at[n] == name[n]) ++n;
        if (name[n] != '\0' || at[n] != '=') continue;
        std::uint64_t value = 0;
        for (at += n + 1; *at >= '0' && *at <= '9'; ++at) {
            value = value * 10 + static_cast<std::uint64_t>(*at - '0');
        }
        return value;
    }
    return otherwise;
}

/// The largest Untyped of RAM.
inline Slot largest_untyped(const abi::BootInfo& boot) {
    unsigned bits = 0;
    Slot found = 0;
    for (unsigned i = 0; i < boot.untyped_count; ++i) {
        const abi::UntypedDescription& untyped = boot.untyped[i];
        if (untyped.is_device != 0 || untyped.size_bits <= bits) continue;
        bits = untyped.size_bits;
        found = untyped.slot;
    }
    return found;
}

}  // namespace redoubt::fuzz
