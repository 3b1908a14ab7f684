// Page by page through the guest's tables.
#include "arch/linear_memory.hpp"

#include <algorithm>

#include "arch/paging.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr std::uint64_t kPageBytes = 4096;

bool is_canonical(std::uint64_t linear) {
    const auto top = static_cast<std::int64_t>(linear) >> 47;
    return top == 0 || top == -1;
}

}  // namespace

std::span<std::uint8_t> memory_at(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                                  std::uint64_t linear, std::size_t size) {
    if (in_64bit_mode(state) && !is_canonical(linear)) return {};
    const auto physical = translate(state, memory, linear, Access::Inspect);
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

std::uint64_t linear_rip(const abi::VcpuState& state) {
    return in_64bit_mode(state) ? state.rip : (state.cs_base + state.rip) & 0xFFFF'FFFF;
}

}  // namespace redoubt::vmmd::isa
