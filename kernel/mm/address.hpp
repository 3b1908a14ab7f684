// Addresses as distinct types, and the kernel's window on physical memory.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#if !__STDC_HOSTED__
#include "arch/direct_map.hpp"
#endif

namespace redoubt::kernel {

inline constexpr unsigned kPageBits = 12;
inline constexpr std::uint64_t kPageSize = 1ULL << kPageBits;
inline constexpr std::uint64_t kPageMask = kPageSize - 1;

/// An address of one kind; kinds do not mix. Arithmetic is in bytes.
template <class Tag>
class Address {
  public:
    constexpr Address() = default;
    constexpr explicit Address(std::uint64_t value) : value_{value} {}

    constexpr std::uint64_t value() const { return value_; }
    constexpr std::uint64_t page_offset() const { return value_ & kPageMask; }
    constexpr Address page_base() const { return Address{value_ & ~kPageMask}; }
    constexpr bool is_aligned(std::uint64_t power_of_two) const {
        return (value_ & (power_of_two - 1)) == 0;
    }
    constexpr Address align_up(std::uint64_t power_of_two) const {
        return Address{(value_ + power_of_two - 1) & ~(power_of_two - 1)};
    }

    constexpr Address operator+(std::uint64_t bytes) const { return Address{value_ + bytes}; }
    constexpr Address operator-(std::uint64_t bytes) const { return Address{value_ - bytes}; }
    constexpr std::uint64_t operator-(Address other) const { return value_ - other.value_; }
    constexpr Address& operator+=(std::uint64_t bytes) {
        value_ += bytes;
        return *this;
    }
    constexpr auto operator<=>(const Address&) const = default;

  private:
    std::uint64_t value_ = 0;
};

using PhysicalAddress = Address<struct PhysicalTag>;
using VirtualAddress = Address<struct VirtualTag>;
using GuestPhysicalAddress = Address<struct GuestPhysicalTag>;

#if __STDC_HOSTED__
/// Host tests: where emulated physical memory starts. 0 makes a host pointer its own physical
/// address.
inline std::uintptr_t direct_map_base = 0;
#endif

/// The kernel's own mapping of physical memory.
template <class T>
inline T* direct_map(PhysicalAddress address) {
    return reinterpret_cast<T*>(direct_map_base + address.value());
}

/// The inverse of direct_map; `pointer` must come from there.
inline PhysicalAddress direct_map_physical(const void* pointer) {
    return PhysicalAddress{reinterpret_cast<std::uintptr_t>(pointer) - direct_map_base};
}

}  // namespace redoubt::kernel
