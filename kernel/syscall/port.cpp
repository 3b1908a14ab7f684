// PortIo, where the processor has I/O ports.
#include "arch/port.hpp"

#include "abi/syscall.hpp"
#include "kernel/cap/lookup.hpp"
#include "kernel/object/io_port.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

abi::Error syscall_port_io(Thread& self, UserContext& context) {
    Capability* capability = find(self, argument(context, 0), abi::ObjectType::IoPortRange);
    if (capability == nullptr) return abi::Error::InvalidCapability;
    const std::uint64_t port = argument(context, 1);
    const std::uint64_t size = argument(context, 2) & ~abi::kPortWrite;
    const bool write = (argument(context, 2) & abi::kPortWrite) != 0;
    if (size != 1 && size != 2 && size != 4) return abi::Error::InvalidArgument;
    if (!PortRange{capability->object}.contains(port, size)) return abi::Error::InvalidArgument;
    if (!capability->allows(write ? abi::Rights::Write : abi::Rights::Read)) {
        return abi::Error::MissingRight;
    }
    const auto number = static_cast<std::uint16_t>(port);
    const std::uint64_t value = argument(context, 3);
    if (write) {
        switch (size) {
            case 1:
                port_out8(number, static_cast<std::uint8_t>(value));
                break;
            case 2:
                port_out16(number, static_cast<std::uint16_t>(value));
                break;
            default:
                port_out32(number, static_cast<std::uint32_t>(value));
                break;
        }
        return abi::Error::Ok;
    }
    set_result(context, 1,
               size == 1   ? port_in8(number)
               : size == 2 ? port_in16(number)
                           : port_in32(number));
    return abi::Error::Ok;
}

}  // namespace redoubt::kernel
