// Hart states, and who waits for whom at a fence.
#include "vmmd/arch/riscv64/cpu/harts.hpp"

#include <utility>

namespace redoubt::vmmd {

void Hart::connect(std::function<void()> kick, std::function<void()> start) {
    kick_ = std::move(kick);
    start_hook_ = std::move(start);
}

void Hart::reset(bool started) {
    ipi_ = 0;
    external_ = false;
    fence_ = 0;
    timer_.reset();
    state_ = started ? HartState::Started : HartState::Stopped;
}

void Hart::send_ipi() {
    ipi_ = 1;
    kick_();
}

void Hart::set_external(bool level) {
    external_.store(level, std::memory_order_release);
    if (level) kick_();
}

bool Hart::start(Start at) {
    {
        const std::scoped_lock lock(start_mutex_);
        if (state_ != HartState::Stopped) return false;
        start_ = at;
        state_ = HartState::StartPending;
    }
    start_hook_();
    return true;
}

Hart::Start Hart::begin() {
    const std::scoped_lock lock(start_mutex_);
    state_ = HartState::Started;
    return start_;
}

// Whoever enters counts first and looks for a fence then, and here it is the other way round: one
// of the two sees the other. Likewise for who leaves and who waits. Nobody who waits is in the
// guest, so two harts do not wait for each other.
void Hart::fence() {
    fence_ = 1;
    const auto entries = entries_.load();
    if (entries % 2 == 0) return;
    kick_();
    ++waiters_;
    entries_.wait(entries);
    --waiters_;
}

}  // namespace redoubt::vmmd
