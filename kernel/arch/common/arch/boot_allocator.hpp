// Boot-time memory: frames for the kernel's own tables, taken in order and never given back.
#pragma once

#include "arch/boot.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel {

class BootAllocator final : public FrameAllocator {
  public:
    constexpr explicit BootAllocator(PhysicalRange source)
        : next_{source.start}, end_{source.end()} {}

    Result<PhysicalAddress> allocate_zeroed() override { return allocate_zeroed(kPageSize); }
    /// `bytes` are a multiple of the page size.
    Result<PhysicalAddress> allocate_zeroed(std::uint64_t bytes) {
        if (bytes > end_ - next_) return abi::Error::NoMemory;
        const PhysicalAddress block = next_;
        next_ += bytes;
        __builtin_memset(direct_map<void>(block), 0, bytes);
        return block;
    }
    /// Only a mapper that rolls back frees; boot panics then anyway.
    void free(PhysicalAddress) override {}
    std::size_t free_count() const override { return (end_ - next_) / kPageSize; }

    /// What it has left.
    PhysicalRange rest() const { return {next_, end_ - next_}; }

  private:
    PhysicalAddress next_, end_;
};

}  // namespace redoubt::kernel
