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
    // What was to be injected was delivered.
    s.inject = 0;
    ++runs_;
    while (!program_.script.empty()) {
        auto step = std::move(program_.script.front());
        program_.script.pop_front();
        step(s, memory_);
        if (!bells_->ring(s)) return RunResult::Exited;
        s.rip = s.exit.next_rip;
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

void ModelVcpu::set_cpuid(std::span<const abi::hv::CpuidEntry> entries) {
    if (entries.size() > abi::hv::kMaximumCpuidEntries)
        throw HypervisorError("cannot give a vCPU its CPUID table", abi::Error::TooLarge);
    cpuid_.assign(entries.begin(), entries.end());
}

bool Bells::ring(const abi::VcpuState& state) {
    constexpr auto kNotOutput = abi::PortIoDetail::kIn | abi::PortIoDetail::kString;
    const auto& exit = state.exit;
    if (exit.kind != abi::ExitKind::PortIo || (exit.detail & kNotOutput) != 0) return false;
    const unsigned size = exit.detail >> abi::PortIoDetail::kSizeShift;
    const auto value = state.gpr[abi::kRax] & ((std::uint64_t{1} << 8 * size) - 1);
    std::scoped_lock lock(mutex);
    for (Bell* bell : bound) {
        const auto& where = bell->where_;
        if (where.port != exit.info1 || (where.size != 0 && where.size != size) ||
            (where.match != 0 && where.value != value)) {
            continue;
        }
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

ModelVm::ModelVm(std::vector<Program> programs, std::uint64_t memory_limit)
    : programs_(std::move(programs)), memory_limit_(memory_limit) {}

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
    return std::make_unique<ModelVm>(programs_, memory_limit_);
}

HostTicks ModelHypervisor::ticks_now() const { return {steady_nanoseconds()}; }

std::uint64_t ModelHypervisor::real_time_seconds() const {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

namespace exits {

namespace {
void exit_with(abi::VcpuState& state, abi::ExitKind kind, unsigned length) {
    state.exit = {};
    state.exit.kind = kind;
    state.exit.next_rip = state.rip + length;
}
}  // namespace

Step halt() {
    return [](abi::VcpuState& s, const GuestMemory&) { exit_with(s, abi::ExitKind::Halt, 1); };
}
Step shutdown() {
    return [](abi::VcpuState& s, const GuestMemory&) { exit_with(s, abi::ExitKind::Shutdown, 0); };
}
Step port_out(std::uint16_t port, unsigned size, std::uint32_t value) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::PortIo, 1);
        s.gpr[abi::kRax] = value;
        s.exit.info1 = port;
        s.exit.detail = size << abi::PortIoDetail::kSizeShift;
    };
}
Step port_in(std::uint16_t port, unsigned size) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::PortIo, 1);
        s.exit.info1 = port;
        s.exit.detail = size << abi::PortIoDetail::kSizeShift | abi::PortIoDetail::kIn;
    };
}
Step cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Cpuid, 2);
        s.gpr[abi::kRax] = leaf;
        s.gpr[abi::kRcx] = subleaf;
    };
}
Step read_msr(std::uint32_t number) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Msr, 2);
        s.gpr[abi::kRcx] = number;
    };
}
Step write_msr(std::uint32_t number, std::uint64_t value) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Msr, 2);
        s.exit.detail = 1;
        s.gpr[abi::kRcx] = number;
        s.gpr[abi::kRax] = value & 0xFFFF'FFFF;
        s.gpr[abi::kRdx] = value >> 32;
    };
}
Step mmio(GuestPhysicalAddress address, bool write) {
    return [=](abi::VcpuState& s, const GuestMemory&) {
        exit_with(s, abi::ExitKind::Mmio, 0);
        s.exit.next_rip = 0;
        s.exit.info1 = address.value();
        s.exit.detail = write ? abi::MmioDetail::kWrite : 0;
    };
}

}  // namespace exits

}  // namespace redoubt::hvcall::model
