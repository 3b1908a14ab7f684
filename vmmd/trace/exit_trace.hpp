// The last exits of one vCPU: a ring that its thread writes and any other may read meanwhile.
//
// Nobody waits: the writer does a dozen plain stores an exit, a reader drops what was overwritten
// while it copied. What a record means in words is found out by who reads it (trace/describe.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "abi/vcpu_state.hpp"
#include "libhvcall/address.hpp"

namespace redoubt::vmmd {

/// How far the monitor got with an exit.
enum class ExitOutcome : std::uint8_t {
    Pending,  ///< it is being handled, or handling it has thrown
    Resumed,
    Halted,   ///< the vCPU waits for an interrupt
    Stopped,  ///< the guest cannot go on
};

/// One exit, as it was recorded.
struct ExitRecord {
    std::uint64_t number = 0;  ///< the vCPU's exits before it, since the VM was started
    hvcall::HostTicks time;
    std::uint64_t rip = 0;
    abi::ExitKind kind = abi::ExitKind::Interrupted;
    std::uint32_t detail = 0;
    std::uint64_t info = 0;    ///< Exit::info1
    std::uint64_t rax = 0;     ///< before it was handled
    std::uint32_t rcx = 0;     ///< … likewise
    std::uint32_t rdx = 0;     ///< … likewise
    std::uint64_t result = 0;  ///< edx:eax afterwards; Mmio: the value that was read or written
    ExitOutcome outcome = ExitOutcome::Pending;
    std::uint8_t size = 0;  ///< Mmio: bytes of the (last) access, 0 if there was none
    std::uint8_t exception = kNoException;  ///< that the guest gets for it

    static constexpr std::uint8_t kNoException = 0xFF;
};

class ExitTrace {
  public:
    static constexpr std::size_t kRecords = 256;

    // -- the vCPU's thread

    /// An exit has happened: `state` is as the hypervisor left it.
    void begin(const abi::VcpuState& state, hvcall::HostTicks time) {
        const auto number = next_.load(std::memory_order_relaxed);
        auto& words = slots_[number % kRecords];
        const auto* gpr = state.gpr;
        put(words[kTime], time.count);
        put(words[kRip], state.rip);
        put(words[kKind],
            static_cast<std::uint64_t>(state.exit.kind) | std::uint64_t{state.exit.detail} << 32);
        put(words[kInfo], state.exit.info1);
        put(words[kRax], gpr[abi::kRax]);
        put(words[kRcxRdx], (gpr[abi::kRcx] & 0xFFFF'FFFF) | gpr[abi::kRdx] << 32);
        put(words[kOutcome], static_cast<std::uint64_t>(ExitOutcome::Pending));
        put(next_, number + 1);
    }
    /// The exit that began last was handled. `size` and `value` are those of the device access.
    void finish(const abi::VcpuState& state, ExitOutcome outcome, unsigned size,
                std::uint64_t value) {
        auto& words = slots_[(next_.load(std::memory_order_relaxed) - 1) % kRecords];
        const auto* gpr = state.gpr;
        put(words[kResult],
            size != 0 ? value : (gpr[abi::kRax] & 0xFFFF'FFFF) | gpr[abi::kRdx] << 32);
        put(words[kOutcome], static_cast<std::uint64_t>(outcome) | std::uint64_t{size} << 8 |
                                 exception_of(state.inject) << 16);
    }

    // -- any thread

    /// The newest `count` records at most, oldest first.
    std::vector<ExitRecord> last(std::size_t count) const;
    /// Exits so far.
    std::uint64_t exits() const { return next_.load(std::memory_order_acquire); }

  private:
    enum Word { kTime, kRip, kKind, kInfo, kRax, kRcxRdx, kResult, kOutcome, kWords };
    using Slot = std::array<std::atomic<std::uint64_t>, kWords>;

    // Releasing, so that a reader that sees a new word also sees the `next_` that came before it.
    // On x86 this is an ordinary store.
    static void put(std::atomic<std::uint64_t>& word, std::uint64_t value) {
        word.store(value, std::memory_order_release);
    }
    /// 0, or 1 + the vector of the exception that is to be injected.
    static std::uint64_t exception_of(std::uint64_t inject) {
        constexpr auto kType = abi::EventInjection::kValid | 7ULL << 8;
        constexpr auto kException = abi::EventInjection::kValid | abi::EventInjection::kException;
        return (inject & kType) == kException ? 1 + (inject & 0xFF) : 0;
    }
    static ExitRecord decode(const Slot& slot, std::uint64_t number);

    alignas(64) std::array<Slot, kRecords> slots_{};
    std::atomic<std::uint64_t> next_ = 0;
};

}  // namespace redoubt::vmmd
