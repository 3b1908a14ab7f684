// What a backend must provide: a concept, and the table made from it that is chosen once at boot.
#pragma once

#include <concepts>
#include <cstdint>

#include "kernel/hv/caps.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/result.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel::hv {

/// Why enter() came back.
enum class Entered {
    ToMonitor,      ///< state->exit is filled
    Resume,         ///< the kernel dealt with it; enter again
    HostInterrupt,  ///< a host interrupt is pending
    MemoryFault,    ///< as ToMonitor, unless is_spurious()
    Doorbell,       ///< as ToMonitor, unless ring_doorbell()
};

template <class B>
concept HypervisorBackend =
    requires(Vm& vm, Vcpu& vcpu, Capabilities& capabilities, PhysicalAddress frame,
             GuestPhysicalAddress address, PageFlags flags, std::uint64_t bytes,
             std::uint32_t groups, unsigned index, const Requests& requests) {
        { B::kRootPages } -> std::convertible_to<unsigned>;
        /// Where stores can be doorbells: a bit for each abi::hv::StoreSpace.
        { B::kDoorbellSpaces } -> std::convertible_to<unsigned>;
        /// False, with capabilities.reason, if this processor cannot.
        { B::detect(capabilities) } -> std::same_as<bool>;
        { B::enable_processor() } -> std::same_as<void>;
        /// How many levels tables have that suffice for so many bits of guest-physical address; 0:
        /// there are no such.
        { B::table_levels(index) } -> std::same_as<unsigned>;
        { B::map(vm, address, frame, bytes, flags) } -> std::same_as<Result<void>>;
        { B::unmap(vm, address, bytes) } -> std::same_as<void>;
        /// Other rights for a page of a frame of so many bytes that map() mapped. Errors:
        /// NotSupported; NoMemory (the Vm's pool, or abi::hv::kMaximumSplitPages).
        { B::protect(vm, address, flags, bytes) } -> std::same_as<Result<void>>;
        /// Constructs a vCPU in zeroed memory of abi::kVcpuBits, in the processor's reset state.
        { B::create_vcpu(frame, vm, index) } -> std::same_as<Vcpu*>;
        /// The registers that are always taken from the state page into the control block, at the
        /// beginning of a run.
        { B::load(vcpu) } -> std::same_as<void>;
        /// Afterwards, if they are not vcpu.seen: acts upon the requests and remembers them there.
        { B::act_upon(vcpu, requests) } -> std::same_as<void>;
        /// Takes state->inject, which is not 0. False, with state->exit filled, if it cannot be.
        { B::take_event(vcpu) } -> std::same_as<bool>;
        /// One world switch.
        { B::enter(vcpu) } -> std::same_as<Entered>;
        /// The access that enter() came back from with MemoryFault is permitted: memory was mapped
        /// since the processor cached its absence. With the kernel lock.
        { B::is_spurious(vcpu) } -> std::same_as<bool>;
        /// The access that enter() came back from with Doorbell rang a doorbell, and the guest is
        /// behind its instruction. With the kernel lock.
        { B::ring_doorbell(vcpu) } -> std::same_as<bool>;
        /// The fields that are always valid after an exit, at the end of a run.
        { B::store(vcpu) } -> std::same_as<void>;
        /// The register groups named.
        { B::store_groups(vcpu, groups) } -> std::same_as<void>;
    };

struct Backend {
    unsigned root_pages;
    unsigned doorbell_spaces;
    bool (*detect)(Capabilities&);
    void (*enable_processor)();
    unsigned (*table_levels)(unsigned);
    Result<void> (*map)(Vm&, GuestPhysicalAddress, PhysicalAddress, std::uint64_t, PageFlags);
    void (*unmap)(Vm&, GuestPhysicalAddress, std::uint64_t);
    Result<void> (*protect)(Vm&, GuestPhysicalAddress, PageFlags, std::uint64_t);
    Vcpu* (*create_vcpu)(PhysicalAddress, Vm&, unsigned);
    void (*resume)(Thread&);
    void (*resume_alone)(Thread&);  ///< where there is one processor, without the kernel lock
    void (*store)(Vcpu&);
    void (*store_groups)(Vcpu&, std::uint32_t);
};

template <HypervisorBackend B, Processors kProcessors>
class Run;  // kernel/hv/run_loop.hpp

template <HypervisorBackend B>
constexpr Backend make_backend() {
    return {B::kRootPages,
            B::kDoorbellSpaces,
            B::detect,
            B::enable_processor,
            B::table_levels,
            B::map,
            B::unmap,
            B::protect,
            B::create_vcpu,
            Run<B, Processors::Several>::resume,
            Run<B, Processors::One>::resume,
            B::store,
            B::store_groups};
}

/// The chosen backend, or nullptr. Set by initialize().
extern const Backend* backend;
const Capabilities& capabilities();

}  // namespace redoubt::kernel::hv
