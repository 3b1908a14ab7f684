// Doorbells: bound by the monitor, found by an exit's address.
#include "kernel/hv/doorbell.hpp"

#include "kernel/cap/derivation.hpp"
#include "kernel/object/notification.hpp"

namespace redoubt::kernel::hv {
namespace {

using abi::hv::Doorbell;

bool is_valid(const Doorbell& doorbell) {
    const unsigned size = doorbell.size;
    if (doorbell.reserved != 0) return false;
    if (size != 0 && size != 1 && size != 2 && size != 4) return false;
    if (doorbell.match == 0) return doorbell.value == 0;
    // A value that the size cannot carry would never match.
    return doorbell.match == 1 && (size == 0 || size == 4 || doorbell.value >> 8 * size == 0);
}

bool same(const Doorbell& a, const Doorbell& b) { return __builtin_memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

DoorbellTable::Binding* DoorbellTable::find(const Doorbell& doorbell) {
    for (Binding& binding : bindings_) {
        if (!binding.notification.empty() && same(binding.doorbell, doorbell)) return &binding;
    }
    return nullptr;
}

Result<void> DoorbellTable::bind(const Doorbell& doorbell, Capability& notification) {
    if (!is_valid(doorbell)) return abi::Error::InvalidArgument;
    if (find(doorbell) != nullptr) return abi::Error::Exists;
    for (std::uint32_t i = 0; i < abi::hv::kMaximumDoorbells; ++i) {
        Binding& binding = bindings_[i];
        if (!binding.notification.empty()) continue;
        binding.doorbell = doorbell;
        copy_capability(notification, binding.notification, abi::Rights::Write, 0);
        if (i >= used_) used_ = i + 1;
        return {};
    }
    return abi::Error::NoMemory;
}

Result<void> DoorbellTable::unbind(const Doorbell& doorbell, DyingObjects& dying) {
    Binding* binding = find(doorbell);
    if (binding == nullptr) return abi::Error::NotFound;
    delete_capability(binding->notification, dying);
    while (used_ > 0 && bindings_[used_ - 1].notification.empty()) --used_;
    return {};
}

void DoorbellTable::unbind_all(DyingObjects& dying) {
    for (; used_ > 0; --used_) {
        Capability& notification = bindings_[used_ - 1].notification;
        if (!notification.empty()) delete_capability(notification, dying);
    }
}

const Capability* DoorbellTable::find(abi::hv::StoreSpace space, std::uint64_t address,
                                      unsigned size, std::uint64_t value) const {
    for (std::uint32_t i = 0; i < used_; ++i) {
        const auto& [notification, doorbell] = bindings_[i];
        if (doorbell.address != address || doorbell.space != space || notification.empty())
            continue;
        if (doorbell.size != 0 && doorbell.size != size) continue;
        const std::uint64_t mask = (std::uint64_t{1} << 8 * size) - 1;
        if (doorbell.match != 0 && doorbell.value != (value & mask)) continue;
        return &notification;
    }
    return nullptr;
}

}  // namespace redoubt::kernel::hv
