// Memory that devices may reach.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schemes/libscheme/process.hpp"

namespace redoubt::chan {

/// One physically contiguous, zeroed piece of memory from which buffers and rings are taken.
class DmaArena {
  public:
    struct Piece {
        std::byte* data;
        std::uint64_t physical;
    };

    DmaArena(scheme::Process& process, unsigned size_bits);
    Piece allocate(std::size_t bytes, std::size_t alignment);

  private:
    std::byte* base_;
    std::uint64_t physical_;
    std::size_t size_;
    std::size_t used_ = 0;
};

}  // namespace redoubt::chan
