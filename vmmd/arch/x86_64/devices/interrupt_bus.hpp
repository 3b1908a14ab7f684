// The bus between interrupt sources and the local APICs: finds out whom a message is for.
#pragma once

#include <vector>

#include "vmmd/arch/x86_64/devices/interrupt_message.hpp"

namespace redoubt::vmmd {

class LocalApic;

class InterruptBus {
  public:
    /// All APICs are attached before the first message.
    void attach(LocalApic& apic) { apics_.push_back(&apic); }
    /// To everyone addressed, or for lowest priority to the readiest of them. False: nobody.
    bool send(const InterruptMessage& message);

  private:
    std::vector<LocalApic*> apics_;
};

}  // namespace redoubt::vmmd
