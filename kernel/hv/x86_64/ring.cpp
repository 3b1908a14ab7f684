// See ring.hpp.
#include "kernel/hv/x86_64/ring.hpp"

#include "kernel/object/notification.hpp"

namespace redoubt::kernel::hv {

bool ring(const DoorbellTable& doorbells, const abi::Exit& exit, std::uint64_t value) {
    using abi::PortIoDetail;
    const std::uint32_t detail = exit.detail;
    if ((detail & (PortIoDetail::kIn | PortIoDetail::kString)) != 0) return false;
    const Capability* notification = doorbells.find(abi::hv::StoreSpace::Port, exit.info1,
                                                    detail >> PortIoDetail::kSizeShift & 7, value);
    if (notification == nullptr) return false;
    notification_signal(notification->as<Notification>(), signal_bits(*notification));
    return true;
}

}  // namespace redoubt::kernel::hv
