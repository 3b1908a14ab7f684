// What the device tree says about the machine.
#include "arch/machine.hpp"

#include <cstring>

namespace redoubt::kernel {
namespace {

constinit Machine found{};

constexpr std::uint32_t kSupervisorExternal = 9;

template <std::size_t N>
void copy_text(char (&to)[N], std::string_view from) {
    const std::size_t length = from.size() < N - 1 ? from.size() : N - 1;
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

void read_processor(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    if (node.string("device_type") != "cpu" || !node.is_enabled()) return;
    const auto reg = node.first_register_range(parent);
    if (!reg) return;
    if (found.processors.count == 0) {
        copy_text(found.isa, node.string("riscv,isa"));
        copy_text(found.mmu_type, node.string("mmu-type"));
    }
    found.processors.add({reg->start.value(), 0, kNoContext});
}

/// The interrupt controller of the processor read last: nodes come parents first.
void read_local_controller(const DeviceTree::Node& node) {
    if (!node.is_compatible("riscv,cpu-intc") || found.processors.count == 0) return;
    found.processors.items[found.processors.count - 1].interrupt_controller =
        node.cell("phandle").value_or(0);
}

void read_console(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    if (found.console.registers.bytes != 0 || !node.is_enabled()) return;
    if (!node.is_compatible("ns16550a") && !node.is_compatible("ns16550")) return;
    const auto reg = node.first_register_range(parent);
    if (!reg) return;
    found.console = {*reg, node.cell("reg-shift").value_or(0), node.cell("interrupts").value_or(0)};
}

void read_plic(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    if (found.plic.bytes != 0 || !node.is_enabled()) return;
    if (!node.is_compatible("riscv,plic0") && !node.is_compatible("sifive,plic-1.0.0")) return;
    const auto reg = node.first_register_range(parent);
    const auto targets = node.property("interrupts-extended");
    if (!reg || !targets) return;
    found.plic = *reg;
    found.plic_sources = node.cell("riscv,ndev").value_or(0);
    // One context for each pair of a processor's controller and its interrupt.
    for (std::size_t i = 0; (i + 1) * 8 <= targets->size(); ++i) {
        const auto controller = DeviceTree::number(targets->subspan(i * 8), 4);
        const auto interrupt = DeviceTree::number(targets->subspan(i * 8 + 4), 4);
        if (interrupt != kSupervisorExternal) continue;
        for (std::size_t p = 0; p < found.processors.count; ++p) {
            MachineProcessor& processor = found.processors.items[p];
            if (processor.interrupt_controller == controller)
                processor.plic_context = static_cast<std::uint32_t>(i);
        }
    }
}

void read_small_devices(const DeviceTree::Node& node, const DeviceTree::Node& parent) {
    const auto reg = node.first_register_range(parent);
    if (!reg || !node.is_enabled()) return;
    if (node.is_compatible("google,goldfish-rtc")) found.real_time_clock = reg->start;
    if (node.is_compatible("sifive,test0")) found.test_finisher = reg->start;
    if (node.is_compatible("virtio,mmio"))
        found.virtio.add({reg->start, node.cell("interrupts").value_or(0)});
    if (node.is_compatible("riscv,clint0") || node.is_compatible("sifive,clint0"))
        found.local_interruptor = *reg;
}

}  // namespace

const Machine& machine() { return found; }

void machine_initialize(const DeviceTree& tree) {
    found = {};
    tree.for_each_node([](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        read_processor(node, parent);
        read_local_controller(node);
        if (const auto frequency = node.cell("timebase-frequency");
            frequency && node.name() == "cpus")
            found.timebase_frequency = *frequency;
        if (const auto seed = node.property("rng-seed"); seed && node.name() == "chosen")
            for (const auto byte : *seed) found.random_seed.add(std::uint8_t(byte));
    });
    // In a second round, since it names the processors' controllers.
    tree.for_each_node([](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        read_plic(node, parent);
        read_console(node, parent);
        read_small_devices(node, parent);
    });
}

bool isa_has(const char* isa, const char* extension) {
    const std::string_view wanted{extension};
    std::string_view rest{isa};
    while (!rest.empty()) {
        const std::size_t end = rest.find('_');
        if (rest.substr(0, end) == wanted) return true;
        if (end == std::string_view::npos) return false;
        rest.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace redoubt::kernel
