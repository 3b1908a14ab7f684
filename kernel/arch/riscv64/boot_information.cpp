// What the device tree tells about memory and the loader, turned into BootInformation.
#include "arch/boot_allocator.hpp"
#include "arch/boot_memory.hpp"
#include "arch/machine.hpp"
#include "arch/paging.hpp"
#include "kernel/panic.hpp"

extern "C" const char kernel_text_start[], kernel_data_end[];

namespace redoubt::kernel {
namespace {

/// Where the kernel's direct map ends: physical addresses beyond it are not used.
constexpr PhysicalAddress kDirectMapLimit{1ULL << 46};

using ReservedRanges = BootList<PhysicalRange, 32>;

/// `linux,initrd-start` and `-end` are of either size.
std::uint64_t chosen_number(const DeviceTree::Node& chosen, std::string_view name) {
    const auto value = chosen.property(name);
    if (!value || (value->size() != 4 && value->size() != 8)) return 0;
    return DeviceTree::number(*value, static_cast<unsigned>(value->size()));
}

void read_chosen(BootInformation& information, const DeviceTree::Node& chosen) {
    char text[sizeof information.command_line]{};
    const std::string_view arguments = chosen.string("bootargs");
    const std::size_t length = arguments.size() < sizeof text ? arguments.size() : sizeof text - 1;
    __builtin_memcpy(text, arguments.data(), length);
    copy_command_line(information, text);
    const std::uint64_t start = chosen_number(chosen, "linux,initrd-start");
    const std::uint64_t end = chosen_number(chosen, "linux,initrd-end");
    if (start < end) information.boot_module = {PhysicalAddress{start}, end - start};
}

void add_region(BootInformation& information, PhysicalRange range, MemoryKind kind) {
    if (range.bytes != 0) information.regions.add({range, kind});
}

void read_memory(BootInformation& information, const DeviceTree& tree,
                 const ReservedRanges& reserved) {
    for (const PhysicalRange& range : reserved)
        add_region(information, range, MemoryKind::Reserved);
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        if (node.string("device_type") != "memory" || !node.is_enabled()) return;
        node.for_each_register_range(parent, [&](PhysicalRange range) {
            if (range.start >= kDirectMapLimit || range.bytes > kDirectMapLimit - range.start)
                return;
            without(range, reserved.items, reserved.count, [&](PhysicalRange usable) {
                add_region(information, usable, MemoryKind::Usable);
            });
        });
    });
}

/// The firmware's memory, and the tree itself.
ReservedRanges find_reserved(const DeviceTree& tree, PhysicalRange blob) {
    ReservedRanges reserved{};
    reserved.add(page_rounded(blob));
    tree.for_each_reservation([&](PhysicalRange range) { reserved.add(page_rounded(range)); });
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        if (parent.name() != "reserved-memory") return;
        node.for_each_register_range(
            parent, [&](PhysicalRange range) { reserved.add(page_rounded(range)); });
    });
    if (reserved.dropped != 0) panic("the device tree reserves too many ranges of memory");
    return reserved;
}

void describe_devices(abi::MachineDescription& description) {
    const Machine& found = machine();
    if (found.console.registers.bytes != 0) {
        description.console = {found.console.registers.start.value(), found.console.interrupt,
                               found.console.register_shift};
    }
    description.test_finisher = found.test_finisher.value();
    static_assert(sizeof found.virtio.items / sizeof(MachineVirtio) == abi::kMaximumVirtioDevices);
    for (const MachineVirtio& device : found.virtio) {
        description.virtio[description.virtio_count++] = {device.registers.value(),
                                                          device.interrupt, 0};
    }
}

}  // namespace

void boot_information_initialize(BootInformation& information, std::uint64_t,
                                 PhysicalAddress address) {
    constexpr std::size_t kHeaderBytes = 40, kMaximumBytes = 2 << 20;
    const auto* blob = direct_map<const std::byte>(address);
    const std::size_t bytes = DeviceTree::size_of({blob, kHeaderBytes});
    if (bytes == 0 || bytes > kMaximumBytes) panic("the firmware passes no device tree");
    const auto tree = DeviceTree::open({blob, bytes});
    if (!tree) panic("the firmware passes a broken device tree");
    machine_initialize(*tree);
    describe_devices(information.machine);

    const PhysicalAddress start =
        image_physical(reinterpret_cast<std::uint64_t>(kernel_text_start));
    information.kernel_image = {start,
                                static_cast<std::uint64_t>(kernel_data_end - kernel_text_start)};
    tree->for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node&) {
        if (node.name() == "chosen") read_chosen(information, node);
    });
    read_memory(information, *tree, find_reserved(*tree, {address, bytes}));
    if (information.regions.count == 0) panic("the device tree names no memory");
    sort_regions(information);
}

PhysicalRange find_boot_memory(const BootInformation& information) {
    PhysicalRange best{};
    for_each_free(information, {}, [&](PhysicalRange range) {
        if (range.bytes > best.bytes) best = range;
    });
    return best;
}

void boot_information_finish(BootInformation& information) {
    for_each_free(information, {},
                  [&](PhysicalRange range) { information.free_memory.add(range); });

    // Devices are where no memory is; the kernel keeps its interrupt controllers to itself.
    PhysicalRange owned[std::size(information.regions.items) + 2];
    std::size_t count = 0;
    owned[count++] = page_rounded(machine().plic);
    owned[count++] = page_rounded(machine().local_interruptor);
    PhysicalAddress end{0};
    for (const MemoryRegion& region : information.regions) {
        owned[count++] = page_rounded(region.range);
        if (region.range.end() > end) end = region.range.end().align_up(kPageSize);
    }
    without({PhysicalAddress{0}, end.value()}, owned, count,
            [&](PhysicalRange range) { information.device_memory.add(range); });
    if (end < kDirectMapLimit) information.device_memory.add({end, kDirectMapLimit - end});
}

}  // namespace redoubt::kernel
