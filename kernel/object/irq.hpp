// Irq: a claimed interrupt slot, and the notification it signals. The objects are a fixed table,
// one per slot.
#pragma once

#include <cstdint>

#include "arch/interrupt.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/object.hpp"

namespace redoubt::kernel {

struct Irq : ObjectHeader {
    constexpr Irq() : ObjectHeader{abi::ObjectType::Irq} {}

    Notification* notification = nullptr;
    std::uint64_t badge = 0;
};

Irq& irq_object(unsigned slot);
unsigned irq_slot(const Irq& irq);

/// nullptr unbinds.
void irq_bind(Irq& irq, Notification* notification, std::uint64_t badge);
/// The notification is going away.
void irq_unbind_all(Notification& notification);
void irq_fired(unsigned slot);
void irq_destroy(Irq& irq);

}  // namespace redoubt::kernel
