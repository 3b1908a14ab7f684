// Irq: the table of claimed interrupt slots and what they signal.
#include "kernel/object/irq.hpp"

namespace redoubt::kernel {

namespace {

constinit Irq irqs[kIrqSlotCount];

}  // namespace

Irq& irq_object(unsigned slot) { return irqs[slot]; }

unsigned irq_slot(const Irq& irq) { return static_cast<unsigned>(&irq - irqs); }

void irq_bind(Irq& irq, Notification* notification, std::uint64_t badge) {
    if (irq.notification != nullptr) --irq.notification->irq_count;
    irq.notification = notification;
    irq.badge = badge;
    if (notification != nullptr) ++notification->irq_count;
}

void irq_unbind_all(Notification& notification) {
    for (Irq& irq : irqs) {
        if (irq.notification == &notification) irq_bind(irq, nullptr, 0);
    }
}

void irq_fired(unsigned slot) {
    Irq& irq = irqs[slot];
    if (irq.notification != nullptr) notification_signal(*irq.notification, irq.badge);
}

void irq_destroy(Irq& irq) {
    irq_bind(irq, nullptr, 0);
    irq_release(irq_slot(irq));
}

}  // namespace redoubt::kernel
