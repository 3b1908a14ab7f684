// Sums of statistics.
#include "vmmd/vm_statistics.hpp"

#include <algorithm>

namespace redoubt::vmmd {

Counters sum(const std::vector<VcpuStatistics>& vcpus) {
    Counters result;
    for (const auto& vcpu : vcpus) {
        for (const auto& [name, count] : vcpu.exits) {
            const auto found = std::ranges::find(result, name, &Counters::value_type::first);
            if (found == result.end()) {
                result.emplace_back(name, count);
            } else {
                found->second += count;
            }
        }
    }
    return result;
}

}  // namespace redoubt::vmmd
