// What PVH and Multiboot2 loaders tell, turned into BootInformation.
#include "arch/boot_allocator.hpp"
#include "arch/boot_memory.hpp"
#include "arch/cpu.hpp"
#include "kernel/panic.hpp"

extern "C" const char kernel_physical_start[], kernel_physical_end[];

namespace redoubt::kernel {
namespace {

constexpr std::uint32_t kPvhMagic = 0x336EC578, kMultiboot2Magic = 0x36D76289;
constexpr PhysicalAddress kLowMemoryEnd{0x10'0000};
constexpr PhysicalRange kLowMemory{PhysicalAddress{0}, kLowMemoryEnd.value()};
constexpr PhysicalAddress kFirstInterruptController{0xFEC0'0000};
constexpr PhysicalAddress kFourGigabytes{1ULL << 32};

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

void add_region(BootInformation& information, const MapEntry& entry) {
    const MemoryKind kind = entry.type == 1                      ? MemoryKind::Usable
                            : entry.type == 3 || entry.type == 4 ? MemoryKind::Acpi
                                                                 : MemoryKind::Reserved;
    information.regions.add({{PhysicalAddress{entry.address}, entry.size}, kind});
}

void read_pvh(BootInformation& information, PhysicalAddress address) {
    const auto& start = *direct_map<const PvhStart>(address);
    if (start.command_line != 0) {
        copy_command_line(information, direct_map<const char>(PhysicalAddress{start.command_line}));
    }
    if (start.module_count != 0) {
        const auto& module = *direct_map<const PvhModule>(PhysicalAddress{start.modules});
        information.boot_module = {PhysicalAddress{module.address}, module.size};
    }
    information.rsdp = PhysicalAddress{start.rsdp};
    const auto* map = direct_map<const MapEntry>(PhysicalAddress{start.memory_map});
    if (start.version == 0) panic("the loader gives no memory map (PVH version 0)");
    for (std::uint32_t i = 0; i < start.memory_map_count; ++i) add_region(information, map[i]);
}

void read_multiboot2(BootInformation& information, PhysicalAddress address) {
    enum : std::uint32_t {
        kEnd = 0,
        kCommandLine = 1,
        kModule = 3,
        kMemoryMap = 6,
        kRsdp1 = 14,
        kRsdp2 = 15
    };
    const auto total = *direct_map<const std::uint32_t>(address);
    for (std::uint32_t offset = 8; offset + sizeof(MultibootTag) <= total;) {
        const auto* tag = direct_map<const MultibootTag>(address + offset);
        switch (tag->type) {
            case kEnd:
                return;
            case kCommandLine:
                copy_command_line(information, reinterpret_cast<const char*>(tag + 1));
                break;
            case kModule:
                if (information.boot_module.bytes == 0) {
                    const auto* module = static_cast<const MultibootModule*>(tag);
                    information.boot_module = {PhysicalAddress{module->start},
                                               module->end - module->start};
                }
                break;
            case kMemoryMap: {
                const auto* map = static_cast<const MultibootMap*>(tag);
                for (std::uint32_t at = sizeof(MultibootMap); at + sizeof(MapEntry) <= map->size;
                     at += map->entry_size) {
                    add_region(information, *direct_map<const MapEntry>(address + offset + at));
                }
                break;
            }
            case kRsdp1:
                if (information.rsdp.value() != 0) break;  // the newer one was there first
                [[fallthrough]];
            case kRsdp2:
                information.rsdp = address + offset + sizeof(MultibootTag);
                break;
            default:
                break;
        }
        offset += (tag->size + 7) & ~7U;
    }
}

}  // namespace

void boot_information_initialize(BootInformation& information, std::uint64_t magic,
                                 PhysicalAddress address) {
    const PhysicalAddress start{reinterpret_cast<std::uint64_t>(kernel_physical_start)};
    information.kernel_image = {
        start, reinterpret_cast<std::uint64_t>(kernel_physical_end) - start.value()};
    switch (magic) {
        case kPvhMagic:
            read_pvh(information, address);
            break;
        case kMultiboot2Magic:
            read_multiboot2(information, address);
            break;
        default:
            panic("started by an unknown loader (magic {x}): PVH or Multiboot2 is needed", magic);
    }
    if (information.regions.count == 0) panic("the loader gives no memory map");
    sort_regions(information);
}

PhysicalRange find_boot_memory(const BootInformation& information) {
    PhysicalRange best{};
    for_each_free(information, kLowMemory, [&](PhysicalRange range) {
        if (range.end() <= kFourGigabytes && range.bytes > best.bytes) best = range;
    });
    return best;
}

void boot_information_finish(BootInformation& information) {
    for_each_free(information, kLowMemory,
                  [&](PhysicalRange range) { information.free_memory.add(range); });

    PhysicalAddress low_end = kLowMemoryEnd;
    PhysicalAddress high_end = kFourGigabytes;
    for (const MemoryRegion& region : information.regions) {
        if (region.kind == MemoryKind::Reserved) continue;
        PhysicalAddress& limit = region.range.start < kFourGigabytes ? low_end : high_end;
        if (region.range.end() > limit) limit = region.range.end().align_up(kPageSize);
    }
    if (low_end < kFirstInterruptController) {
        information.device_memory.add({low_end, kFirstInterruptController - low_end});
    }
    const PhysicalAddress top{1ULL << features().physical_address_bits};
    if (high_end < top) information.device_memory.add({high_end, top - high_end});
}

}  // namespace redoubt::kernel
