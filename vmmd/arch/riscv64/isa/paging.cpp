// Sv39, Sv48 and Sv57.
#include "vmmd/arch/riscv64/isa/paging.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr unsigned kModeShift = 60;
constexpr std::uint64_t kBare = 0, kSv39 = 8, kSv57 = 10;
constexpr std::uint64_t kPageNumber = (std::uint64_t{1} << 44) - 1;
constexpr unsigned kPageBits = 12, kIndexBits = 9;
constexpr std::uint64_t kValid = 1, kLeaf = 2 | 4 | 8;

constexpr unsigned levels_of(std::uint64_t mode) { return static_cast<unsigned>(mode - kSv39 + 3); }
constexpr unsigned address_bits(std::uint64_t mode) {
    return kPageBits + levels_of(mode) * kIndexBits;
}

}  // namespace

bool is_canonical(const abi::VcpuState& state, std::uint64_t address) {
    const auto mode = state.vsatp >> kModeShift;
    if (mode < kSv39 || mode > kSv57) return true;
    const auto top = static_cast<std::int64_t>(address) >> (address_bits(mode) - 1);
    return top == 0 || top == -1;
}

std::optional<std::uint64_t> translate(const abi::VcpuState& state,
                                       const hvcall::GuestMemory& memory, std::uint64_t address,
                                       Evidence* evidence) {
    const auto mode = state.vsatp >> kModeShift;
    if (mode == kBare) return address;
    if (mode < kSv39 || mode > kSv57) return std::nullopt;
    if (!is_canonical(state, address)) return std::nullopt;
    auto table = (state.vsatp & kPageNumber) << kPageBits;
    for (unsigned level = levels_of(mode); level-- > 0;) {
        const unsigned shift = kPageBits + level * kIndexBits;
        const auto index = address >> shift & ((1U << kIndexBits) - 1);
        const auto where = table + 8 * index;
        const auto entry = memory.read<std::uint64_t>(hvcall::GuestPhysicalAddress{where});
        if (!entry || (*entry & kValid) == 0) return std::nullopt;
        if (evidence != nullptr) evidence->add(memory, where, *entry);
        const auto page = (*entry >> 10 & kPageNumber) << kPageBits;
        if ((*entry & kLeaf) == 0) {
            table = page;
            continue;
        }
        const auto offset = (std::uint64_t{1} << shift) - 1;
        if ((page & offset) != 0) return std::nullopt;  // a misaligned superpage
        return page | (address & offset);
    }
    return std::nullopt;
}

}  // namespace redoubt::vmmd::isa
