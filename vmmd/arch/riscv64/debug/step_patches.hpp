// The temporary breakpoints that single steps end at: a vCPU's own, but in memory that all of them
// execute.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>

#include "arch/breakpoint.hpp"

namespace redoubt::vmmd {

class StepPatches {
  public:
    static constexpr std::size_t kBytes = kBreakpointInstruction.size();

    /// `bytes` is the memory at guest-physical `address`. Several vCPUs may want the same.
    void insert(std::uint64_t address, std::span<std::uint8_t, kBytes> bytes) {
        const std::scoped_lock lock(mutex_);
        auto& patch = patches_[address];
        if (patch.users++ != 0) return;
        patch.bytes = bytes.data();
        for (std::size_t i = 0; i < kBytes; ++i) {
            patch.original[i] = bytes[i];
            bytes[i] = kBreakpointInstruction[i];
        }
    }
    void remove(std::uint64_t address) {
        const std::scoped_lock lock(mutex_);
        const auto found = patches_.find(address);
        if (found == patches_.end() || --found->second.users != 0) return;
        for (std::size_t i = 0; i < kBytes; ++i) found->second.bytes[i] = found->second.original[i];
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
