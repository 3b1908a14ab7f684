// PortIo, where the processor has no I/O ports.
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

/// There never is a capability for any.
abi::Error syscall_port_io(Thread&, UserContext&) { return abi::Error::InvalidCapability; }

}  // namespace redoubt::kernel
