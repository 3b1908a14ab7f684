// See dma_arena.hpp.
#include "schemes/chan/dma_arena.hpp"

#include <stdexcept>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

DmaArena::DmaArena(scheme::Process& process, unsigned size_bits)
    : size_(std::size_t{1} << size_bits) {
    const posix::NativeServices& services = process.services();
    const native::Slot untyped = services.allocate_untyped(size_bits);
    const native::Slot frame = services.allocate_slots(1);
    const std::uintptr_t address = services.reserve_addresses(size_, size_);
    if (untyped == 0 || frame == 0 || address == 0 ||
        !native::ok(native::retype(untyped, abi::ObjectType::Frame, size_bits, frame)) ||
        !native::ok(native::map(frame, static_cast<native::Slot>(abi::StartupSlot::AddressSpace),
                                address, abi::MapFlags::Read | abi::MapFlags::Write))) {
        throw std::runtime_error("no memory for a device's buffers");
    }
    const auto identity = native::identify(frame);
    if (!identity || !abi::includes(identity.value.rights, abi::Rights::Physical)) {
        throw std::runtime_error("the physical address of a device's buffers is not known");
    }
    base_ = reinterpret_cast<std::byte*>(address);
    physical_ = identity.value.address_or_badge;
}

DmaArena::Piece DmaArena::allocate(std::size_t bytes, std::size_t alignment) {
    const std::size_t offset = (used_ + alignment - 1) & ~(alignment - 1);
    if (offset > size_ || size_ - offset < bytes) {
        throw std::runtime_error("too little memory for a device's buffers");
    }
    used_ = offset + bytes;
    return {base_ + offset, physical_ + offset};
}

}  // namespace redoubt::chan
