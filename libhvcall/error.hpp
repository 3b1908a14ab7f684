// What a provider throws when the hypervisor refuses.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "abi/error.hpp"

namespace redoubt::hvcall {

/// The code's meaning in words.
std::string_view describe(abi::Error error);

class HypervisorError : public std::runtime_error {
  public:
    /// `what` says what was attempted: "cannot create the VM".
    HypervisorError(std::string_view what, abi::Error error)
        : std::runtime_error(std::string(what) + ": " + std::string(describe(error))),
          code_(error) {}

    abi::Error code() const { return code_; }

  private:
    abi::Error code_;
};

}  // namespace redoubt::hvcall
