// initfs: maps the boot archive that init granted as frames, and serves it as the scheme initfs:.
#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "libhvcall/native/neighbours.hpp"
#include "libhvcall/native/syscall.hpp"
#include "schemes/initfs/archive_scheme.hpp"
#include "schemes/libscheme/process.hpp"

namespace {

using namespace redoubt;

/// Maps the granted frames one behind the other, read-only. The entry "archive" tells where in them
/// the archive lies: size << 12 | offset in the first page.
std::span<const std::byte> map_archive(scheme::Process& process) {
    const auto place = process.grant(abi::GrantKind::Frames, "archive");
    auto frames = process.grants(abi::GrantKind::Frames);
    std::erase_if(frames, [](const abi::NamespaceEntry& entry) { return entry.slot == 0; });
    if (!place || frames.empty()) {
        throw std::runtime_error("the start list lacks grant=boot-archive");
    }
    std::size_t total = 0;
    for (const auto& frame : frames) {
        total += frame.value;
    }
    const std::size_t offset = place->value & 0xFFF;
    const std::size_t size = place->value >> 12;
    if (offset + size > total) {
        throw std::runtime_error("the boot archive's frames are too few");
    }
    const std::size_t skew =
        native::skew_of_neighbours(frames, [](const auto& frame) { return frame.value; });
    const std::uintptr_t reserved =
        process.services().reserve_addresses(total + skew, native::kLargePageBytes);
    if (reserved == 0) {
        throw std::runtime_error("no address range for the boot archive");
    }
    std::uintptr_t address = reserved + skew;
    const std::uintptr_t base = address;
    for (const auto& frame : frames) {
        if (!native::ok(native::map(frame.slot,
                                    static_cast<native::Slot>(abi::StartupSlot::AddressSpace),
                                    address, abi::MapFlags::Read))) {
            throw std::runtime_error("cannot map the boot archive");
        }
        address += frame.value;
    }
    return {reinterpret_cast<const std::byte*>(base + offset), size};
}

void serve(scheme::Process& process) {
    initfs::ArchiveScheme archive(map_archive(process));
    if (archive.is_damaged()) {
        std::fprintf(stderr, "initfs: the boot archive is damaged; %zu files were readable\n",
                     archive.file_count());
    }
    process.serve("initfs", archive);
}

}  // namespace

int main() { return redoubt::scheme::run_program("initfs", serve); }
