// Delivery of interrupt messages to local APICs. Intel SDM vol. 3A 11.6.2.
#include "vmmd/arch/x86_64/devices/interrupt_bus.hpp"

#include "vmmd/arch/x86_64/devices/local_apic.hpp"

namespace redoubt::vmmd {

bool InterruptBus::send(const InterruptMessage& message) {
    LocalApic* readiest = nullptr;
    bool delivered = false;
    for (auto* apic : apics_) {
        if (!apic->accepts(message)) continue;
        delivered = true;
        if (message.mode != DeliveryMode::LowestPriority) {
            apic->deliver(message);
        } else if (readiest == nullptr ||
                   apic->processor_priority() < readiest->processor_priority()) {
            readiest = apic;
        }
    }
    if (readiest != nullptr) readiest->deliver(message);
    return delivered;
}

}  // namespace redoubt::vmmd
