// A virtual processor: who runs it, its state page, and its life.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/object.hpp"
#include "abi/x86_64/vcpu_state.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/object/object.hpp"

namespace redoubt::kernel {

struct Thread;
struct Vm;

/// Base of the backends' vCPU types. Its memory: the object, the control block, the state page, the
/// FPU area; one page each.
struct Vcpu : ObjectHeader {
    Vcpu(PhysicalAddress memory, Vm& owner, unsigned vcpu_index);

    static constexpr std::uint64_t kControlBlockOffset = 1 * kPageSize;
    static constexpr std::uint64_t kStatePageOffset = 2 * kPageSize;
    static constexpr std::uint64_t kFpuAreaOffset = 3 * kPageSize;

    PhysicalAddress memory;
    Vm* vm;                ///< nullptr once the VM has ended
    Vcpu* next = nullptr;  ///< of the same VM
    abi::VcpuState* state;
    void* fpu_area;
    Thread* runner = nullptr;  ///< whose run is in progress
    std::uint32_t index;
    bool kicked = false;
    bool entered = false;  ///< the run in progress has taken its values from the state page
    bool ever_ran = false;
    std::uint64_t deadline = abi::kNever;  ///< of the run in progress
    std::uint64_t xcr0 = 1;
    static constexpr std::size_t kExitKinds = 16;
    std::uint64_t exits[kExitKinds] = {};  ///< by ExitKind, ends of runs
    std::uint64_t runs = 0;                ///< their sum
    std::uint64_t exits_in_kernel = 0;
    std::uint64_t guest_ticks = 0;
};

namespace hv {

enum class VcpuState { Stopped, Running, Waiting, Exited };
/// Stopped: never ran. Running: in a run. Waiting: in a run whose thread was preempted. Exited:
/// between runs.
VcpuState vcpu_state(const Vcpu& vcpu);
const char* name_of(VcpuState state);

inline std::uint64_t exit_count(const Vcpu& vcpu) { return vcpu.runs + vcpu.exits_in_kernel; }
const char* name_of(abi::ExitKind kind);

/// The FPU group of the state page into the area that guests run with, sanitized.
void load_fpu(Vcpu& vcpu);

Vcpu* find_vcpu(const Vm& vm, std::uint32_t index);
/// The VM ends: a run in progress returns Cancelled, and no further one can begin.
void vcpu_detach(Vcpu& vcpu);

}  // namespace hv
}  // namespace redoubt::kernel
