// What init has to give: capability slots, memory, and the small objects it keeps for itself.
#pragma once

#include <cstdint>
#include <span>

#include "abi/startup.hpp"
#include "libhvcall/native/slot_allocator.hpp"
#include "libhvcall/native/untyped_allocator.hpp"
#include "schemes/init/shared_frames.hpp"

namespace redoubt::init {

class Resources {
  public:
    void initialize(const abi::BootInfo& boot);

    native::SlotAllocator& slots() { return slots_; }
    native::UntypedAllocator& memory() { return memory_; }
    SharedFrames& shared_frames() { return shared_frames_; }
    const abi::BootInfo& boot() const { return *boot_; }
    std::span<const abi::UntypedDescription> untypeds() const {
        return {boot_->untyped, boot_->untyped_count};
    }

    /// An Endpoint, Notification or Reply that init keeps; 0 if there is no memory.
    native::Slot make_object(abi::ObjectType type);
    /// Any object of init's own, `size_bits` as in retype.
    native::Slot make_own(abi::ObjectType type, unsigned size_bits);

  private:
    const abi::BootInfo* boot_ = nullptr;
    native::SlotAllocator slots_;
    native::UntypedAllocator memory_{slots_};
    SharedFrames shared_frames_;
    native::Slot own_untyped_ = 0;
};

/// Smallest n with 2^n >= bytes, at least that of a page.
constexpr unsigned bits_for(std::uint64_t bytes) {
    unsigned bits = abi::kPageBits;
    while ((std::uint64_t{1} << bits) < bytes) {
        ++bits;
    }
    return bits;
}

}  // namespace redoubt::init
