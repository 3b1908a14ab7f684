// Boot-time memory: frames for the kernel's own tables, taken in order and never given back.
#pragma once

#include "arch/boot.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel {

class BootAllocator final : public FrameAllocator {
  public:
    constexpr explicit BootAllocator(PhysicalRange source)
        : start_{source.start}, next_{source.start}, end_{source.end()} {}

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

    PhysicalRange used() const { return {start_, next_ - start_}; }

  private:
    PhysicalAddress start_, next_, end_;
};

/// Picks where the boot allocator works: the largest usable piece that is free and that every
/// processor can be started with.
PhysicalRange find_boot_memory(const BootInformation& information);

/// Reads what the loader left at `address`; `passed` is the number it told beside.
void boot_information_initialize(BootInformation& information, std::uint64_t passed,
                                 PhysicalAddress address);
/// Fills free_memory and device_memory when everything the kernel takes is known.
void boot_information_finish(BootInformation& information);

}  // namespace redoubt::kernel
