// The device tree that tells a riscv64 guest what its machine has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace redoubt::vmmd {

struct MachineTree {
    unsigned vcpus = 1;
    std::uint64_t memory_bytes = 0;
    std::uint64_t timebase_hz = 0;
    bool has_sstc = false;
    bool has_vectors = false;
    std::string cmdline;
    std::uint64_t initrd = 0;  ///< guest-physical address
    std::uint64_t initrd_bytes = 0;
    std::span<const std::uint8_t> random_seed = {};  ///< empty: there is none
};

std::vector<std::uint8_t> make_device_tree(const MachineTree& machine);

}  // namespace redoubt::vmmd
