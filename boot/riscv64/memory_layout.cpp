// What the device tree tells about memory and what is in it.
#include "boot/riscv64/memory_layout.hpp"

#include <algorithm>
#include <iterator>

#include "arch/page_format.hpp"
#include "boot/fail.hpp"

namespace redoubt::boot {
namespace {

/// Of what is used during boot, and of all that is used.
using kernel::kDirectMapEnd39, kernel::kDirectMapEnd;

using ReservedRanges = BootList<PhysicalRange, 32>;

/// `linux,initrd-start` and `-end` are of either size.
std::uint64_t chosen_number(const DeviceTree::Node& chosen, std::string_view name) {
    const auto value = chosen.property(name);
    if (!value || (value->size() != 4 && value->size() != 8)) return 0;
    return DeviceTree::number(*value, static_cast<unsigned>(value->size()));
}

void read_chosen(BootInformation& information, const DeviceTree::Node& chosen) {
    copy_command_line(information, chosen.string("bootargs"));
    const std::uint64_t start = chosen_number(chosen, "linux,initrd-start");
    const std::uint64_t end = chosen_number(chosen, "linux,initrd-end");
    if (start < end) information.boot_archive = {PhysicalAddress{start}, end - start};
    if (PhysicalAddress{end} > kDirectMapEnd39)
        fail("the boot archive is not below {x}", kDirectMapEnd39);
}

template <class Visitor>
void for_each_memory(const DeviceTree& tree, Visitor&& visit) {
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        if (node.string("device_type") != "memory" || !node.is_enabled()) return;
        node.for_each_register_range(parent, [&](PhysicalRange range) {
            if (range.start < kDirectMapEnd && range.bytes <= kDirectMapEnd - range.start)
                visit(range);
        });
    });
}

/// In pieces below and above what is used during boot. Sv39 reaches no more.
void read_memory(MemoryMap& map, const DeviceTree& tree, std::uint64_t levels) {
    const auto above = levels == kernel::kFewestLevels ? MemoryKind::Reserved : MemoryKind::Usable;
    std::uint64_t left_out = 0;
    for_each_memory(tree, [&](PhysicalRange range) {
        const PhysicalAddress middle = std::clamp(kDirectMapEnd39, range.start, range.end());
        if (middle > range.start)
            map.add({{range.start, middle - range.start}, MemoryKind::Usable});
        if (middle == range.end()) return;
        map.add({{middle, range.end() - middle}, above});
        if (above == MemoryKind::Reserved) left_out += range.end() - middle;
    });
    if (left_out != 0)
        kernel::print("boot: {} MiB of memory are beyond {x} and left out\n", left_out >> 20,
                      kDirectMapEnd39);
}

/// The firmware's memory, and the tree itself.
void read_reserved(MemoryMap& map, const DeviceTree& tree, PhysicalRange blob) {
    const auto reserve = [&](PhysicalRange range) { map.add({range, MemoryKind::Reserved}); };
    reserve(blob);
    tree.for_each_reservation(reserve);
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        if (parent.name() == "reserved-memory") node.for_each_register_range(parent, reserve);
    });
    if (map.dropped != 0) fail("the device tree reserves too many ranges of memory");
}

/// Devices are where no memory is; the kernel keeps its interrupt controllers to itself.
void find_device_memory(BootInformation& information, const MemoryMap& map,
                        PhysicalRange local_interruptor) {
    BootList<PhysicalRange, std::size(MemoryMap{}.items) + 2> owned{};
    owned.add(page_rounded(information.hardware.plic));
    owned.add(page_rounded(local_interruptor));
    PhysicalAddress end{0};
    for (const MemoryRegion& region : map) {
        owned.add(page_rounded(region.range));
        end = std::max(end, region.range.end().align_up(kernel::kPageSize));
    }
    without({PhysicalAddress{0}, end.value()}, owned.items, owned.count,
            [&](PhysicalRange range) { information.device_memory.add(range); });
    if (end < kDirectMapEnd) information.device_memory.add({end, kDirectMapEnd - end});
}

}  // namespace

void read_chosen(BootInformation& information, const DeviceTree& tree) {
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node&) {
        if (node.name() == "chosen") read_chosen(information, node);
    });
}

PhysicalAddress memory_end(const DeviceTree& tree) {
    PhysicalAddress end{0};
    for_each_memory(tree, [&](PhysicalRange range) { end = std::max(end, range.end()); });
    return end;
}

void lay_out_memory(BootInformation& information, const DeviceTree& tree, PhysicalRange blob,
                    PhysicalRange loader, PhysicalRange local_interruptor) {
    static constinit MemoryMap map{};
    map = {};
    read_reserved(map, tree, blob);
    read_memory(map, tree, information.hardware.paging_levels);
    find_ram(information, map);
    find_free_memory(information, loader, {}, kDirectMapEnd39);
    find_device_memory(information, map, local_interruptor);
}

}  // namespace redoubt::boot
