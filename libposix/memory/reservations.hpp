// Mappings that begin as addresses only (PROT_NONE): the stacks of threads, and areas that grow in
// place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libposix/memory/address_ranges.hpp"
#include "libposix/memory/frames.hpp"

namespace redoubt::posix {

/// mprotect gives such a mapping memory, piece by piece; what never got any, as the guard page of a
/// stack, faults. Memory that was given stays until it is unmapped. Not thread-safe: its owner
/// locks.
class Reservations {
  public:
    constexpr Reservations(Frames& frames, AddressRanges& addresses)
        : frames_(frames), addresses_(addresses) {}

    /// Takes addresses; 0 if there are none. What follows a first guard page is aligned for large
    /// frames.
    std::uintptr_t reserve(std::size_t pages);

    /// True if the range lies within one reservation.
    bool contains(std::uintptr_t address, std::size_t bytes) const {
        return find(address, bytes) != nullptr;
    }

    /// Makes the range usable; false if the memory does not suffice.
    bool commit(std::uintptr_t address, std::size_t bytes);
    /// What the range has of memory reads as zero afterwards.
    void clear(std::uintptr_t address, std::size_t bytes);
    /// Takes back the frames that lie in the range, and the addresses if it is the reservation's
    /// begin or end.
    void unmap(std::uintptr_t address, std::size_t bytes);

    /// Frames in use, by all reservations.
    std::size_t frame_count() const;

  private:
    struct Piece {
        MappedFrame frame;
        Piece* next = nullptr;
    };
    struct Region {
        std::uintptr_t begin, end;
        Piece* pieces = nullptr;  ///< sorted by address
        Region* next = nullptr;
    };

    Region* find(std::uintptr_t address, std::size_t bytes) const;

    Frames& frames_;
    AddressRanges& addresses_;
    Region* regions_ = nullptr;
};

}  // namespace redoubt::posix
