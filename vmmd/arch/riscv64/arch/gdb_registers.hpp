// The registers gdb sees of a vCPU, by their numbers in the protocol.
#pragma once

#include <cstddef>

namespace redoubt::vmmd::gdb {

/// Numbers of the protocol; x0 to x31 are the first.
enum RegisterNumber : unsigned {
    kX0,
    kPc = 32,
    kF0,
    kFcsr = kF0 + 32,
    kSstatus,
    kSie,
    kStvec,
    kSscratch,
    kSepc,
    kScause,
    kStval,
    kSatp,
    kPrivilege,
    kRegisterCount
};

inline constexpr unsigned kProgramCounterNumber = kPc;

constexpr std::size_t register_bytes(unsigned number) { return number == kFcsr ? 4 : 8; }

}  // namespace redoubt::vmmd::gdb
