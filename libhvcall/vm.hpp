// A virtual machine: guest memory and virtual processors.
#pragma once

#include <cstdint>
#include <memory>

#include "libhvcall/doorbell.hpp"
#include "libhvcall/guest_memory.hpp"
#include "libhvcall/vcpu.hpp"

namespace redoubt::hvcall {

/// Memory that the kernel has for a VM: the objects, page tables, vCPUs.
struct KernelMemory {
    std::uint64_t given = 0;  ///< bytes, when the VM and its vCPUs were made
    std::uint64_t used = 0;   ///< of those
};

/// Destruction ends the VM in any state and gives everything back. vCPUs must be destroyed before
/// it.
class Vm {
  public:
    virtual ~Vm() = default;

    /// Gives the guest zeroed memory at `base`; both are multiples of 2 MiB. Throws HypervisorError
    /// (NoMemory) and then has changed nothing that destruction does not give back.
    virtual void add_memory(GuestPhysicalAddress base, std::uint64_t bytes) = 0;
    /// What the guest may do with the 4 KiB around `page` from now on, in any thread; any other
    /// access ends a run with ExitKind::Mmio. Throws HypervisorError: NotSupported (Access::Fetch,
    /// where a page cannot be executable alone), NoMemory (too many differ from the pages around
    /// them), InvalidArgument (no memory of the guest).
    enum class Access { All, NoWrite, Fetch };
    virtual void protect(GuestPhysicalAddress page, Access access) = 0;
    virtual std::unique_ptr<Vcpu> create_vcpu(unsigned index) = 0;
    /// The guest's matching OUTs ring from now on instead of ending a run. Throws HypervisorError:
    /// Exists, NoMemory (abi::hv::kMaximumDoorbells), InvalidArgument.
    virtual std::unique_ptr<Doorbell> bind_doorbell(const abi::hv::Doorbell& where) = 0;
    /// Ends the VM from any thread: a run in progress gives RunResult::Destroyed.
    virtual void destroy() = 0;
    /// From any thread.
    virtual KernelMemory kernel_memory() const = 0;

    const GuestMemory& memory() const { return memory_; }

  protected:
    GuestMemory memory_;
};

}  // namespace redoubt::hvcall
