// What a configuration may ask for on this architecture.
#pragma once

#include <cstddef>

namespace redoubt::vmmd {

inline constexpr const char* kArchitecture = "riscv64";
/// The same in QMP (SysEmuTarget).
inline constexpr const char* kQmpTarget = "riscv64";
/// Linux's COMMAND_LINE_SIZE there, less the NUL.
inline constexpr std::size_t kMaximumCmdline = 1023;

}  // namespace redoubt::vmmd
