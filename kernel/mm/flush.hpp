// The obligation that every change of a live mapping leaves behind: stale translations must be
// flushed.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

/// Returned by every PageMapper change; consume it with apply() or, if nothing can be stale,
/// ignore().
template <class AddressType>
class [[nodiscard]] Flush {
  public:
    constexpr Flush(AddressType first, std::uint64_t bytes) : first_{first}, bytes_{bytes} {}

    constexpr AddressType first() const { return first_; }
    constexpr std::uint64_t bytes() const { return bytes_; }

    /// Calls `flusher(first, bytes)`.
    template <class Flusher>
    void apply(Flusher&& flusher) const {
        flusher(first_, bytes_);
    }
    /// For address spaces that no processor has loaded, or changes from unmapped to mapped.
    constexpr void ignore() const {}

  private:
    AddressType first_;
    std::uint64_t bytes_;
};

}  // namespace redoubt::kernel
