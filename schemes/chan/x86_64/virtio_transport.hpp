// Modern virtio-pci with MSI-X (virtio 1.2, 4.1).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "schemes/chan/virtqueue.hpp"
#include "schemes/chan/x86_64/device_memory.hpp"
#include "schemes/chan/x86_64/pci.hpp"

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
    void acknowledge_interrupt() {}

  private:
    struct CommonConfiguration;

    VirtioTransport(scheme::Process& process, abi::CapabilityIndex signaller, const PciBus& bus,
                    PciFunction function);
    std::uintptr_t map_structure(std::uint8_t type);
    void set_up_interrupt(abi::CapabilityIndex signaller);

    scheme::Process& process_;
    PciBus bus_;
    PciFunction function_;
    DeviceMemory memory_;
    volatile CommonConfiguration* common_ = nullptr;
    std::uintptr_t notify_ = 0;
    std::uint32_t notify_multiplier_ = 0;
    abi::CapabilityIndex irq_ = 0;
    std::vector<volatile std::uint16_t*> doorbells_;
};

}  // namespace redoubt::chan
