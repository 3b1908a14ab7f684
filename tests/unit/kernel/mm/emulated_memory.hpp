// Physical memory for host tests: a block of host frames (a host pointer is its own physical
// address).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "kernel/mm/address.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel::test {

class EmulatedMemory {
  public:
    explicit EmulatedMemory(std::size_t frames)
        : block_{static_cast<std::uint8_t*>(std::aligned_alloc(kPageSize, frames * kPageSize))} {
        std::memset(block_.get(), 0, frames * kPageSize);
    }

    PhysicalAddress frame(std::size_t index) const {
        return direct_map_physical(block_.get() + index * kPageSize);
    }

  private:
    struct Free {
        void operator()(std::uint8_t* pointer) const { std::free(pointer); }
    };
    std::unique_ptr<std::uint8_t, Free> block_;
};

}  // namespace redoubt::kernel::test
