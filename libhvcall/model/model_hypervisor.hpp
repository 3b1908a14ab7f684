// The scripted provider: VMs whose vCPUs do what a test tells them. No processor feature needed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "libhvcall/hypervisor.hpp"

namespace redoubt::hvcall::model {

/// What a model vCPU does in one run: change registers and memory as guest code would, then say in
/// state.exit why it ended. The architecture's exits.hpp has the usual ones.
using Step = std::function<void(abi::VcpuState& state, const GuestMemory& memory)>;

/// What one vCPU does: the script, then `forever` without end. With neither it loops, as a guest
/// without exits.
struct Program {
    std::deque<Step> script;
    Step forever;
};

// -- of the architecture's exits.cpp
/// Whether the exit is output to a doorbell at `where`.
bool rings(const abi::hv::Doorbell& where, const abi::VcpuState& state);
/// What is to be injected reaches the guest.
void take_events(abi::VcpuState& state);
/// Goes on after the exit's instruction.
void skip_instruction(abi::VcpuState& state);

/// What wakes a model vCPU; outlives it, so that its VM can be ended from any thread at any time.
struct WakeUp {
    std::mutex mutex;
    std::condition_variable changed;
    bool kicked = false;
    bool destroyed = false;
};

/// The doorbells bound in a model VM.
class Bell;
struct Bells {
    std::mutex mutex;
    std::vector<Bell*> bound;

    /// True if the exit is output to one, which is rung then.
    bool ring(const abi::VcpuState& state);
};
class Bell final : public Doorbell {
  public:
    /// Throws HypervisorError as Vm::bind_doorbell does.
    Bell(std::shared_ptr<Bells> bells, const abi::hv::Doorbell& where);
    ~Bell() override;
    bool wait(HostTicks deadline) override;

  private:
    friend Bells;
    std::shared_ptr<Bells> bells_;
    abi::hv::Doorbell where_;
    std::condition_variable changed_;
    bool rung_ = false;
};

class ModelVcpu final : public Vcpu {
  public:
    ModelVcpu(const GuestMemory& memory, std::shared_ptr<WakeUp> wake_up, Program program,
              std::shared_ptr<Bells> bells = std::make_shared<Bells>());

    RunResult run() override;
    void wait(HostTicks deadline) override;
    void kick() override;
    void get_state(abi::RegisterGroup groups) override;
    void set_identification(std::span<const std::byte> table) override;

    /// The table last given. Scripts exit for CPUID whatever it holds.
    const std::vector<std::byte>& identification() const { return identification_; }
    /// Runs so far that reached the guest.
    unsigned runs() const { return runs_; }

  private:
    struct PageDeleter {
        void operator()(abi::VcpuState* page) const { std::free(page); }
    };

    const GuestMemory& memory_;
    std::unique_ptr<abi::VcpuState, PageDeleter> page_;
    Program program_;
    std::atomic<unsigned> runs_ = 0;
    std::shared_ptr<WakeUp> wake_up_;
    std::shared_ptr<Bells> bells_;
    std::vector<std::byte> identification_;
};

class ModelVm final : public Vm {
  public:
    using ProtectHook = std::function<void(GuestPhysicalAddress page, Access access)>;

    ModelVm(std::vector<Program> programs, std::uint64_t memory_limit,
            std::shared_ptr<ProtectHook> hook = std::make_shared<ProtectHook>());
    ~ModelVm() override;

    void add_memory(GuestPhysicalAddress base, std::uint64_t bytes) override;
    /// Scripts access what they like; the hook can tell them.
    void protect(GuestPhysicalAddress page, Access access) override {
        if (*hook_) (*hook_)(page, access);
    }
    std::unique_ptr<Vcpu> create_vcpu(unsigned index) override;
    std::unique_ptr<Doorbell> bind_doorbell(const abi::hv::Doorbell& where) override;
    void destroy() override;
    KernelMemory kernel_memory() const override { return {}; }

  private:
    std::vector<Program> programs_;  ///< by vCPU
    std::uint64_t memory_limit_;
    std::shared_ptr<ProtectHook> hook_;
    std::vector<std::pair<void*, std::size_t>> blocks_;
    std::vector<std::shared_ptr<WakeUp>> wake_ups_;
    std::shared_ptr<Bells> bells_ = std::make_shared<Bells>();
    std::mutex mutex_;
    bool destroyed_ = false;
};

/// Ticks are nanoseconds. Every VM's first vCPU does the same, and so do the others, if anything.
class ModelHypervisor final : public Hypervisor {
  public:
    explicit ModelHypervisor(std::deque<Step> script = {}, Step forever = {});

    std::string capabilities() override { return "backend: model (scripted)\n"; }
    std::unique_ptr<Vm> create_vm(std::uint64_t memory_bytes) override;
    std::uint64_t ticks_per_second() const override { return 1'000'000'000; }
    HostTicks ticks_now() const override;
    std::uint64_t real_time_seconds() const override;
    std::uint64_t available_memory() const override { return memory_limit_; }
    std::uint64_t used_memory() const override { return 0; }

    /// What a vCPU beyond the first does, of VMs made from now on.
    void set_program(unsigned vcpu, Program program);
    /// Of Vm::protect(), in whatever thread that is. Set before any VM runs.
    void set_protect_hook(ModelVm::ProtectHook hook) { *protect_hook_ = std::move(hook); }
    void set_memory_limit(std::uint64_t bytes) { memory_limit_ = bytes; }

  private:
    std::vector<Program> programs_;
    std::uint64_t memory_limit_ = std::uint64_t{1} << 34;
    std::shared_ptr<ModelVm::ProtectHook> protect_hook_ = std::make_shared<ModelVm::ProtectHook>();
};

}  // namespace redoubt::hvcall::model
