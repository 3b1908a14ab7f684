// Fetching and decoding.
#include "vmmd/arch/riscv64/isa/access_cache.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>

#include "vmmd/arch/riscv64/isa/paging.hpp"

namespace redoubt::vmmd::isa {

namespace {
constexpr std::size_t kPageBytes = 4096, kLongest = 4, kParcel = 2;
}  // namespace

const MemoryAccess* AccessCache::learn(Entry& entry, const abi::VcpuState& state,
                                       const hvcall::GuestMemory& memory) {
    std::array<std::uint8_t, kLongest> bytes{};
    std::size_t size = 0;
    std::optional<std::uint64_t> address;
    const auto fetch = [&](std::uint64_t pc, std::size_t count, Evidence* evidence) {
        address = translate(state, memory, pc, evidence);
        if (!address) return;
        const auto code = memory.at(hvcall::GuestPhysicalAddress{*address}, count);
        std::ranges::copy(code, bytes.begin() + static_cast<std::ptrdiff_t>(size));
        size += code.size();
    };
    const auto in_page = std::min(kLongest, kPageBytes - state.pc % kPageBytes);
    entry.evidence.begin();
    fetch(state.pc, in_page, &entry.evidence);
    const auto first = address;
    if (in_page == kParcel && size == kParcel) fetch(state.pc + kParcel, kParcel, nullptr);

    const auto instruction = std::bit_cast<std::uint32_t>(bytes);
    const std::size_t length = instruction_length(instruction);
    const auto access = size >= length ? decode_memory_access(instruction) : std::nullopt;
    if (!access) {
        entry.evidence.give_up();
        return nullptr;
    }
    if (length > in_page) {
        entry.evidence.give_up();  // rests on a second translation
    } else {
        entry.evidence.add(memory, *first, std::span(bytes).first(length));
    }
    entry.pc = state.pc;
    entry.vsatp = state.vsatp;
    entry.access = *access;
    return &entry.access;
}

}  // namespace redoubt::vmmd::isa
