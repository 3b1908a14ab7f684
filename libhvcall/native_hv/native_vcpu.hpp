// A vCPU of the Redoubt kernel.
#pragma once

#include <atomic>

#include "libhvcall/native_hv/resources.hpp"
#include "libhvcall/vcpu.hpp"

namespace redoubt::hvcall::native_hv {

class NativeVcpu final : public Vcpu {
  public:
    NativeVcpu(const NativeServices& services, Slot vm, unsigned index);
    ~NativeVcpu() override;

    RunResult run() override;
    void wait(HostTicks deadline) override;
    void kick() override;
    void get_state(abi::RegisterGroup groups) override;
    void set_identification(std::span<const std::byte> table) override;

  private:
    const NativeServices& services_;
    // Members are destroyed in reverse: first the mapping, then capabilities, last the memory.
    Untyped memory_;
    Slots slots_;  ///< the vCPU, its state page's frame, the signalling side of notification_
    Addresses page_;
    Slot notification_;
    std::atomic<bool> kicked_ = false;
    std::atomic<bool> waiting_ = false;
};

}  // namespace redoubt::hvcall::native_hv
