// A guest's memory as its monitor sees it: ranges of guest-physical addresses backed by host
// memory.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "libhvcall/address.hpp"

namespace redoubt::hvcall {

/// Every accessor checks bounds: an address or length from the guest can be passed as it is.
/// Nothing spans two regions. Ranges are added before any vCPU runs and stay until the VM is
/// destroyed, so reading them needs no lock.
class GuestMemory {
  public:
    struct Region {
        GuestPhysicalAddress base;
        std::span<std::uint8_t> host;
    };

    /// Regions must not overlap, nor end beyond 2^64.
    void add(GuestPhysicalAddress base, std::span<std::uint8_t> host) {
        regions_.push_back({base, host});
        total_ += host.size();
    }
    void clear() {
        regions_.clear();
        total_ = 0;
    }

    std::span<const Region> regions() const { return regions_; }
    std::uint64_t total_bytes() const { return total_; }

    /// The host bytes behind [address, address + size), or an empty span if not all of it is
    /// memory.
    std::span<std::uint8_t> at(GuestPhysicalAddress address, std::size_t size) const {
        for (const auto& region : regions_) {
            const auto offset = address.value() - region.base.value();
            if (offset < region.host.size() && size <= region.host.size() - offset) {
                return region.host.subspan(offset, size);
            }
        }
        return {};
    }

    template <class T>
        requires std::is_trivially_copyable_v<T>
    std::optional<T> read(GuestPhysicalAddress address) const {
        const auto bytes = at(address, sizeof(T));
        if (bytes.empty()) return std::nullopt;
        T value;
        std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }

    /// False if the range is not memory.
    template <class T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] bool write(GuestPhysicalAddress address, const T& value) const {
        const auto bytes = at(address, sizeof(T));
        if (bytes.empty()) return false;
        std::memcpy(bytes.data(), &value, sizeof value);
        return true;
    }

    [[nodiscard]] bool copy_in(GuestPhysicalAddress address,
                               std::span<const std::uint8_t> source) const {
        if (source.empty()) return true;
        const auto bytes = at(address, source.size());
        if (bytes.empty()) return false;
        std::memcpy(bytes.data(), source.data(), source.size());
        return true;
    }

  private:
    std::vector<Region> regions_;
    std::uint64_t total_ = 0;
};

}  // namespace redoubt::hvcall
