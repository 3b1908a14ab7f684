// chan:port/NAME: a named port of the machine's virtio console device. It can be opened before the
// machine has the port, and becomes writable when it has. The last who opens it has it.
#pragma once

#include <string>
#include <utility>

#include "schemes/chan/virtio_serial.hpp"
#include "schemes/libscheme/file.hpp"
#include "schemes/libscheme/ring_buffer.hpp"

namespace redoubt::chan {

class PortFile final : public scheme::File, PortUser {
  public:
    PortFile(VirtioSerial& serial, std::string name) : serial_(serial) {
        serial_.attach(*this, std::move(name), kBuffer);
    }
    ~PortFile() override { serial_.detach(*this); }

    scheme::Expected<std::size_t> read(std::uint64_t, std::span<std::byte> out) override {
        const std::size_t count = incoming_.pop(out);
        if (count == 0 && !out.empty()) {
            return std::unexpected(scheme::Error::WouldBlock);
        }
        serial_.service();  // there is room for more
        notify();
        return count;
    }
    scheme::Expected<std::size_t> write(std::uint64_t, std::span<const std::byte> bytes) override {
        if (!serial_.is_attached(*this)) {
            return std::unexpected(scheme::Error::EndOfFile);
        }
        const std::size_t sent = serial_.has_port(*this) ? serial_.send(*this, bytes) : 0;
        notify();
        if (sent == 0 && !bytes.empty()) {
            return std::unexpected(scheme::Error::WouldBlock);
        }
        return sent;
    }
    scheme::FileStatus status() const override {
        return {incoming_.size(), scheme::FileKind::Stream};
    }
    scheme::EventMask ready() const override {
        using scheme::operator|;
        auto mask = incoming_.empty() ? scheme::EventMask::None : scheme::EventMask::Readable;
        return serial_.can_send(*this) ? mask | scheme::EventMask::Writable : mask;
    }
    void closed() override { serial_.detach(*this); }

  private:
    static constexpr std::size_t kBuffer = 1024;

    void port_found() override { notify(); }
    void port_opened() override { notify(); }
    void port_closed() override { notify(); }
    void port_writable() override { notify(); }
    bool port_accepts() const override { return incoming_.room() >= kBuffer; }
    void port_data(std::span<const std::byte> bytes) override {
        incoming_.push(bytes);
        notify();
    }

    VirtioSerial& serial_;
    scheme::RingBuffer incoming_{4 * kBuffer};
};

}  // namespace redoubt::chan
