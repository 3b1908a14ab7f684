// The hypervisor core as the rest of the kernel sees it. No backend type appears here.
#pragma once

#include <cstdint>

#include "abi/error.hpp"
#include "abi/ipc.hpp"
#include "kernel/cap/capability.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

struct Thread;
struct Vm;    // kernel/hv/vm.hpp; derives from SpaceObject
struct Vcpu;  // kernel/hv/vcpu.hpp; derives from ObjectHeader

}  // namespace redoubt::kernel

namespace redoubt::kernel::hv {

// ---- boot

/// Detects what the boot processor offers and chooses the backend; no effect if there is none.
void initialize();
/// Turns the chosen backend on for the processor it runs on; initialize() did it for the boot
/// processor.
void initialize_processor();
bool available();
/// For the boot log: "svm revision 1, 16 ASIDs, …", or why there is none.
const char* summary();

// ---- ends of objects: called once the last capability is gone

/// False if the budget did not suffice.
bool vm_end_some(Vm& vm, Budget& budget, DyingObjects& dying);
void vcpu_destroy(Vcpu& vcpu);

// ---- guest-physical memory: SyscallNumber::Map and Unmap with a Vm capability

/// Errors: InvalidArgument, AlreadyMapped, NoMemory (the Vm's pool), InvalidState (the VM was
/// destroyed).
Result<void> vm_map_frame(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame,
                          std::uint64_t bytes, PageFlags flags);
/// Only for what vm_map_frame mapped: it cannot fail then.
void vm_unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes);
/// After translations of the VM went or lost rights: nobody uses them any more.
void vm_flush(Vm& vm);

// ---- running guests

/// Begins a run of `vcpu` by the current thread, and ends it too if nothing comes between. When it
/// is still in progress on return, thread.vcpu is set, and resume_guest() continues it.
/// The result is the system call's.
/// Errors: InvalidState (a run of it is in progress), Cancelled (its VM was destroyed).
abi::Error vcpu_run(Thread& thread, Vcpu& vcpu);

/// Runs the guest of the current thread, whose thread.vcpu is set. On return either the run is
/// over: thread.vcpu is null, the status register set. Or a host interrupt was handled: choose a
/// thread, and call again when it is this one's turn.
void resume_guest(Thread& thread);

/// Host counter value at which the run of `vcpu` ends by itself; the timer must fire by then.
std::uint64_t run_deadline(const Vcpu& vcpu);

/// For a thread that is destroyed during a run: the vCPU is free for another.
void abandon_run(Thread& thread);

/// SyscallNumber::VcpuControl. Errors: InvalidArgument, InvalidState (GetState during a run).
Result<void> vcpu_control(Vcpu& vcpu, std::uint64_t operation, std::uint64_t groups);

// ---- the hv: scheme: SyscallNumber::Call on an HvFile, Vm or Vcpu capability

struct Request {
    abi::MessageInfo info;
    std::uint64_t mr[abi::kRegisterWords];
    abi::IpcBuffer*
        buffer;  ///< the caller's; its words carry the rest of the message, and of the reply
    Capability* sent[abi::kMaximumCapabilities];  ///< info.capabilities() of them, none empty
    DyingObjects* dying;                          ///< for what loses its last capability
    Capability* receive;  ///< an empty slot for the reply's capability, or nullptr
    bool again;           ///< set if somebody else should run first: there is no reply yet
};

/// Answers a scheme message at once. Fills request.mr with the reply's words; the result is its
/// info, whose label is an abi::Error and whose capabilities() tells if `receive` was filled.
abi::MessageInfo call(Capability& target, Request& request);

}  // namespace redoubt::kernel::hv
