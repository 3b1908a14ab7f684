// INT3 in guest memory.
#include "vmmd/debug/software_breakpoints.hpp"

namespace redoubt::vmmd {

void SoftwareBreakpoints::insert(std::uint64_t physical, std::span<std::uint8_t, 1> byte) {
    if (!inserted_.try_emplace(physical, Inserted{byte.data(), byte[0]}).second) return;
    byte[0] = kInstruction;
}

void SoftwareBreakpoints::remove(std::uint64_t physical) {
    const auto found = inserted_.find(physical);
    if (found == inserted_.end()) return;
    if (*found->second.byte == kInstruction) *found->second.byte = found->second.original;
    inserted_.erase(found);
}

void SoftwareBreakpoints::remove_all() {
    while (!inserted_.empty()) remove(inserted_.begin()->first);
}

std::vector<std::uint64_t> SoftwareBreakpoints::addresses() const {
    std::vector<std::uint64_t> result;
    for (const auto& [physical, inserted] : inserted_) result.push_back(physical);
    return result;
}

void SoftwareBreakpoints::hide(std::uint64_t physical, std::span<std::uint8_t> bytes) const {
    for (auto at = inserted_.lower_bound(physical); at != inserted_.end(); ++at) {
        const auto offset = at->first - physical;
        if (offset >= bytes.size()) return;
        if (bytes[offset] == kInstruction) bytes[offset] = at->second.original;
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
            memory[i] = kInstruction;
        }
    }
}

}  // namespace redoubt::vmmd
