// What a guest finds out about its processor, firmware tells it.
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hv {

abi::Error set_identification(Vcpu&, std::span<const std::byte>) {
    return abi::Error::NotSupported;
}

}  // namespace redoubt::kernel::hv
