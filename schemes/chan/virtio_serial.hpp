// Driver of the virtio console device with several ports (virtio 1.2, 5.3). Ports are found by
// their names, and used while somebody wants them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemes/chan/dma_arena.hpp"
#include "schemes/chan/virtio_transport.hpp"
#include "schemes/chan/virtqueue.hpp"

namespace redoubt::chan {

/// What the driver tells about a port. All but port_data() may do nothing.
class PortUser {
  public:
    virtual void port_found() {}   ///< the machine has it: has_port() is true from now on
    virtual void port_opened() {}  ///< somebody connected at the host's side
    virtual void port_closed() {}
    virtual void port_writable() {}         ///< after send() took less than all
    virtual bool port_accepts() const = 0;  ///< may port_data() be called now?
    virtual void port_data(std::span<const std::byte> bytes) = 0;

  protected:
    ~PortUser() = default;
};

class VirtioSerial {
  public:
    /// The device of this machine; null if there is none. Throws std::runtime_error if
    /// it cannot be driven. `signaller` is signalled by its interrupt.
    static std::unique_ptr<VirtioSerial> find(scheme::Process& process,
                                              abi::CapabilityIndex signaller);

    /// `user` gets the port of that name, as soon as there is one; whoever had it gets no more of
    /// it. Each of its buffers has `buffer_bytes` the first time the port is used.
    void attach(PortUser& user, std::string name, std::size_t buffer_bytes);
    void detach(PortUser& user);
    /// False once another user came for the same name.
    bool is_attached(const PortUser& user) const;
    bool has_port(const PortUser& user) const { return port_of(user) != nullptr; }

    /// Deals with everything the device has done.
    void service();
    /// Queues bytes for the host; returns how many there was room for. Where nobody is connected
    /// they are lost.
    std::size_t send(const PortUser& user, std::span<const std::byte> bytes);
    /// Would send() take anything?
    bool can_send(const PortUser& user);

  private:
    struct Queue {
        std::unique_ptr<Virtqueue> ring;
        std::vector<DmaArena::Piece> buffers;
        std::vector<unsigned> idle;  ///< buffers to send that are not in flight
    };

    static constexpr std::uint32_t kHighestPort = 6;

    struct Unread {
        unsigned buffer;
        std::uint32_t bytes;
    };
    struct Port {
        std::string name;              ///< empty: there is none
        bool open = false;             ///< at the host's side
        bool blocked = false;          ///< send() took less than all
        std::size_t buffer_bytes = 0;  ///< 0: never used
        PortUser* user = nullptr;
        std::vector<Unread> unread;  ///< received buffers that the user does not take yet
    };
    struct Attachment {
        PortUser* user;
        std::string name;
        std::size_t buffer_bytes;
    };

    VirtioSerial(scheme::Process& process, std::unique_ptr<VirtioTransport> transport);
    void negotiate();
    void fill(unsigned queue, unsigned count, std::size_t bytes);
    void prepare_sending(unsigned queue, unsigned count, std::size_t bytes);
    void ring_doorbell(unsigned queue);
    void send_control(std::uint32_t port, std::uint16_t event, std::uint16_t value);
    void service_control();
    void control(std::span<const std::byte> message);
    void name_port(std::uint32_t port, std::string_view name);
    void open_port(std::uint32_t number, bool open);
    /// Gives the port to whoever attached to its name, if somebody did.
    void use_port(std::uint32_t number);
    void service_port(std::uint32_t number);
    const Port* port_of(const PortUser& user) const;
    Queue& sending_queue(const Port& port);
    bool has_idle(Queue& queue);
    void reclaim(Queue& queue);

    std::unique_ptr<VirtioTransport> transport_;
    DmaArena arena_;
    std::vector<Queue> queues_;
    std::array<Port, kHighestPort + 1> ports_;
    std::vector<Attachment> attachments_;
};

}  // namespace redoubt::chan
