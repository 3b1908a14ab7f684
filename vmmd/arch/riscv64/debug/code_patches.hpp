// The breakpoint instructions of single steps and of what is a hardware breakpoint elsewhere: each
// a vCPU's own and there only while it is in the guest, but in memory that all of them execute.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <span>

#include "arch/breakpoint.hpp"

namespace redoubt::vmmd {

class CodePatches {
  public:
    static constexpr std::size_t kBytes = kBreakpointInstruction.size();

    /// `bytes` is the memory at guest-physical `address`. Several vCPUs may want the same.
    void insert(std::uint64_t address, std::span<std::uint8_t, kBytes> bytes) {
        const std::scoped_lock lock(mutex_);
        auto& patch = patches_[address];
        if (patch.users++ != 0) return;
        patch.bytes = bytes.data();
        std::memcpy(patch.original, bytes.data(), kBytes);
        std::memcpy(bytes.data(), kBreakpointInstruction.data(), kBytes);
    }
    /// Puts back what was there, unless the guest has written something else meanwhile.
    void remove(std::uint64_t address) {
        const std::scoped_lock lock(mutex_);
        const auto found = patches_.find(address);
        if (found == patches_.end() || --found->second.users != 0) return;
        auto& patch = found->second;
        if (std::memcmp(patch.bytes, kBreakpointInstruction.data(), kBytes) == 0)
            std::memcpy(patch.bytes, patch.original, kBytes);
        patches_.erase(found);
    }
    bool contains(std::uint64_t address) const {
        const std::scoped_lock lock(mutex_);
        return patches_.contains(address);
    }

  private:
    struct Patch {
        std::uint8_t* bytes = nullptr;
        std::uint8_t original[kBytes] = {};
        unsigned users = 0;
    };
    mutable std::mutex mutex_;
    std::map<std::uint64_t, Patch> patches_;
};

}  // namespace redoubt::vmmd
