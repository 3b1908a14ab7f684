// The way to the hypervisor: what it can do, its clock, and new VMs. Providers: native_hv
// (Redoubt's kernel) and model (scripted, for tests); shaped so that Linux's /dev/kvm fits as well.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "libhvcall/vm.hpp"

namespace redoubt::hvcall {

class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    /// A few lines of text: backend, revision, features.
    virtual std::string capabilities() = 0;
    /// `memory_bytes` is what will be added to it, so that its page tables find room.
    virtual std::unique_ptr<Vm> create_vm(std::uint64_t memory_bytes) = 0;
    /// The counter of HostTicks: its rate, and now. Guest TSC = host ticks + tsc_offset.
    virtual std::uint64_t ticks_per_second() const = 0;
    virtual HostTicks ticks_now() const = 0;
    /// Seconds since 1970.
    virtual std::uint64_t real_time_seconds() const = 0;
    /// Bytes that could be given to guests now, at most; an estimate for messages.
    virtual std::uint64_t available_memory() const = 0;
    /// Bytes that this process has in use, with its guests' memory; 0 if nobody counts them.
    virtual std::uint64_t used_memory() const = 0;
};

}  // namespace redoubt::hvcall
