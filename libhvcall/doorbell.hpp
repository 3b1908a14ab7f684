// A port of a VM whose writing only tells somebody, without an exit: abi/hv.hpp says which writes.
#pragma once

#include "abi/hv.hpp"
#include "libhvcall/address.hpp"

namespace redoubt::hvcall {

/// Bound until its destruction, which must come before the VM's.
class Doorbell {
  public:
    virtual ~Doorbell() = default;

    /// Waits until it is rung or `deadline` has passed; {0} only looks. True if it was rung since
    /// the last time.
    virtual bool wait(HostTicks deadline) = 0;
};

}  // namespace redoubt::hvcall
