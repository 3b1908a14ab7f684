// Test memory below 4 GiB, where loaders and firmware put what the boot loader reads.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

#include "kernel/mm/address.hpp"

namespace redoubt::boot::test {

/// Host pointers are physical addresses here (direct_map_base is 0).
class LowMemory {
  public:
    LowMemory() {
        void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no memory below 4 GiB");
        bytes_ = static_cast<std::uint8_t*>(memory);
    }
    LowMemory(const LowMemory&) = delete;
    LowMemory& operator=(const LowMemory&) = delete;
    ~LowMemory() { munmap(bytes_, kBytes); }

    /// Copies `size` bytes to the next place, aligned to 16.
    kernel::PhysicalAddress put(const void* data, std::size_t size) {
        used_ = (used_ + 15) & ~std::size_t{15};
        if (size != 0) std::memcpy(bytes_ + used_, data, size);
        const kernel::PhysicalAddress address = kernel::direct_map_physical(bytes_ + used_);
        used_ += size;
        return address;
    }
    template <class T>
    kernel::PhysicalAddress put(std::span<const T> items) {
        return put(items.data(), items.size_bytes());
    }

  private:
    static constexpr std::size_t kBytes = 1 << 20;
    std::uint8_t* bytes_;
    std::size_t used_ = 0;
};

}  // namespace redoubt::boot::test
