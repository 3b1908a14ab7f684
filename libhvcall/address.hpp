// Addresses and sizes of a guest, as types that do not mix with the monitor's own pointers.
#pragma once

#include <compare>
#include <cstdint>

namespace redoubt::hvcall {

/// An address in a guest's physical address space.
class GuestPhysicalAddress {
  public:
    constexpr GuestPhysicalAddress() = default;
    constexpr explicit GuestPhysicalAddress(std::uint64_t value) : value_(value) {}

    constexpr std::uint64_t value() const { return value_; }
    constexpr std::uint64_t page_offset() const { return value_ & 0xFFF; }
    friend constexpr GuestPhysicalAddress operator+(GuestPhysicalAddress a, std::uint64_t bytes) {
        return GuestPhysicalAddress{a.value_ + bytes};
    }
    friend constexpr auto operator<=>(const GuestPhysicalAddress&,
                                      const GuestPhysicalAddress&) = default;

  private:
    std::uint64_t value_ = 0;
};

/// A value of the host counter that vCPU deadlines are given in (the TSC on x86-64).
struct HostTicks {
    std::uint64_t count = 0;
    friend constexpr auto operator<=>(const HostTicks&, const HostTicks&) = default;
};

}  // namespace redoubt::hvcall
