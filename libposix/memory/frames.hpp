// Frames of the process's own, made from its Untyped and mapped readable and writable.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/startup.hpp"
#include "libhvcall/native/untyped_allocator.hpp"

namespace redoubt::posix {

inline constexpr unsigned kLargestFrameBits = 21;

struct MappedFrame {
    std::uintptr_t address = 0;
    native::Slot untyped = 0;
    native::Slot frame = 0;  ///< 0: there is none
    unsigned size_bits = 0;

    std::uintptr_t end() const { return address + (std::uintptr_t{1} << size_bits); }
};

/// Not thread-safe: its owner locks.
class Frames {
  public:
    constexpr Frames(native::SlotAllocator& slots, native::UntypedAllocator& untyped)
        : slots_(slots), untyped_(untyped) {}

    /// A zeroed frame of 2^size_bits bytes at an address with that alignment.
    MappedFrame map(std::uintptr_t address, unsigned size_bits) {
        const native::Slot untyped = untyped_.allocate(size_bits);
        if (untyped == 0) return {};
        const native::Slot frame = slots_.allocate();
        constexpr auto kSpace = static_cast<native::Slot>(abi::StartupSlot::AddressSpace);
        constexpr auto kFlags = abi::MapFlags::Read | abi::MapFlags::Write;
        if (frame != 0) {
            if (native::ok(native::retype(untyped, abi::ObjectType::Frame, size_bits, frame)) &&
                native::ok(native::map(frame, kSpace, address, kFlags))) {
                return {address, untyped, frame, size_bits};
            }
            // Also deletes the frame.
            untyped_.release(untyped);
            slots_.free(frame);
            return {};
        }
        untyped_.release(untyped);
        return {};
    }

    /// Maps the largest frame at `address` that alignment, `limit` and the memory there is permit.
    MappedFrame map_largest(std::uintptr_t address, std::uintptr_t limit) {
        unsigned bits = kLargestFrameBits;
        while (bits > abi::kPageBits &&
               ((address & ((std::uintptr_t{1} << bits) - 1)) != 0 ||
                limit - address < std::uintptr_t{1} << bits || bits > untyped_.largest_free())) {
            --bits;
        }
        return map(address, bits);
    }

    void unmap(const MappedFrame& frame) {
        untyped_.release(frame.untyped);
        slots_.free(frame.frame);
    }

    unsigned largest_free() const { return untyped_.largest_free(); }

  private:
    native::SlotAllocator& slots_;
    native::UntypedAllocator& untyped_;
};

}  // namespace redoubt::posix
