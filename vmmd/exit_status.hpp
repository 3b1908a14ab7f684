// Exit statuses of vmmd, which init passes on to whoever runs the machine, and of the monitors.
#pragma once

namespace redoubt::vmmd {

inline constexpr int kStatusClean = 0;        ///< every VM was powered off or stopped
inline constexpr int kStatusCannotStart = 2;  ///< a VM, or all of it: the configuration is wrong
inline constexpr int kStatusCrash = 3;        ///< a VM crashed

}  // namespace redoubt::vmmd
