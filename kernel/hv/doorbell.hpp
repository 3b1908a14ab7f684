// Doorbells of a VM: stores that only signal a Notification.
#pragma once

#include <atomic>
#include <cstdint>

#include "abi/hv.hpp"
#include "kernel/cap/capability.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel::hv {

class DoorbellTable {
  public:
    /// Certainly none is bound. The one thing that may be asked without the kernel lock.
    bool empty() const { return used_.load(std::memory_order_relaxed) == 0; }

    /// `notification` may signal; a capability derived from it stays here. InvalidArgument, Exists
    /// (the same one is bound), NoMemory (the table is full).
    Result<void> bind(const abi::hv::Doorbell& doorbell, Capability& notification);
    /// NotFound.
    Result<void> unbind(const abi::hv::Doorbell& doorbell, DyingObjects& dying);
    /// The VM ends.
    void unbind_all(DyingObjects& dying);

    /// The Notification that a store of `value` (of which the low `size` bytes count) signals, or
    /// nullptr.
    const Capability* find(abi::hv::StoreSpace space, std::uint64_t address, unsigned size,
                           std::uint64_t value) const;

  private:
    struct Binding {
        /// Empty: this place is free. A revocation empties it too.
        Capability notification;
        abi::hv::Doorbell doorbell;
    };
    Binding* find(const abi::hv::Doorbell& doorbell);

    std::atomic<std::uint32_t> used_ = 0;  ///< no binding is behind the first so many
    Binding bindings_[abi::hv::kMaximumDoorbells]{};
};

}  // namespace redoubt::kernel::hv
