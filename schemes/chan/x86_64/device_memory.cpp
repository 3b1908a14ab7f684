// See device_memory.hpp.
#include "schemes/chan/x86_64/device_memory.hpp"

#include <stdexcept>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr native::Slot kAddressSpace = static_cast<native::Slot>(abi::StartupSlot::AddressSpace);

}  // namespace

DeviceMemory::DeviceMemory(scheme::Process& process) : process_(process) {
    for (const abi::NamespaceEntry& entry : process.grants(abi::GrantKind::Untyped, "device")) {
        blocks_.push_back({entry.slot, entry.value & ~(kPageSize - 1),
                           static_cast<unsigned>(entry.value & (kPageSize - 1))});
    }
}

std::uintptr_t DeviceMemory::map(std::uint64_t physical, std::size_t bytes) {
    const std::uint64_t begin = physical & ~(kPageSize - 1);
    const std::uint64_t end = (physical + bytes + kPageSize - 1) & ~(kPageSize - 1);
    const std::uintptr_t base = process_.services().reserve_addresses(end - begin, kPageSize);
    if (base == 0) {
        throw std::runtime_error("no address range for device memory");
    }
    for (std::uint64_t address = begin; address < end; address += kPageSize) {
        // A copy for each mapping: two structures of a device may share a page.
        const native::Slot frame = process_.services().allocate_slots(1);
        if (frame == 0 || !native::ok(native::copy(page(address), abi::Rights::All, frame)) ||
            !native::ok(native::map(
                frame, kAddressSpace, base + (address - begin),
                abi::MapFlags::Read | abi::MapFlags::Write | abi::MapFlags::Uncached))) {
            throw std::runtime_error("cannot map device memory");
        }
    }
    return base + (physical - begin);
}

abi::CapabilityIndex DeviceMemory::page(std::uint64_t physical) {
    std::size_t index = 0;
    const auto contains = [&](const Block& block) {
        return physical - block.base < std::uint64_t{1} << block.size_bits;
    };
    while (index < blocks_.size() && !contains(blocks_[index])) {
        ++index;
    }
    if (index == blocks_.size()) {
        throw std::runtime_error("a device's registers lie in memory that was not granted");
    }
    while (blocks_[index].size_bits > abi::kPageBits) {
        if (blocks_[index].first_half == kNone) {
            split(index);
        }
        index = blocks_[index].first_half;
        index += contains(blocks_[index]) ? 0 : 1;
    }
    Block& block = blocks_[index];
    if (block.frame == abi::kNullCapability) {
        block.frame = process_.services().allocate_slots(1);
        if (block.frame == 0 || !native::ok(native::retype(block.slot, abi::ObjectType::Frame,
                                                           abi::kPageBits, block.frame))) {
            throw std::runtime_error("cannot make a frame of device memory");
        }
    }
    return block.frame;
}

void DeviceMemory::split(std::size_t index) {
    const Block whole = blocks_[index];
    const unsigned bits = whole.size_bits - 1;
    const native::Slot halves = process_.services().allocate_slots(2);
    if (halves == 0 ||
        !native::ok(native::retype(whole.slot, abi::ObjectType::Untyped, bits, halves, 2))) {
        throw std::runtime_error("cannot split device memory");
    }
    blocks_[index].first_half = blocks_.size();
    blocks_.push_back({halves, whole.base, bits});
    blocks_.push_back({halves + 1, whole.base + (std::uint64_t{1} << bits), bits});
}

}  // namespace redoubt::chan
