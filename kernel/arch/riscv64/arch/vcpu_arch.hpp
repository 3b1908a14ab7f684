// What a vCPU has on this architecture, whatever the backend.
#pragma once

namespace redoubt::kernel {

struct VcpuArch {};

}  // namespace redoubt::kernel
