// Gateways, priorities, claims.
#include "vmmd/arch/riscv64/devices/plic.hpp"

#include <utility>

namespace redoubt::vmmd {

namespace {

// Register blocks (chapter 3, "Memory Map").
constexpr std::uint64_t kPriorities = 0, kPriorityEnd = 0x1000;
constexpr std::uint64_t kPending = 0x1000, kPendingEnd = 0x1080;
constexpr std::uint64_t kEnables = 0x2000, kEnableStride = 0x80;
constexpr std::uint64_t kContexts = 0x20'0000, kContextStride = 0x1000;
constexpr std::uint64_t kThreshold = 0, kClaim = 4;

constexpr std::uint32_t kHighestPriority = 7;

constexpr std::uint64_t bit(unsigned source) { return std::uint64_t{1} << source; }

/// Half of a word of bits, by the offset of a register in its block.
constexpr unsigned shift_of(std::uint64_t offset) { return offset == 4 ? 32 : 0; }

}  // namespace

Plic::Plic(unsigned harts, Output output) : output_(std::move(output)), contexts_(harts) {
    static_assert(kSources <= 64);
    inputs_.reserve(kSources - 1);
    for (unsigned source = 1; source < kSources; ++source) inputs_.emplace_back(*this, source);
}

void Plic::reset() {
    const std::lock_guard lock(mutex_);
    priorities_.fill(0);
    pending_ = lines_;
    in_service_ = 0;
    for (auto& context : contexts_) {
        context.enabled = 0;
        context.threshold = 0;
    }
    update();
}

/// The gateway of a level-triggered source: one request until it is completed (chapter 2).
void Plic::set_line(unsigned source, bool level) {
    const std::lock_guard lock(mutex_);
    if (level == ((lines_ & bit(source)) != 0)) return;
    lines_ ^= bit(source);
    if (!level || (in_service_ & bit(source)) != 0) return;
    pending_ |= bit(source);
    update();
}

unsigned Plic::best(const Context& context) const {
    unsigned found = 0;
    std::uint32_t priority = context.threshold;
    for (auto candidates = pending_ & context.enabled; candidates != 0;
         candidates &= candidates - 1) {
        const auto source = static_cast<unsigned>(__builtin_ctzll(candidates));
        if (priorities_[source] <= priority) continue;
        priority = priorities_[source];
        found = source;
    }
    return found;
}

/// Claims ignore the threshold (chapter 8, "Interrupt Claim Process").
std::uint32_t Plic::claim(Context& context) {
    const auto threshold = std::exchange(context.threshold, 0);
    const auto source = best(context);
    context.threshold = threshold;
    if (source == 0) return 0;
    pending_ &= ~bit(source);
    in_service_ |= bit(source);
    update();
    return source;
}

/// Of what the context is not enabled for it is ignored (chapter 9).
void Plic::complete(const Context& context, std::uint32_t source) {
    if (source >= kSources || (context.enabled & in_service_ & bit(source)) == 0) return;
    in_service_ &= ~bit(source);
    pending_ |= lines_ & bit(source);
    update();
}

void Plic::update() {
    for (unsigned hart = 0; hart < contexts_.size(); ++hart) {
        auto& context = contexts_[hart];
        const bool level = best(context) != 0;
        if (std::exchange(context.output, level) != level) output_(hart, level);
    }
}

std::uint32_t Plic::read_register(std::uint64_t offset) {
    if (offset < kPriorityEnd) {
        const auto source = (offset - kPriorities) / 4;
        return source < kSources ? priorities_[source] : 0;
    }
    if (offset >= kPending && offset < kPendingEnd) {
        const auto at = offset - kPending;
        return at < 8 ? static_cast<std::uint32_t>(pending_ >> shift_of(at)) : 0;
    }
    if (offset >= kContexts) {
        const auto index = (offset - kContexts) / kContextStride;
        if (index >= contexts_.size()) return 0;
        auto& context = contexts_[index];
        switch ((offset - kContexts) % kContextStride) {
            case kThreshold:
                return context.threshold;
            case kClaim:
                return claim(context);
            default:
                return 0;
        }
    }
    if (offset < kEnables) return 0;
    const auto index = (offset - kEnables) / kEnableStride;
    const auto at = (offset - kEnables) % kEnableStride;
    if (index >= contexts_.size() || at >= 8) return 0;
    return static_cast<std::uint32_t>(contexts_[index].enabled >> shift_of(at));
}

void Plic::write_register(std::uint64_t offset, std::uint32_t value) {
    if (offset < kPriorityEnd) {
        const auto source = (offset - kPriorities) / 4;
        if (source == 0 || source >= kSources) return;
        priorities_[source] = static_cast<std::uint8_t>(value & kHighestPriority);
        return update();
    }
    if (offset >= kContexts) {
        const auto index = (offset - kContexts) / kContextStride;
        if (index >= contexts_.size()) return;
        auto& context = contexts_[index];
        switch ((offset - kContexts) % kContextStride) {
            case kThreshold:
                context.threshold = value & kHighestPriority;
                return update();
            case kClaim:
                return complete(context, value);
            default:
                return;
        }
    }
    if (offset < kEnables) return;
    const auto index = (offset - kEnables) / kEnableStride;
    const auto at = (offset - kEnables) % kEnableStride;
    if (index >= contexts_.size() || at >= 8) return;
    auto& enabled = contexts_[index].enabled;
    enabled &= ~(std::uint64_t{0xFFFF'FFFF} << shift_of(at));
    enabled |= std::uint64_t{value} << shift_of(at);
    enabled &= ~bit(0);
    update();
}

void Plic::read(std::uint64_t offset, std::span<std::uint8_t> data) {
    if (data.size() != 4 || offset % 4 != 0) return store_little_endian(data, 0);
    const std::lock_guard lock(mutex_);
    store_little_endian(data, read_register(offset));
}

void Plic::write(std::uint64_t offset, std::span<const std::uint8_t> data) {
    if (data.size() != 4 || offset % 4 != 0) return;
    const std::lock_guard lock(mutex_);
    write_register(offset, static_cast<std::uint32_t>(load_little_endian(data)));
}

}  // namespace redoubt::vmmd
