// The scripted provider.
#include "libhvcall/model/model_hypervisor.hpp"

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "libhvcall/error.hpp"

namespace redoubt::hvcall::model {

namespace {

std::uint64_t steady_nanoseconds() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

abi::VcpuState* allocate_page() {
    auto* memory = std::aligned_alloc(4096, 4096);
    if (memory == nullptr) throw std::bad_alloc();
    return new (memory) abi::VcpuState{};
}

}  // namespace

ModelVcpu::ModelVcpu(const GuestMemory& memory, std::shared_ptr<WakeUp> wake_up, Program program,
                     std::shared_ptr<Bells> bells)
    : Vcpu(nullptr),
      memory_(memory),
      page_(allocate_page()),
      program_(std::move(program)),
      wake_up_(std::move(wake_up)),
      bells_(std::move(bells)) {
    set_state(page_.get());
}

RunResult ModelVcpu::run() {
    auto& s = state();
    {
        std::scoped_lock lock(wake_up_->mutex);
        if (wake_up_->destroyed) return RunResult::Destroyed;
        s.exit = {};
        if (std::exchange(wake_up_->kicked, false) || (s.control & abi::kExitAtOnce) != 0) {
            s.exit.kind = abi::ExitKind::Interrupted;
            return RunResult::Exited;
        }
    }
    s.dirty = 0;
    take_events(s);
    ++runs_;
    while (!program_.script.empty()) {
        auto step = std::move(program_.script.front());
        program_.script.pop_front();
        step(s, memory_);
        if (!bells_->ring(s)) return RunResult::Exited;
        skip_instruction(s);
    }
    if (program_.forever) {
        program_.forever(s, memory_);
        return RunResult::Exited;
    }
    // As a guest in an endless loop: only a kick, the deadline or the VM's end gets it out.
    std::unique_lock lock(wake_up_->mutex);
    const auto now = steady_nanoseconds();
    const auto sleep =
        s.deadline > now ? std::min<std::uint64_t>(s.deadline - now, 3'600'000'000'000) : 0;
    std::atomic_ref(s.guest_ticks).fetch_sub(now);
    const bool woken = wake_up_->changed.wait_for(lock, std::chrono::nanoseconds(sleep), [&] {
        return wake_up_->kicked || wake_up_->destroyed;
    });
    std::atomic_ref(s.guest_ticks).fetch_add(steady_nanoseconds());
    if (wake_up_->destroyed) return RunResult::Destroyed;
    wake_up_->kicked = false;
    s.exit.kind = woken ? abi::ExitKind::Interrupted : abi::ExitKind::Deadline;
    return RunResult::Exited;
}

void ModelVcpu::wait(HostTicks deadline) {
    std::unique_lock lock(wake_up_->mutex);
    const auto now = steady_nanoseconds();
    const auto sleep =
        deadline.count > now ? std::min<std::uint64_t>(deadline.count - now, 3'600'000'000'000) : 0;
    wake_up_->changed.wait_for(lock, std::chrono::nanoseconds(sleep),
                               [&] { return wake_up_->kicked || wake_up_->destroyed; });
    wake_up_->kicked = false;
}

void ModelVcpu::kick() {
    std::scoped_lock lock(wake_up_->mutex);
    wake_up_->kicked = true;
    wake_up_->changed.notify_all();
}

// The page is the vCPU's only state, so every group is always valid.
void ModelVcpu::get_state(abi::RegisterGroup) {}

void ModelVcpu::set_identification(std::span<const std::byte> table) {
    identification_.assign(table.begin(), table.end());
}

bool Bells::ring(const abi::VcpuState& state) {
    std::scoped_lock lock(mutex);
    for (Bell* bell : bound) {
        if (!rings(bell->where_, state)) continue;
        bell->rung_ = true;
        bell->changed_.notify_all();
        return true;
    }
    return false;
}

Bell::Bell(std::shared_ptr<Bells> bells, const abi::hv::Doorbell& where)
    : bells_(std::move(bells)), where_(where) {
    std::scoped_lock lock(bells_->mutex);
    if (bells_->bound.size() == abi::hv::kMaximumDoorbells)
        throw HypervisorError("cannot bind a doorbell", abi::Error::NoMemory);
    for (const Bell* other : bells_->bound) {
        if (std::memcmp(&other->where_, &where_, sizeof where_) == 0)
            throw HypervisorError("cannot bind a doorbell", abi::Error::Exists);
    }
    bells_->bound.push_back(this);
}

Bell::~Bell() {
    std::scoped_lock lock(bells_->mutex);
    std::erase(bells_->bound, this);
}

bool Bell::wait(HostTicks deadline) {
    std::unique_lock lock(bells_->mutex);
    const auto now = steady_nanoseconds();
    if (deadline.count > now) {
        const auto sleep = std::min<std::uint64_t>(deadline.count - now, 3'600'000'000'000);
        changed_.wait_for(lock, std::chrono::nanoseconds(sleep), [&] { return rung_; });
    }
    return std::exchange(rung_, false);
}

ModelVm::ModelVm(std::vector<Program> programs, std::uint64_t memory_limit,
                 std::shared_ptr<ProtectHook> hook)
    : programs_(std::move(programs)), memory_limit_(memory_limit), hook_(std::move(hook)) {}

ModelVm::~ModelVm() {
    for (const auto& [address, size] : blocks_) munmap(address, size);
}

void ModelVm::add_memory(GuestPhysicalAddress base, std::uint64_t bytes) {
    if (memory_.total_bytes() + bytes > memory_limit_) {
        throw HypervisorError("cannot get guest memory", abi::Error::NoMemory);
    }
    auto* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) {
        throw HypervisorError("cannot get guest memory", abi::Error::NoMemory);
    }
    blocks_.emplace_back(block, bytes);
    memory_.add(base, {static_cast<std::uint8_t*>(block), bytes});
}

std::unique_ptr<Vcpu> ModelVm::create_vcpu(unsigned index) {
    auto wake_up = std::make_shared<WakeUp>();
    {
        std::scoped_lock lock(mutex_);
        wake_up->destroyed = destroyed_;
        wake_ups_.push_back(wake_up);
    }
    return std::make_unique<ModelVcpu>(
        memory_, wake_up, index < programs_.size() ? programs_[index] : Program{}, bells_);
}

std::unique_ptr<Doorbell> ModelVm::bind_doorbell(const abi::hv::Doorbell& where) {
    return std::make_unique<Bell>(bells_, where);
}

void ModelVm::destroy() {
    std::scoped_lock lock(mutex_);
    destroyed_ = true;
    for (const auto& wake_up : wake_ups_) {
        std::scoped_lock inner(wake_up->mutex);
        wake_up->destroyed = true;
        wake_up->changed.notify_all();
    }
}

ModelHypervisor::ModelHypervisor(std::deque<Step> script, Step forever)
    : programs_{{std::move(script), std::move(forever)}} {}

void ModelHypervisor::set_program(unsigned vcpu, Program program) {
    if (programs_.size() <= vcpu) programs_.resize(vcpu + 1);
    programs_[vcpu] = std::move(program);
}

std::unique_ptr<Vm> ModelHypervisor::create_vm(std::uint64_t) {
    return std::make_unique<ModelVm>(programs_, memory_limit_, protect_hook_);
}

HostTicks ModelHypervisor::ticks_now() const { return {steady_nanoseconds()}; }

std::uint64_t ModelHypervisor::real_time_seconds() const {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace redoubt::hvcall::model
