// Breakpoints that are instructions in the guest's memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "arch/breakpoint.hpp"

namespace redoubt::vmmd {

/// By guest-physical address: a breakpoint is there in every address space. Changed only while no
/// vCPU runs.
class SoftwareBreakpoints {
  public:
    static constexpr auto kInstruction = kBreakpointInstruction;
    static constexpr std::size_t kBytes = kInstruction.size();

    /// `bytes` is the memory at `physical`.
    void insert(std::uint64_t physical, std::span<std::uint8_t, kBytes> bytes);
    /// Puts back what was there, unless the guest has written something else meanwhile.
    void remove(std::uint64_t physical);
    void remove_all();
    bool empty() const { return inserted_.empty(); }
    bool contains(std::uint64_t physical) const {
        const auto found = inserted_.find(physical);
        return found != inserted_.end() && found->second.index == 0;
    }
    std::vector<std::uint64_t> addresses() const;

    /// Bytes read from `physical` on, as they would be without breakpoints.
    void hide(std::uint64_t physical, std::span<std::uint8_t> bytes) const;
    /// Writes memory, but for breakpoints, under which the new bytes go.
    void write_under(std::uint64_t physical, std::span<std::uint8_t> memory,
                     std::span<const std::uint8_t> bytes);

  private:
    /// A byte of a breakpoint.
    struct Inserted {
        std::uint8_t* byte;
        std::uint8_t original;
        std::size_t index;  ///< in kInstruction

        std::uint8_t instruction() const { return kInstruction[index]; }
    };
    std::map<std::uint64_t, Inserted> inserted_;
};

}  // namespace redoubt::vmmd
