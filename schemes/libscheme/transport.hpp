// Messages between the server's logic and the kernel. NativeTransport is the real one; tests script
// a fake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi/error.hpp"
#include "abi/object.hpp"

namespace redoubt::scheme {

struct Request {
    std::uint64_t badge = 0;
    std::uint32_t label = 0;
    std::array<std::uint64_t, 4> registers{};
    std::vector<std::byte> bytes;                            ///< payload beyond the registers
    abi::CapabilityIndex capability = abi::kNullCapability;  ///< received, owned by the server
};

struct Reply {
    abi::Error error = abi::Error::Ok;
    std::array<std::uint64_t, 2> registers{};
    std::vector<std::byte> bytes;
    std::uint64_t file_badge = 0;  ///< not 0: the reply carries a file capability with this badge
};

class Transport {
  public:
    virtual ~Transport() = default;
    /// Sends the reply to the previous request, if any, and waits for the next one. False: the
    /// endpoint is gone.
    virtual bool exchange(const Reply* reply, Request& request) = 0;
    virtual void signal(abi::CapabilityIndex notification) = 0;
    virtual void drop(abi::CapabilityIndex capability) = 0;
};

}  // namespace redoubt::scheme
