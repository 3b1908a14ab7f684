// Who is told when a vCPU stops for a debugger.
#pragma once

#include "vmmd/debug/gdb/target.hpp"

namespace redoubt::vmmd {

/// Told by vCPUs' threads.
class DebugListener {
  public:
    virtual ~DebugListener() = default;
    /// The vCPU will not enter the guest before it has been told to go on.
    virtual void vcpu_stopped(gdb::Stop stop) = 0;
};

}  // namespace redoubt::vmmd
