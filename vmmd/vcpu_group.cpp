// The common end, parking and silence of a machine's vCPUs.
#include "vmmd/vcpu_group.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "vmmd/vcpu_loop.hpp"

namespace redoubt::vmmd {

namespace {
constexpr std::uint32_t bit(LoopEnd::Cause cause) { return 1U << static_cast<unsigned>(cause); }
}  // namespace

void VcpuGroup::call_everybody() {
    for (auto* loop : loops_) loop->call();
}

void VcpuGroup::end(LoopEnd::Cause cause) {
    {
        const std::scoped_lock lock(mutex_);
        ends_ |= bit(cause);
        let_time_pass();
        changed_.notify_all();
    }
    call_everybody();
}

void VcpuGroup::fail(unsigned vcpu, const std::string& reason) {
    crash(vcpu, size() == 1 ? reason : "vCPU " + std::to_string(vcpu) + ": " + reason);
}

void VcpuGroup::crash(unsigned vcpu, std::string reason) {
    {
        const std::scoped_lock lock(mutex_);
        // The first to fall is the one to tell about.
        if ((ends_ & bit(LoopEnd::Cause::Crash)) == 0) {
            reason_ = std::move(reason);
            crashed_vcpu_ = vcpu;
        }
    }
    end(LoopEnd::Cause::Crash);
}

bool VcpuGroup::hold(Holder holder) {
    bool parked = false;
    {
        const std::scoped_lock lock(mutex_);
        holders_ |= static_cast<std::uint32_t>(holder);
        if (holder == Holder::Debugger) stay_ = 0;
        note_if_all_parked();
        parked = parked_ == loops_.size();
    }
    call_everybody();
    return parked;
}

bool VcpuGroup::release(Holder holder, std::uint64_t stay) {
    const std::scoped_lock lock(mutex_);
    holders_ &= ~static_cast<std::uint32_t>(holder);
    if (holder == Holder::Debugger) stay_ = stay;
    if (holders_ == 0) {
        let_time_pass();
        changed_.notify_all();
    }
    return (holders_ & ~static_cast<std::uint32_t>(Holder::Look)) == 0;
}

bool VcpuGroup::all_parked() {
    const std::scoped_lock lock(mutex_);
    return parked_ == loops_.size();
}

void VcpuGroup::note_if_all_parked() {
    if (parked_ == loops_.size() && !stopped_since_) stopped_since_ = hypervisor_.ticks_now();
}

/// While everybody was parked there was no time for the guest.
void VcpuGroup::let_time_pass() {
    if (stopped_since_) clock_.skip_since(*stopped_since_);
    stopped_since_.reset();
}

bool VcpuGroup::attend(unsigned vcpu, const std::function<void()>& prepare) {
    std::unique_lock lock(mutex_);
    if (parks(vcpu)) {
        lock.unlock();
        prepare();
        lock.lock();
        ++parked_;
        note_if_all_parked();
        if (parked_ == loops_.size() && parked_hook_) {
            lock.unlock();
            parked_hook_();
            lock.lock();
        }
        changed_.wait(lock, [&] { return !parks(vcpu); });
        --parked_;
    }
    return ends_ != 0;
}

// A vCPU in silence that was sent something leaves it before it takes what was sent, and who sends
// does so before its own silence: one of the two is seen here.
bool VcpuGroup::begin_silence() {
    const std::scoped_lock lock(mutex_);
    ++silent_;
    return silent_ < loops_.size() || std::ranges::any_of(loops_, &VcpuLoop::has_signal);
}

void VcpuGroup::end_silence() {
    const std::scoped_lock lock(mutex_);
    --silent_;
}

void VcpuGroup::prepare_run() {
    for (auto* loop : loops_) loop->prepare_run();
}

LoopEnd VcpuGroup::take_end() {
    using enum LoopEnd::Cause;
    const std::scoped_lock lock(mutex_);
    const auto ends = std::exchange(ends_, 0);
    for (const auto cause : std::array{Destroyed, Crash, Requested, PowerOff}) {
        if ((ends & bit(cause)) == 0) continue;
        if (cause != Crash) return {cause, {}, 0};
        return {cause, std::exchange(reason_, {}), crashed_vcpu_};
    }
    return {Reset, {}, 0};
}

}  // namespace redoubt::vmmd
