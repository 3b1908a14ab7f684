// Makes floating-point state from user space fit to be loaded by the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::kernel::hv {

/// The part of `wanted` that XSETBV accepts on a host with these features: x87 always, AVX only
/// with SSE, AVX-512 and MPX and AMX in full or not at all (APM vol. 2, 11.5.2).
std::uint64_t sanitized_xcr0(std::uint64_t wanted, std::uint64_t host_features);

/// Makes an area of `bytes` (FXSAVE format if host_features is 0, else XSAVE's standard one) one
/// that XRSTOR or FXRSTOR cannot fault on (APM vol. 4, XRSTOR): no unknown components, no
/// compaction, no reserved MXCSR bits.
void sanitize_fpu_area(void* area, std::uint64_t host_features);

}  // namespace redoubt::kernel::hv
