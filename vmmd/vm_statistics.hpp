// What a VM has done and has, in numbers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "vmmd/clock.hpp"

namespace redoubt::vmmd {

/// Names and numbers in the order in which they are to be shown.
using Counters = std::vector<std::pair<std::string, std::uint64_t>>;

/// Where a vCPU's time went. Together: the time since it was started, on the host's clock.
struct VcpuTimes {
    Nanoseconds guest;    ///< between entries and exits, as the kernel measures it
    Nanoseconds kernel;   ///< run calls, less that: entries, exits, waiting for a processor
    Nanoseconds monitor;  ///< handling exits, timers and interrupts
    Nanoseconds waiting;  ///< halted, or not started yet by the guest
    Nanoseconds paused;
};

struct VcpuStatistics {
    VcpuTimes times;
    Counters exits;  ///< to the monitor, by kind
    std::uint64_t exits_in_kernel = 0;
    std::vector<std::pair<std::uint8_t, std::uint64_t>> interrupts;  ///< injected, by vector
    std::uint64_t nmis = 0;
    std::uint64_t exceptions = 0;  ///< that the monitor raised
};

/// In bytes.
struct MemoryStatistics {
    std::uint64_t guest = 0;         ///< its RAM
    std::uint64_t kernel = 0;        ///< given to the kernel for the VM and its vCPUs
    std::uint64_t kernel_used = 0;   ///< of those
    std::uint64_t monitor = 0;       ///< what else the monitor's process has; 0: unknown
    std::uint64_t monitor_heap = 0;  ///< of those, allocated by the program
};

/// vm-stats.
struct VmStatistics {
    std::chrono::milliseconds run_time{};
    Counters exits;  ///< of all vCPUs, by kind
    std::vector<VcpuStatistics> vcpus;
    MemoryStatistics memory;
};

/// The sums of what the parts have, in the order of first appearance.
Counters sum(const std::vector<VcpuStatistics>& vcpus);

}  // namespace redoubt::vmmd
