// The registers gdb sees of a vCPU, by their numbers in the protocol.
#pragma once

#include <cstddef>

namespace redoubt::vmmd::gdb {

/// Numbers of the protocol. gdb wants those from Rax to Fop in this order.
enum RegisterNumber : unsigned {
    kRax,
    kRbx,
    kRcx,
    kRdx,
    kRsi,
    kRdi,
    kRbp,
    kRsp,
    kR8,
    kR9,
    kR10,
    kR11,
    kR12,
    kR13,
    kR14,
    kR15,
    kRip,
    kEflags,
    kCs,
    kSs,
    kDs,
    kEs,
    kFs,
    kGs,
    kSt0,
    kFctrl = kSt0 + 8,
    kFstat,
    kFtag,
    kFiseg,
    kFioff,
    kFoseg,
    kFooff,
    kFop,
    kXmm0,
    kMxcsr = kXmm0 + 16,
    kFsBase,
    kGsBase,
    kKernelGsBase,
    kCr0,
    kCr2,
    kCr3,
    kCr4,
    kCr8,
    kEfer,
    kRegisterCount
};

inline constexpr unsigned kProgramCounterNumber = kRip;

constexpr std::size_t register_bytes(unsigned number) {
    if (number < kEflags) return 8;
    if (number < kSt0) return 4;
    if (number < kFctrl) return 10;
    if (number < kXmm0) return 4;
    if (number < kMxcsr) return 16;
    return number == kMxcsr ? 4 : 8;
}
}  // namespace redoubt::vmmd::gdb
