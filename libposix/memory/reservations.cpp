// See reservations.hpp.
#include "libposix/memory/reservations.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "libposix/memory/page_arena.hpp"

namespace redoubt::posix {

std::uintptr_t Reservations::reserve(std::size_t pages) {
    if (pages > (std::size_t{1} << 36) / kPageSize) return 0;
    const std::size_t bytes = pages * kPageSize;
    const std::size_t alignment =
        std::min(std::bit_floor(bytes), std::size_t{1} << kLargestFrameBits);
    const std::uintptr_t room = addresses_.reserve(bytes + alignment, alignment);
    if (room == 0) return 0;
    const std::uintptr_t begin = room + alignment - kPageSize;
    auto* region = new (std::nothrow) Region{begin, begin + bytes};
    if (region == nullptr) {
        addresses_.release(room, room + bytes + alignment);
        return 0;
    }
    addresses_.release(room, begin);
    addresses_.release(begin + bytes, room + bytes + alignment);
    region->next = regions_;
    regions_ = region;
    return begin;
}

Reservations::Region* Reservations::find(std::uintptr_t address, std::size_t bytes) const {
    for (Region* at = regions_; at != nullptr; at = at->next) {
        if (address >= at->begin && address < at->end && bytes <= at->end - address) return at;
    }
    return nullptr;
}

bool Reservations::commit(std::uintptr_t address, std::size_t bytes) {
    Region* region = find(address, bytes);
    if (region == nullptr) return false;
    const std::uintptr_t end = address + bytes;
    Piece** link = &region->pieces;
    while (address < end) {
        while (*link != nullptr && (*link)->frame.end() <= address) link = &(*link)->next;
        Piece* const next = *link;
        if (next != nullptr && next->frame.address <= address) {
            address = next->frame.end();
            continue;
        }
        const std::uintptr_t limit = next != nullptr ? std::min(end, next->frame.address) : end;
        auto* piece = new (std::nothrow) Piece;
        if (piece == nullptr) return false;
        piece->frame = frames_.map_largest(address, limit);
        if (piece->frame.frame == 0) {
            delete piece;
            return false;
        }
        piece->next = next;
        *link = piece;
        address = piece->frame.end();
    }
    return true;
}

void Reservations::clear(std::uintptr_t address, std::size_t bytes) {
    const Region* region = find(address, bytes);
    if (region == nullptr) return;
    for (const Piece* at = region->pieces; at != nullptr; at = at->next) {
        const std::uintptr_t from = std::max(address, at->frame.address);
        const std::uintptr_t to = std::min(address + bytes, at->frame.end());
        if (from < to) __builtin_memset(reinterpret_cast<void*>(from), 0, to - from);
    }
}

void Reservations::unmap(std::uintptr_t address, std::size_t bytes) {
    Region* region = find(address, bytes);
    if (region == nullptr) return;
    const std::uintptr_t end = address + bytes;
    for (Piece** link = &region->pieces; *link != nullptr;) {
        Piece* piece = *link;
        if (piece->frame.address < address || piece->frame.end() > end) {
            link = &piece->next;
            continue;
        }
        *link = piece->next;
        frames_.unmap(piece->frame);
        delete piece;
    }
    if (address == region->begin && end == region->end) {
        addresses_.release(region->begin, region->end);
        for (Region** link = &regions_; *link != nullptr; link = &(*link)->next) {
            if (*link != region) continue;
            *link = region->next;
            break;
        }
        delete region;
        return;
    }
    // A frame across the cut keeps its addresses.
    std::uintptr_t first = region->end;
    std::uintptr_t last = region->begin;
    for (const Piece* at = region->pieces; at != nullptr; at = at->next) {
        first = std::min(first, at->frame.address);
        last = std::max(last, at->frame.end());
    }
    if (address == region->begin) {
        const std::uintptr_t cut = std::min(end, first);
        addresses_.release(region->begin, cut);
        region->begin = cut;
    } else if (end == region->end) {
        const std::uintptr_t cut = std::max(address, last);
        addresses_.release(cut, region->end);
        region->end = cut;
    }
}

std::size_t Reservations::frame_count() const {
    std::size_t count = 0;
    for (const Region* region = regions_; region != nullptr; region = region->next) {
        for (const Piece* at = region->pieces; at != nullptr; at = at->next) ++count;
    }
    return count;
}

}  // namespace redoubt::posix
