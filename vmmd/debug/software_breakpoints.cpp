// Breakpoint instructions in guest memory.
#include "vmmd/debug/software_breakpoints.hpp"

namespace redoubt::vmmd {

void SoftwareBreakpoints::insert(std::uint64_t physical, std::span<std::uint8_t, kBytes> bytes) {
    for (std::size_t i = 0; i < kBytes; ++i) {
        // Two can overlap only if one of them is no instruction's beginning.
        if (inserted_.contains(physical + i)) return;
    }
    for (std::size_t i = 0; i < kBytes; ++i) {
        inserted_.try_emplace(physical + i, Inserted{&bytes[i], bytes[i], i});
        bytes[i] = kInstruction[i];
    }
}

void SoftwareBreakpoints::remove(std::uint64_t physical) {
    if (!contains(physical)) return;
    for (std::size_t i = 0; i < kBytes; ++i) {
        const auto found = inserted_.find(physical + i);
        const auto& inserted = found->second;
        if (*inserted.byte == inserted.instruction()) *inserted.byte = inserted.original;
        inserted_.erase(found);
    }
}

void SoftwareBreakpoints::remove_all() {
    while (!inserted_.empty()) remove(inserted_.begin()->first);
}

std::vector<std::uint64_t> SoftwareBreakpoints::addresses() const {
    std::vector<std::uint64_t> result;
    for (const auto& [physical, inserted] : inserted_) {
        if (inserted.index == 0) result.push_back(physical);
    }
    return result;
}

void SoftwareBreakpoints::hide(std::uint64_t physical, std::span<std::uint8_t> bytes) const {
    for (auto at = inserted_.lower_bound(physical); at != inserted_.end(); ++at) {
        const auto offset = at->first - physical;
        if (offset >= bytes.size()) return;
        if (bytes[offset] == at->second.instruction()) bytes[offset] = at->second.original;
    }
}

void SoftwareBreakpoints::write_under(std::uint64_t physical, std::span<std::uint8_t> memory,
                                      std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto found = inserted_.find(physical + i);
        if (found == inserted_.end()) {
            memory[i] = bytes[i];
        } else {
            found->second.original = bytes[i];
            memory[i] = found->second.instruction();
        }
    }
}

}  // namespace redoubt::vmmd
