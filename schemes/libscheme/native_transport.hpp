// The real Transport: native system calls on the endpoint that init gave this process for its
// scheme.
#pragma once

#include "libposix/native_services.hpp"
#include "schemes/libscheme/transport.hpp"

namespace redoubt::scheme {

class NativeTransport final : public Transport {
  public:
    /// Throws std::runtime_error if the process lacks the slots or memory it needs.
    NativeTransport(const posix::NativeServices& services, abi::CapabilityIndex endpoint);
    ~NativeTransport() override;

    bool exchange(const Reply* reply, Request& request) override;
    void signal(abi::CapabilityIndex notification) override;
    void drop(abi::CapabilityIndex capability) override;

  private:
    bool mint_file(std::uint64_t badge);

    const posix::NativeServices& services_;
    abi::CapabilityIndex endpoint_;
    abi::CapabilityIndex reply_;
    abi::CapabilityIndex receive_slot_;
    abi::CapabilityIndex file_slot_;  ///< the file capability that the last reply carried
    bool file_slot_used_ = false;
};

}  // namespace redoubt::scheme
