// The SBI's calls, by extension.
#include "vmmd/arch/riscv64/cpu/sbi.hpp"

#include <algorithm>

namespace redoubt::vmmd {

namespace {

using hvcall::GuestPhysicalAddress;

enum Extension : std::uint64_t {
    kLegacySetTimer = 0,
    kLegacyPutchar = 1,
    kLegacyGetchar = 2,
    kLegacyShutdown = 8,
    kBase = 0x10,
    kIpi = 0x73'5049,
    kHartState = 0x48'534D,
    kTime = 0x5449'4D45,
    kRemoteFence = 0x5246'4E43,
    kSystemReset = 0x5352'5354,
    kConsole = 0x4442'434E,
};
constexpr bool offered(std::uint64_t extension) {
    switch (extension) {
        case kLegacySetTimer:
        case kLegacyPutchar:
        case kLegacyGetchar:
        case kLegacyShutdown:
        case kBase:
        case kIpi:
        case kHartState:
        case kTime:
        case kRemoteFence:
        case kSystemReset:
        case kConsole:
            return true;
        default:
            return false;
    }
}

// Chapter 3, "Standard SBI Errors".
enum Error : std::int64_t {
    kSuccess = 0,
    kFailed = -1,
    kNotSupported = -2,
    kInvalidParameter = -3,
    kInvalidAddress = -5,
    kAlreadyAvailable = -6,
};

constexpr std::uint64_t kVersion2 = std::uint64_t{2} << 24;
/// Implementations are numbered by the specification, which does not know this one.
constexpr std::uint64_t kImplementation = 0x5264'6274, kImplementationVersion = 1;
constexpr std::uint64_t kAllHarts = ~std::uint64_t{0};
constexpr std::uint64_t kConsoleChunk = 4096;

enum Gpr : unsigned { kA0 = 10, kA1 = 11, kA6 = 16, kA7 = 17 };

}  // namespace

// The most frequent one needs no stack.
ExitNext Sbi::call(abi::VcpuState& state) const {
    if (state.gpr[kA7] != kTime || state.gpr[kA6] != 0) return frequent_call(state);
    set_timer(state);
    give(state, {});
    return ExitNext::Run;
}

void Sbi::set_timer(abi::VcpuState& state) const {
    const auto time = state.gpr[kA0];
    if (has_sstc_) [[likely]] {
        state.timer = time;
    } else {
        hart_.set_timer(time);
    }
}

// A switch would look for them among all.
ExitNext Sbi::frequent_call(abi::VcpuState& state) const {
    const Call call{state.gpr[kA6], state.gpr + kA0};
    const auto extension = state.gpr[kA7];
    Result result;
    if (extension == kBase) {
        result = base(call);
    } else if (extension == kIpi) {
        result = ipi(call);
    } else if (extension == kRemoteFence) {
        result = remote_fence(call);
    } else {
        return other_call(state);
    }
    give(state, result);
    return ExitNext::Run;
}

ExitNext Sbi::other_call(abi::VcpuState& state) const {
    const Call call{state.gpr[kA6], state.gpr + kA0};
    ExitNext next = ExitNext::Run;
    Result result{kNotSupported};
    switch (state.gpr[kA7]) {
        case kHartState:
            result = hart_state(call, next);
            break;
        case kSystemReset:
            result = system_reset(call);
            break;
        case kConsole:
            result = console(call);
            break;
        default:
            // Legacy calls give one value and keep a1.
            if (const auto value = legacy(state, call)) {
                state.gpr[kA0] = *value;
                return next;
            }
    }
    give(state, result);
    return next;
}

void Sbi::give(abi::VcpuState& state, Result result) {
    state.gpr[kA0] = static_cast<std::uint64_t>(result.error);
    state.gpr[kA1] = result.value;
}

std::optional<std::uint64_t> Sbi::legacy(abi::VcpuState& state, Call call) const {
    switch (state.gpr[kA7]) {
        case kLegacySetTimer:
            set_timer(state);
            return 0;
        case kLegacyPutchar: {
            const auto byte = static_cast<std::uint8_t>(call.a[0]);
            machine_.console_write({&byte, 1});
            return 0;
        }
        case kLegacyGetchar: {
            const auto byte = machine_.console_read();
            return byte ? *byte : ~std::uint64_t{0};
        }
        case kLegacyShutdown:
            machine_.power_off();
            return 0;
        default:
            return std::nullopt;
    }
}

Sbi::Result Sbi::base(Call call) const {
    switch (call.function) {
        case 0:
            return {kSuccess, kVersion2};
        case 1:
            return {kSuccess, kImplementation};
        case 2:
            return {kSuccess, kImplementationVersion};
        case 3:
            return {kSuccess, offered(call.a[0]) ? 1U : 0U};
        case 4:  // mvendorid, marchid, mimpid: 0 is "not implemented"
        case 5:
        case 6:
            return {};
        default:
            return {kNotSupported};
    }
}

// One bit after the other: instructions that count them are an extension.
template <class Action>
Sbi::Result Sbi::for_each(std::uint64_t mask, std::uint64_t base, Action action) const {
    const auto count = harts_.count();
    if (base == kAllHarts) {
        for (unsigned i = 0; i < count; ++i) action(harts_[i]);
        return {};
    }
    if (mask == 0) return {};
    if (base >= count) return {kInvalidParameter};
    const auto most = count - base;
    if (most < 64 && mask >> most != 0) return {kInvalidParameter};
    for (; mask != 0; mask >>= 1, ++base) {
        if ((mask & 1) != 0) action(harts_[base]);
    }
    return {};
}

Sbi::Result Sbi::ipi(Call call) const {
    if (call.function != 0) return {kNotSupported};
    return for_each(call.a[0], call.a[1], [](Hart& hart) { hart.send_ipi(); });
}

/// All kinds flush everything: what is more than that cannot be told from this side. Those of the
/// hypervisor extension (3 to 6) are not for a guest that does not have it.
Sbi::Result Sbi::remote_fence(Call call) const {
    if (call.function > 2) return {kNotSupported};
    return for_each(call.a[0], call.a[1], [](Hart& hart) { hart.fence(); });
}

Sbi::Result Sbi::hart_state(Call call, ExitNext& next) const {
    enum Function : std::uint64_t { kStart, kStop, kStatus, kSuspend };
    // Of kSuspend: the registers stay.
    constexpr std::uint32_t kRetentive = 0;
    switch (call.function) {
        case kStart:
            if (call.a[0] >= harts_.count()) return {kInvalidParameter};
            if (memory_.at(GuestPhysicalAddress{call.a[1]}, 2).empty()) return {kInvalidAddress};
            return {harts_[call.a[0]].start({call.a[1], call.a[2]}) ? kSuccess : kAlreadyAvailable};
        case kStop:
            hart_.stop();
            next = ExitNext::Off;
            return {};
        case kStatus:
            if (call.a[0] >= harts_.count()) return {kInvalidParameter};
            return {kSuccess, static_cast<std::uint64_t>(harts_[call.a[0]].state())};
        case kSuspend:
            if (static_cast<std::uint32_t>(call.a[0]) != kRetentive) return {kNotSupported};
            hart_.suspend();
            next = ExitNext::Halt;
            return {};
        default:
            return {kNotSupported};
    }
}

Sbi::Result Sbi::system_reset(Call call) const {
    enum Type : std::uint32_t { kShutdown, kColdReboot, kWarmReboot };
    if (call.function != 0) return {kNotSupported};
    switch (static_cast<std::uint32_t>(call.a[0])) {
        case kShutdown:
            machine_.power_off();
            return {};
        case kColdReboot:
        case kWarmReboot:
            machine_.reset("by the SBI");
            return {};
        default:
            return {kInvalidParameter};
    }
}

Sbi::Result Sbi::console(Call call) const {
    enum Function : std::uint64_t { kWrite, kRead, kWriteByte };
    if (call.function == kWriteByte) {
        const auto byte = static_cast<std::uint8_t>(call.a[0]);
        machine_.console_write({&byte, 1});
        return {};
    }
    if (call.function > kWriteByte) return {kNotSupported};
    // As much as is wanted, or part of it: the guest comes again.
    const auto bytes = std::min(call.a[0], kConsoleChunk);
    if (bytes == 0) return {};
    const auto memory = memory_.at(GuestPhysicalAddress{call.a[1]}, bytes);
    if (memory.empty() || call.a[2] != 0) return {kInvalidParameter};
    if (call.function == kWrite) {
        machine_.console_write(memory);
        return {kSuccess, bytes};
    }
    std::uint64_t done = 0;
    while (done < bytes) {
        const auto byte = machine_.console_read();
        if (!byte) break;
        memory[done++] = *byte;
    }
    return {kSuccess, done};
}

}  // namespace redoubt::vmmd
