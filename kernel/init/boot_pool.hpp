// Memory for what is made before there is any Untyped: taken from the end of the largest free
// range.
#pragma once

#include <cstdint>

#include "arch/boot.hpp"
#include "kernel/panic.hpp"

namespace redoubt::kernel {

class BootPool {
  public:
    /// The range gets shorter with every allocation.
    explicit BootPool(PhysicalRange& range) : range_{&range} {}

    PhysicalAddress allocate_zeroed(std::uint64_t bytes, std::uint64_t alignment = kPageSize) {
        bytes = (bytes + kPageMask) & ~kPageMask;
        if (bytes + alignment > range_->bytes) panic("not enough memory to start init");
        const PhysicalAddress block{(range_->end().value() - bytes) & ~(alignment - 1)};
        range_->bytes = block - range_->start;
        __builtin_memset(direct_map<void>(block), 0, bytes);
        return block;
    }

  private:
    PhysicalRange* range_;
};

}  // namespace redoubt::kernel
