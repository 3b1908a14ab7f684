// Driver of the virtio console device with several ports (virtio 1.2, 5.3) over modern virtio-pci
// (4.1) with MSI-X. It uses the one port that is named redoubt.mux.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "schemes/chan/device_memory.hpp"
#include "schemes/chan/pci.hpp"
#include "schemes/chan/virtqueue.hpp"

namespace redoubt::chan {

/// What the driver tells about the port.
class PortUser {
  public:
    virtual void port_opened() = 0;  ///< somebody connected at the host's side
    virtual void port_closed() = 0;
    virtual bool port_accepts() const = 0;  ///< may port_data() be called now?
    virtual void port_data(std::span<const std::byte> bytes) = 0;

  protected:
    ~PortUser() = default;
};

class VirtioSerial {
  public:
    /// The device of this machine; nullopt-like null if there is none. Throws std::runtime_error if
    /// it cannot be driven. `signaller` is signalled by its interrupt.
    static std::unique_ptr<VirtioSerial> find(scheme::Process& process, PortUser& user,
                                              abi::CapabilityIndex signaller);

    /// Deals with everything the device has done.
    void service();
    /// Queues bytes for the host; returns how many there was room for.
    std::size_t send(std::span<const std::byte> bytes);
    bool is_open() const { return open_; }

  private:
    struct CommonConfiguration;
    struct Queue {
        std::unique_ptr<Virtqueue> ring;
        volatile std::uint16_t* doorbell = nullptr;
        std::vector<DmaArena::Piece> buffers;
        std::vector<unsigned> idle;  ///< buffers to send that are not in flight
    };

    VirtioSerial(scheme::Process& process, PortUser& user, abi::CapabilityIndex signaller,
                 const PciBus& bus, PciFunction function);
    std::uintptr_t map_structure(std::uint8_t type);
    void set_up_interrupt(abi::CapabilityIndex signaller);
    void negotiate();
    void set_up_queue(unsigned index);
    void fill(unsigned queue, unsigned count, std::size_t bytes);
    void prepare_sending(unsigned queue, unsigned count, std::size_t bytes);
    void ring_doorbell(unsigned queue);
    void send_control(std::uint32_t port, std::uint16_t event, std::uint16_t value);
    void service_control();
    void control(std::span<const std::byte> message);
    void name_port(std::uint32_t port, std::string_view name);
    void service_port();
    void reclaim(Queue& queue);

    scheme::Process& process_;
    PortUser& user_;
    PciBus bus_;
    PciFunction function_;
    DeviceMemory memory_;
    DmaArena arena_;
    volatile CommonConfiguration* common_ = nullptr;
    std::uintptr_t notify_ = 0;
    std::uint32_t notify_multiplier_ = 0;
    abi::CapabilityIndex irq_ = 0;
    std::vector<Queue> queues_;
    std::optional<std::uint32_t> port_;  ///< number of the port, once it has its name
    bool open_ = false;
    std::vector<unsigned> unread_;  ///< received buffers that the user does not take yet
    std::vector<std::uint32_t> unread_sizes_;
};

}  // namespace redoubt::chan
