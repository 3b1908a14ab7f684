// Virtio devices whose registers are at fixed addresses (virtio 1.2, 4.2).
#pragma once

#include <cstdint>
#include <memory>

#include "schemes/chan/virtqueue.hpp"
#include "schemes/libscheme/device_registers.hpp"

namespace redoubt::chan {

class VirtioTransport {
  public:
    /// The machine's virtio console; null if it has none or the start list does not grant it.
    /// Throws std::runtime_error if it cannot be driven. `signaller` is signalled by its interrupt.
    static std::unique_ptr<VirtioTransport> find(scheme::Process& process,
                                                 abi::CapabilityIndex signaller);

    std::uint8_t status() const;
    void set_status(unsigned status);
    /// Bits 32 * word … of the device's features, and of those that the driver wants.
    std::uint32_t features(unsigned word);
    void accept_features(unsigned word, std::uint32_t bits);

    /// The most descriptors that the queue may have; 0: there is no such queue.
    unsigned queue_capacity(unsigned index);
    void enable_queue(unsigned index, const Virtqueue& ring);
    void notify(unsigned index);
    /// After an interrupt, before the queues are looked at.
    void acknowledge_interrupt();

  private:
    VirtioTransport(scheme::Process& process, const scheme::DeviceRegisters& registers,
                    abi::CapabilityIndex signaller);
    volatile std::uint32_t& at(unsigned offset) const;

    scheme::DeviceRegisters registers_;
    abi::CapabilityIndex irq_ = 0;
};

}  // namespace redoubt::chan
