// What PVH and Multiboot2 loaders tell.
#include "boot/x86_64/protocols.hpp"

#include "boot/fail.hpp"

namespace redoubt::boot {
namespace {

constexpr std::uint32_t kPvhMagic = 0x336EC578, kMultiboot2Magic = 0x36D76289;
/// xen/include/public/arch-x86/hvm/start_info.h describes these.
struct PvhStart {
    std::uint32_t magic, version, flags, module_count;
    std::uint64_t modules, command_line, rsdp, memory_map;
    std::uint32_t memory_map_count, reserved;
};
struct PvhModule {
    std::uint64_t address, size, command_line, reserved;
};
/// Also the layout of Multiboot2's map.
struct MapEntry {
    std::uint64_t address, size;
    std::uint32_t type, reserved;
};
struct MultibootTag {
    std::uint32_t type, size;
};
struct MultibootModule : MultibootTag {
    std::uint32_t start, end;
};
struct MultibootMap : MultibootTag {
    std::uint32_t entry_size, entry_version;
};

/// `count` things that the loader left at `address`.
template <class T>
const T* left_at(std::uint64_t address, std::uint64_t count = 1) {
    if (address >= kMappedEnd.value() || count > (kMappedEnd.value() - address) / sizeof(T)) {
        fail("the loader's information at {x} is not below 4 GiB", address);
    }
    return kernel::direct_map<const T>(PhysicalAddress{address});
}

void add_region(MemoryMap& map, const MapEntry& entry) {
    const MemoryKind kind = entry.type == 1                      ? MemoryKind::Usable
                            : entry.type == 3 || entry.type == 4 ? MemoryKind::Acpi
                                                                 : MemoryKind::Reserved;
    map.add({bounded({PhysicalAddress{entry.address}, entry.size}), kind});
}

RootPointer read_pvh(BootInformation& information, MemoryMap& map, PhysicalAddress address) {
    const auto& start = *left_at<PvhStart>(address.value());
    if (start.version == 0) fail("the loader gives no memory map (PVH version 0)");
    if (start.command_line != 0) {
        copy_command_line(information, left_at<char>(start.command_line));
    }
    if (start.module_count != 0) {
        const auto& module = *left_at<PvhModule>(start.modules);
        information.boot_archive = {PhysicalAddress{module.address}, module.size};
    }
    const auto* entries = left_at<MapEntry>(start.memory_map, start.memory_map_count);
    for (std::uint32_t i = 0; i < start.memory_map_count; ++i) add_region(map, entries[i]);
    return RootPointer{start.rsdp};
}

RootPointer read_multiboot2(BootInformation& information, MemoryMap& map, PhysicalAddress address) {
    enum : std::uint32_t {
        kEnd = 0,
        kCommandLine = 1,
        kModule = 3,
        kMemoryMap = 6,
        kRsdp1 = 14,
        kRsdp2 = 15
    };
    const auto total = *left_at<std::uint32_t>(address.value());
    left_at<std::byte>(address.value(), total);
    RootPointer root{};
    for (std::uint32_t offset = 8; offset + sizeof(MultibootTag) <= total;) {
        const auto* tag = kernel::direct_map<const MultibootTag>(address + offset);
        if (tag->size < sizeof(MultibootTag) || tag->size > total - offset) break;
        switch (tag->type) {
            case kEnd:
                return root;
            case kCommandLine:
                copy_command_line(information, reinterpret_cast<const char*>(tag + 1));
                break;
            case kModule:
                if (information.boot_archive.bytes == 0) {
                    const auto* module = static_cast<const MultibootModule*>(tag);
                    information.boot_archive = {PhysicalAddress{module->start},
                                                module->end - module->start};
                }
                break;
            case kMemoryMap: {
                const auto* entries = static_cast<const MultibootMap*>(tag);
                if (entries->entry_size < sizeof(MapEntry)) break;
                for (std::uint32_t at = sizeof(MultibootMap);
                     at + sizeof(MapEntry) <= entries->size; at += entries->entry_size) {
                    add_region(map, *kernel::direct_map<const MapEntry>(address + offset + at));
                }
                break;
            }
            case kRsdp1:
                if (root.value() != 0) break;  // the newer one was there first
                [[fallthrough]];
            case kRsdp2:
                root = address + offset + sizeof(MultibootTag);
                break;
            default:
                break;
        }
        offset += (tag->size + 7) & ~7U;
    }
    return root;
}

}  // namespace

RootPointer read_loader_information(BootInformation& information, MemoryMap& map,
                                    std::uint32_t magic, PhysicalAddress address) {
    RootPointer root{};
    switch (magic) {
        case kPvhMagic:
            root = read_pvh(information, map, address);
            break;
        case kMultiboot2Magic:
            root = read_multiboot2(information, map, address);
            break;
        default:
            fail("entered by an unknown loader (magic {x}): PVH or Multiboot2 is needed", magic);
    }
    if (map.count == 0) fail("the loader gives no memory map");
    const PhysicalRange& archive = information.boot_archive;
    if (archive.start > kMappedEnd || archive.bytes > kMappedEnd - archive.start) {
        fail("the boot archive is not below 4 GiB");
    }
    return root;
}

}  // namespace redoubt::boot
