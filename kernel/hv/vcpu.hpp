// A virtual processor: who runs it, its state page, and its life.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "abi/error.hpp"
#include "abi/object.hpp"
#include "abi/vcpu_state.hpp"
#include "arch/vcpu_arch.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/object/object.hpp"

namespace redoubt::kernel {

struct Thread;
struct Vm;

/// What the monitor asks for in the state page beside register values, read in one go: four 32-bit
/// words that seldom change from run to run.
struct Requests {
    std::uint64_t control_and_dirty, exceptions_and_interruptibility;

    static Requests of(const abi::VcpuState& state) {
        Requests requests;
        const void* words = __builtin_assume_aligned(&state.control, 8);
        __builtin_memcpy(&requests.control_and_dirty, words, 8);
        __builtin_memcpy(&requests.exceptions_and_interruptibility,
                         static_cast<const std::byte*>(words) + 8, 8);
        return requests;
    }
    std::uint32_t control() const { return static_cast<std::uint32_t>(control_and_dirty); }
    std::uint32_t dirty() const { return static_cast<std::uint32_t>(control_and_dirty >> 32); }
    std::uint32_t exception_exits() const {
        return static_cast<std::uint32_t>(exceptions_and_interruptibility);
    }
    std::uint32_t interruptibility() const {
        return static_cast<std::uint32_t>(exceptions_and_interruptibility >> 32);
    }
    void set_interruptibility(std::uint32_t value) {
        exceptions_and_interruptibility = exception_exits() | static_cast<std::uint64_t>(value)
                                                                  << 32;
    }
    /// Differs from everything in a state page whose `dirty` was taken.
    void forget() { control_and_dirty = ~0ULL; }
    bool operator==(const Requests&) const = default;
};
static_assert(sizeof(Requests) == 16 && offsetof(abi::VcpuState, dirty) == 20 &&
              offsetof(abi::VcpuState, exception_exits) == 24 &&
              offsetof(abi::VcpuState, interruptibility) == 28);

/// Base of the backends' vCPU types. Its memory: the object, the control block, the state page, the
/// FPU area; one page each, so that the others are found without looking.
struct Vcpu : ObjectHeader, VcpuArch {
    Vcpu(PhysicalAddress memory, Vm& owner, unsigned vcpu_index);

    static constexpr std::uint64_t kControlBlockOffset = 1 * kPageSize;
    static constexpr std::uint64_t kStatePageOffset = 2 * kPageSize;
    static constexpr std::uint64_t kFpuAreaOffset = 3 * kPageSize;

    abi::VcpuState& state() const;

    PhysicalAddress memory;
    Vm* vm;                     ///< nullptr once the VM has ended
    Vcpu* next_vcpu = nullptr;  ///< of the same VM
    void* fpu_area;
    Thread* runner = nullptr;  ///< whose run is in progress
    std::uint32_t index;
    std::atomic<bool> kicked = false;
    bool entered = false;  ///< the run in progress has taken its values from the state page
    bool ever_ran = false;
    std::uint64_t deadline = abi::kNever;  ///< of the run in progress
    Requests seen{~0ULL, 0};               ///< what the backend has acted upon
    static constexpr std::size_t kExitKinds = 16;
    std::uint64_t exits[kExitKinds] = {};  ///< by ExitKind, ends of runs
    std::uint64_t exits_in_kernel = 0;
};

/// Its memory, as far as the state page. A member's address costs nothing; that of a page behind
/// the object would be computed, and kept on the stack during a world switch.
struct VcpuMemory {
    std::byte object[Vcpu::kControlBlockOffset];
    std::byte control_block[Vcpu::kStatePageOffset - Vcpu::kControlBlockOffset];
    abi::VcpuState state;
};
static_assert(offsetof(VcpuMemory, state) == Vcpu::kStatePageOffset);

inline abi::VcpuState& Vcpu::state() const {
    return reinterpret_cast<VcpuMemory*>(const_cast<Vcpu*>(this))->state;
}

namespace hv {

/// stopped: never ran. running: in a run. waiting: in a run whose thread was preempted. exited:
/// between runs.
const char* vcpu_state(const Vcpu& vcpu);

std::uint64_t exit_count(const Vcpu& vcpu);

/// VcpuCall::SetIdentification.
abi::Error set_identification(Vcpu& vcpu, std::span<const std::byte> table);

Vcpu* find_vcpu(const Vm& vm, std::uint32_t index);
/// The VM ends: a run in progress returns Cancelled, and no further one can begin.
void vcpu_detach(Vcpu& vcpu);

}  // namespace hv
}  // namespace redoubt::kernel
