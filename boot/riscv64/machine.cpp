// What the device tree says about processors and devices.
#include "boot/riscv64/machine.hpp"

#include <cstring>
#include <optional>

namespace redoubt::boot {
namespace {

constexpr std::uint32_t kSupervisorExternal = 9;

/// What is known so far.
struct Reader {
    BootInformation& information;
    Hardware& hardware = information.hardware;
    abi::MachineDescription& description = information.machine;
    std::uint32_t controllers[std::size(Hardware{}.processors.items)]{};  ///< phandles
    std::optional<std::size_t> processor{};  ///< the one whose nodes are read, if it is in the list
    LocalDevices local{};

    void read_processor(const DeviceTree::Node& node, const DeviceTree::Node& parent);
    void read_local_controller(const DeviceTree::Node& node);
    void read_console(const DeviceTree::Node& node, const DeviceTree::Node& parent);
    void read_plic(const DeviceTree::Node& node, const DeviceTree::Node& parent);
    void read_small_devices(const DeviceTree::Node& node, const DeviceTree::Node& parent);
};

void Reader::read_processor(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    if (node.string("device_type") != "cpu") return;
    processor = std::nullopt;
    const auto reg = node.first_register_range(parent);
    if (!reg || !node.is_enabled()) return;
    auto& list = hardware.processors;
    if (list.count == 0) {
        const std::string_view isa = node.string("riscv,isa").substr(0, sizeof hardware.isa - 1);
        isa.copy(hardware.isa, isa.size());
        static_assert(sizeof hardware.isa == sizeof information.processor);
        std::memcpy(information.processor, hardware.isa, sizeof hardware.isa);
    }
    const Processor found{reg->start.value(), kNoContext};
    list.add(found);
    if (list.dropped == 0) {
        processor = list.count - 1;
    } else if (found.hart == hardware.boot_hart) {  // has room whoever has not
        processor = list.count - 1;
        list.items[*processor] = found;
    }
}

/// The interrupt controller of the processor read last: what is in a node comes right after it.
void Reader::read_local_controller(const DeviceTree::Node& node) {
    if (!node.is_compatible("riscv,cpu-intc") || !processor) return;
    controllers[*processor] = node.cell("phandle").value_or(0);
}

void Reader::read_console(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    if (hardware.console.registers.bytes != 0 || !node.is_enabled()) return;
    if (!node.is_compatible("ns16550a") && !node.is_compatible("ns16550")) return;
    const auto reg = node.first_register_range(parent);
    if (!reg) return;
    hardware.console = {*reg, node.cell("reg-shift").value_or(0)};
    description.console = {reg->start.value(), node.cell("interrupts").value_or(0),
                           hardware.console.register_shift};
}

void Reader::read_plic(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    if (hardware.plic.bytes != 0 || !node.is_enabled()) return;
    if (!node.is_compatible("riscv,plic0") && !node.is_compatible("sifive,plic-1.0.0")) return;
    const auto reg = node.first_register_range(parent);
    const auto targets = node.property("interrupts-extended");
    if (!reg || !targets) return;
    hardware.plic = *reg;
    hardware.plic_sources = node.cell("riscv,ndev").value_or(0);
    // One context for each pair of a processor's controller and its interrupt.
    for (std::size_t i = 0; (i + 1) * 8 <= targets->size(); ++i) {
        const auto controller = DeviceTree::number(targets->subspan(i * 8), 4);
        const auto interrupt = DeviceTree::number(targets->subspan(i * 8 + 4), 4);
        if (interrupt != kSupervisorExternal) continue;
        for (std::size_t p = 0; p < hardware.processors.count; ++p) {
            if (controllers[p] == controller)
                hardware.processors.items[p].plic_context = static_cast<std::uint32_t>(i);
        }
    }
}

void Reader::read_small_devices(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    const auto reg = node.first_register_range(parent);
    if (!reg || !node.is_enabled()) return;
    if (node.is_compatible("google,goldfish-rtc")) local.real_time_clock = reg->start;
    if (node.is_compatible("sifive,test0")) {
        hardware.test_finisher = reg->start;
        description.test_finisher = reg->start.value();
    }
    if (node.is_compatible("virtio,mmio") &&
        description.virtio_count < abi::kMaximumVirtioDevices) {
        description.virtio[description.virtio_count++] = {reg->start.value(),
                                                          node.cell("interrupts").value_or(0), 0};
    }
    if (node.is_compatible("riscv,clint0") || node.is_compatible("sifive,clint0"))
        local.interruptor = *reg;
}

}  // namespace

LocalDevices read_machine(BootInformation& information, const DeviceTree& tree) {
    Reader reader{.information = information};
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        reader.read_processor(node, parent);
        reader.read_local_controller(node);
        if (const auto frequency = node.cell("timebase-frequency");
            frequency && node.name() == "cpus")
            information.ticks_per_second = *frequency;
        if (const auto seed = node.property("rng-seed"); seed && node.name() == "chosen") {
            for (const auto byte : *seed)
                reader.hardware.random_seed.add(std::to_integer<std::uint8_t>(byte));
        }
    });
    // In a second round, since it names the processors' controllers.
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        reader.read_plic(node, parent);
        reader.read_console(node, parent);
        reader.read_small_devices(node, parent);
    });
    return reader.local;
}

}  // namespace redoubt::boot
