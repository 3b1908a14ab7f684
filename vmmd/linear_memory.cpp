// Page by page through the guest's tables.
#include "vmmd/linear_memory.hpp"

#include <algorithm>

namespace redoubt::vmmd::isa {

namespace {
constexpr std::uint64_t kPageBytes = 4096;
}  // namespace

std::span<std::uint8_t> memory_at(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                                  std::uint64_t linear, std::size_t size) {
    if (!is_possible_address(state, linear)) return {};
    const auto physical = physical_address(state, memory, linear);
    if (!physical) return {};
    const auto in_page = std::min<std::uint64_t>(size, kPageBytes - linear % kPageBytes);
    return memory.at(hvcall::GuestPhysicalAddress{*physical}, in_page);
}

std::size_t inspect(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                    std::uint64_t linear, std::span<std::uint8_t> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto part = memory_at(state, memory, linear + done, into.size() - done);
        if (part.empty()) break;
        std::ranges::copy(part, into.begin() + static_cast<std::ptrdiff_t>(done));
        done += part.size();
    }
    return done;
}

}  // namespace redoubt::vmmd::isa
