// See boot_archive.hpp.
#include "schemes/init/boot_archive.hpp"

#include "libhvcall/native/syscall.hpp"
#include "schemes/init/layout.hpp"
#include "schemes/init/report.hpp"

namespace redoubt::init {

std::span<const std::byte> map_boot_archive(const abi::BootInfo& boot) {
    if (boot.module_frame_count == 0 || boot.module_size == 0) {
        return {};
    }
    // The same offset within a large page as the physical memory has, so that large pages can map
    // it.
    constexpr std::uint64_t kLargePageMask = (2U << 20) - 1;
    const auto first = native::identify(boot.module_frames[0].slot);
    const std::uint64_t base =
        kArchiveAddress + (first ? first.value.address_or_badge & kLargePageMask : 0);
    std::uint64_t address = base;
    for (std::uint32_t i = 0; i < boot.module_frame_count; ++i) {
        const abi::FrameDescription& frame = boot.module_frames[i];
        const abi::Error error = native::map(frame.slot, own_slot(abi::StartupSlot::AddressSpace),
                                             address, abi::MapFlags::Read);
        if (!native::ok(error)) {
            report(Line() << "cannot map the boot archive: error "
                          << static_cast<std::uint64_t>(error));
            return {};
        }
        address += std::uint64_t{1} << frame.size_bits;
    }
    return {reinterpret_cast<const std::byte*>(base + boot.module_offset), boot.module_size};
}

}  // namespace redoubt::init
