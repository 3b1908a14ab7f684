// The last exits of one vCPU: a ring that its thread writes and any other may read meanwhile.
//
// Nobody waits: the writer does a dozen plain stores an exit, a reader drops what was overwritten
// while it copied. What a record means in words is found out by who reads it (trace/describe.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "arch/traced_registers.hpp"
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
    std::uint64_t pc = 0;
    abi::ExitKind kind = abi::ExitKind::Interrupted;
    std::uint32_t detail = 0;
    std::uint64_t info = 0;  ///< Exit::info1
    // Registers before it was handled: which ones is in arch/traced_registers.hpp.
    std::uint64_t first = 0;
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    std::uint64_t result = 0;  ///< registers afterwards; Mmio: the value that was read or written
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
        const auto registers = traced_registers(state);
        put(words[kTime], time.count);
        put(words[kPc], registers.pc);
        put(words[kKind],
            static_cast<std::uint64_t>(state.exit.kind) | std::uint64_t{state.exit.detail} << 32);
        put(words[kInfo], state.exit.info1);
        put(words[kFirst], registers.first);
        put(words[kSecondThird], registers.second | std::uint64_t{registers.third} << 32);
        put(words[kOutcome], static_cast<std::uint64_t>(ExitOutcome::Pending));
        put(next_, number + 1);
    }
    /// The exit that began last was handled. `size` and `value` are those of the device access.
    void finish(const abi::VcpuState& state, ExitOutcome outcome, unsigned size,
                std::uint64_t value) {
        auto& words = slots_[(next_.load(std::memory_order_relaxed) - 1) % kRecords];
        put(words[kResult], size != 0 ? value : traced_result(state));
        put(words[kOutcome], static_cast<std::uint64_t>(outcome) | std::uint64_t{size} << 8 |
                                 traced_exception(state) << 16);
    }

    // -- any thread

    /// The newest `count` records at most, oldest first.
    std::vector<ExitRecord> last(std::size_t count) const;
    /// Exits so far.
    std::uint64_t exits() const { return next_.load(std::memory_order_acquire); }

  private:
    enum Word { kTime, kPc, kKind, kInfo, kFirst, kSecondThird, kResult, kOutcome, kWords };
    using Slot = std::array<std::atomic<std::uint64_t>, kWords>;

    // Releasing, so that a reader that sees a new word also sees the `next_` that came before it.
    // On x86 this is an ordinary store.
    static void put(std::atomic<std::uint64_t>& word, std::uint64_t value) {
        word.store(value, std::memory_order_release);
    }
    static ExitRecord decode(const Slot& slot, std::uint64_t number);

    alignas(64) std::array<Slot, kRecords> slots_{};
    std::atomic<std::uint64_t> next_ = 0;
};

}  // namespace redoubt::vmmd
