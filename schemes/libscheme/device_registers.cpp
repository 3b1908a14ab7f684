// See device_registers.hpp.
#include "schemes/libscheme/device_registers.hpp"

#include <stdexcept>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::scheme {

namespace {

constexpr std::uint64_t kPageSize = 4096;

}  // namespace

DeviceRegisters::DeviceRegisters(Process& process, const abi::NamespaceEntry& grant)
    : value_(grant.value), address_(process.services().reserve_addresses(kPageSize, kPageSize)) {
    if (address_ == 0 ||
        !native::ok(native::map(
            grant.slot, static_cast<native::Slot>(abi::StartupSlot::AddressSpace), address_,
            abi::MapFlags::Read | abi::MapFlags::Write | abi::MapFlags::Uncached))) {
        throw std::runtime_error("cannot map a device's registers");
    }
    address_ += value_ % kPageSize;
}

}  // namespace redoubt::scheme
