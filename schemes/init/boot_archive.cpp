// See boot_archive.hpp.
#include "schemes/init/boot_archive.hpp"

#include "libhvcall/native/neighbours.hpp"
#include "libhvcall/native/syscall.hpp"
#include "schemes/init/layout.hpp"
#include "schemes/init/report.hpp"

namespace redoubt::init {

std::span<const std::byte> map_boot_archive(const abi::BootInfo& boot) {
    if (boot.module_frame_count == 0 || boot.module_size == 0) {
        return {};
    }
    const std::span frames{boot.module_frames, boot.module_frame_count};
    const std::uint64_t base =
        kArchiveAddress +
        native::skew_of_neighbours(frames, [](const abi::FrameDescription& frame) {
            return std::uint64_t{1} << frame.size_bits;
        });
    std::uint64_t address = base;
    for (const abi::FrameDescription& frame : frames) {
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
