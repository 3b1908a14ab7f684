// RAII over what a native VM is made of: slots, Untyped blocks, addresses, mapped frames.
#pragma once

#include <bit>
#include <string_view>
#include <utility>

#include "libhvcall/error.hpp"
#include "libhvcall/native/ipc.hpp"
#include "libposix/native_services.hpp"

namespace redoubt::hvcall::native_hv {

using posix::NativeServices;
using Slot = abi::CapabilityIndex;

inline void require(abi::Error error, std::string_view what) {
    if (error != abi::Error::Ok) throw HypervisorError(what, error);
}

/// Empty slots. Deletes whatever is in them at the end.
class Slots {
  public:
    Slots() = default;
    Slots(const NativeServices& services, std::uint32_t count)
        : services_(&services), first_(services.allocate_slots(count)), count_(count) {
        if (first_ == 0) {
            throw HypervisorError("no free capability slots", abi::Error::NoMemory);
        }
    }
    Slots(Slots&& other) noexcept { *this = std::move(other); }
    Slots& operator=(Slots&& other) noexcept {
        std::swap(services_, other.services_);
        std::swap(first_, other.first_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~Slots() {
        if (first_ == 0) return;
        // A slot that a revocation has emptied already is answered with an error that says so.
        for (std::uint32_t i = 0; i < count_; ++i) native::delete_capability(first_ + i);
        services_->free_slots(first_, count_);
    }

    Slot operator[](std::uint32_t index) const { return first_ + index; }
    Slot get() const { return first_; }

  private:
    const NativeServices* services_ = nullptr;
    Slot first_ = 0;
    std::uint32_t count_ = 0;
};

/// A block of memory to make objects from. Its end revokes them all.
class Untyped {
  public:
    /// False if there is no such block left.
    Untyped(const NativeServices& services, unsigned size_bits)
        : services_(&services), slot_(services.allocate_untyped(size_bits)) {}
    Untyped(Untyped&& other) noexcept
        : services_(other.services_), slot_(std::exchange(other.slot_, 0)) {}
    Untyped& operator=(Untyped&&) = delete;
    ~Untyped() {
        if (slot_ != 0) services_->release_untyped(slot_);
    }

    explicit operator bool() const { return slot_ != 0; }
    Slot get() const { return slot_; }

  private:
    const NativeServices* services_;
    Slot slot_;
};

/// Untyped memory that must be there.
inline Untyped take_untyped(const NativeServices& services, unsigned size_bits,
                            std::string_view what) {
    Untyped untyped(services, size_bits);
    if (!untyped) throw HypervisorError(what, abi::Error::NoMemory);
    return untyped;
}

/// Addresses of this process at which nothing else is.
class Addresses {
  public:
    Addresses() = default;
    Addresses(const NativeServices& services, std::size_t bytes, std::size_t alignment)
        : services_(&services),
          address_(services.reserve_addresses(bytes, alignment)),
          bytes_(bytes) {
        if (address_ == 0) {
            throw HypervisorError("no free addresses for guest memory", abi::Error::NoMemory);
        }
    }
    Addresses(Addresses&& other) noexcept { *this = std::move(other); }
    Addresses& operator=(Addresses&& other) noexcept {
        std::swap(services_, other.services_);
        std::swap(address_, other.address_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Addresses() {
        if (address_ != 0) services_->release_addresses(address_, bytes_);
    }

    std::uintptr_t get() const { return address_; }

  private:
    const NativeServices* services_ = nullptr;
    std::uintptr_t address_ = 0;
    std::size_t bytes_ = 0;
};

inline constexpr Slot kOwnAddressSpace = static_cast<Slot>(abi::StartupSlot::AddressSpace);

}  // namespace redoubt::hvcall::native_hv
