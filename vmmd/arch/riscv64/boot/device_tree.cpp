// Nodes and properties as Linux's bindings have them (Documentation/devicetree/bindings).
#include "vmmd/arch/riscv64/boot/device_tree.hpp"

#include <cstdio>

#include "arch/memory_layout.hpp"
#include "vmmd/arch/riscv64/boot/fdt_writer.hpp"
#include "vmmd/arch/riscv64/devices/goldfish_rtc.hpp"
#include "vmmd/arch/riscv64/devices/plic.hpp"
#include "vmmd/arch/riscv64/devices/test_finisher.hpp"
#include "vmmd/devices/serial.hpp"

namespace redoubt::vmmd {

namespace {

// Handles; those of the harts' interrupt controllers follow.
constexpr std::uint32_t kPlicHandle = 1, kFinisherHandle = 2, kFirstHartHandle = 16;
// Interrupts of a hart, as in scause.
constexpr std::uint32_t kSupervisorExternal = 9;
constexpr std::uint32_t kSerialClockHz = 1'843'200;

std::string at(const char* name, std::uint64_t address) {
    char text[40];
    std::snprintf(text, sizeof text, "%s@%llx", name, static_cast<unsigned long long>(address));
    return text;
}

void write_chosen(FdtWriter& tree, const MachineTree& machine) {
    tree.begin_node("chosen");
    tree.property("bootargs", machine.cmdline);
    tree.property("stdout-path", "/soc/" + at("serial", kSerialBase));
    if (!machine.random_seed.empty()) tree.property("rng-seed", machine.random_seed);
    if (machine.initrd_bytes != 0) {
        tree.long_cells("linux,initrd-start", {machine.initrd});
        tree.long_cells("linux,initrd-end", {machine.initrd + machine.initrd_bytes});
    }
    tree.end_node();
}

std::string isa_string(const MachineTree& machine) {
    std::string isa = "rv64imafdc";
    if (machine.has_vectors) isa += "v";
    isa += "_zicsr_zifencei";
    if (machine.has_sstc) isa += "_sstc";
    return isa;
}

void write_harts(FdtWriter& tree, const MachineTree& machine) {
    tree.begin_node("cpus");
    tree.cells("#address-cells", {1});
    tree.cells("#size-cells", {0});
    tree.cells("timebase-frequency", {static_cast<std::uint32_t>(machine.timebase_hz)});
    for (std::uint32_t hart = 0; hart < machine.vcpus; ++hart) {
        tree.begin_node(at("cpu", hart));
        tree.property("device_type", "cpu");
        tree.cells("reg", {hart});
        tree.property("status", "okay");
        tree.property("compatible", "riscv");
        tree.property("riscv,isa", isa_string(machine));
        tree.property("mmu-type", "riscv,sv48");
        tree.begin_node("interrupt-controller");
        tree.property("compatible", "riscv,cpu-intc");
        tree.cells("#interrupt-cells", {1});
        tree.property("interrupt-controller");
        tree.cells("phandle", {kFirstHartHandle + hart});
        tree.end_node();
        tree.end_node();
    }
    tree.end_node();
}

/// A PLIC input and where it is connected.
void write_interrupt(FdtWriter& tree, std::uint32_t input) {
    tree.cells("interrupt-parent", {kPlicHandle});
    tree.cells("interrupts", {input});
}

void write_plic(FdtWriter& tree, const MachineTree& machine) {
    tree.begin_node(at("interrupt-controller", kPlicBase));
    tree.property("compatible", {"sifive,plic-1.0.0", "riscv,plic0"});
    tree.long_cells("reg", {kPlicBase, Plic::kSize});
    tree.cells("#address-cells", {0});
    tree.cells("#interrupt-cells", {1});
    tree.property("interrupt-controller");
    tree.cells("riscv,ndev", {Plic::kSources - 1});
    std::vector<std::uint32_t> contexts;
    for (std::uint32_t hart = 0; hart < machine.vcpus; ++hart) {
        contexts.insert(contexts.end(), {kFirstHartHandle + hart, kSupervisorExternal});
    }
    tree.cells("interrupts-extended", std::span<const std::uint32_t>(contexts));
    tree.cells("phandle", {kPlicHandle});
    tree.end_node();
}

void write_devices(FdtWriter& tree, const MachineTree& machine) {
    tree.begin_node("soc");
    tree.property("compatible", "simple-bus");
    tree.cells("#address-cells", {2});
    tree.cells("#size-cells", {2});
    tree.property("ranges");
    write_plic(tree, machine);

    tree.begin_node(at("serial", kSerialBase));
    tree.property("compatible", "ns16550a");
    tree.long_cells("reg", {kSerialBase, Serial::kSize});
    tree.cells("clock-frequency", {kSerialClockHz});
    write_interrupt(tree, kSerialInterrupt);
    tree.end_node();

    tree.begin_node(at("rtc", kRtcBase));
    tree.property("compatible", "google,goldfish-rtc");
    tree.long_cells("reg", {kRtcBase, GoldfishRtc::kSize});
    write_interrupt(tree, kRtcInterrupt);
    tree.end_node();

    tree.begin_node(at("test", kTestFinisherBase));
    tree.property("compatible", {"sifive,test1", "sifive,test0", "syscon"});
    tree.long_cells("reg", {kTestFinisherBase, TestFinisher::kSize});
    tree.cells("phandle", {kFinisherHandle});
    tree.end_node();
    tree.end_node();

    for (const bool reset : {false, true}) {
        tree.begin_node(reset ? "reboot" : "poweroff");
        tree.property("compatible", reset ? "syscon-reboot" : "syscon-poweroff");
        tree.cells("regmap", {kFinisherHandle});
        tree.cells("offset", {0});
        tree.cells("value", {reset ? TestFinisher::kReset : TestFinisher::kPass});
        tree.end_node();
    }
}

}  // namespace

std::vector<std::uint8_t> make_device_tree(const MachineTree& machine) {
    FdtWriter tree;
    tree.begin_node("");
    tree.cells("#address-cells", {2});
    tree.cells("#size-cells", {2});
    tree.property("compatible", "redoubt,virt");
    tree.property("model", "redoubt,virt");
    write_chosen(tree, machine);
    tree.begin_node(at("memory", kMemoryBase));
    tree.property("device_type", "memory");
    tree.long_cells("reg", {kMemoryBase, machine.memory_bytes});
    tree.end_node();
    write_harts(tree, machine);
    write_devices(tree, machine);
    tree.end_node();
    return tree.finish(0);
}

}  // namespace redoubt::vmmd
