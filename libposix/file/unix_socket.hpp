// AF_UNIX stream sockets over the chan: scheme.
#pragma once

#include <linux/un.h>

#include <cstdint>
#include <string_view>

#include "libposix/file/file.hpp"
#include "libposix/file/scheme_handle.hpp"

namespace redoubt::posix {

/// A listener and a connected socket are each one open file of chan:, named like the path without
/// leading slashes.
class UnixSocket final : public File {
  public:
    UnixSocket() : File(Type::Socket) {}
    long bind(const sockaddr_un& address, std::size_t length);
    long listen();
    long connect(const sockaddr_un& address, std::size_t length);
    /// The next connection, or -EAGAIN.
    long accept(Ref<UnixSocket>& connection);
    long shutdown(int how);

    long read(void* to, std::size_t size) override;
    long write(const void* from, std::size_t size) override;
    std::uint32_t readiness() override;
    std::uint32_t mode() const override { return 0140777; }
    abi::CapabilityIndex capability() const override { return handle_.slot(); }

    bool is_listening() const { return state_ == State::Listening; }
    bool is_connected() const { return state_ == State::Connected; }
    /// What it is bound to; empty if it is not.
    std::string_view path() const { return {path_, path_length_}; }

  private:
    enum class State : std::uint8_t { Fresh, Bound, Listening, Connected };

    SchemeHandle handle_{*this};
    State state_ = State::Fresh;
    bool write_closed_ = false;
    std::size_t path_length_ = 0;
    char path_[sizeof(sockaddr_un::sun_path)] = {};
};

}  // namespace redoubt::posix
