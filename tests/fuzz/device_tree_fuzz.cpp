// Device trees that firmware hands over, broken ones and well-formed ones with any contents.
#include "boot/riscv64/machine.hpp"
#include "boot/riscv64/memory_layout.hpp"
#include "tests/fuzz/boot_checks.hpp"
#include "tests/unit/boot/riscv64/tree_builder.hpp"

namespace {

using namespace redoubt::boot;
using redoubt::boot::fuzz::Input;

std::vector<std::byte> whole_tree() {
    testing::TreeBuilder tree;
    tree.reserve(0x8000'0000, 0x4'0000);
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("chosen")
        .string("bootargs", "lock-statistics")
        .cells("linux,initrd-start", {0x8800'0000})
        .cells("linux,initrd-end", {0, 0x8810'0000})
        .cells("rng-seed", {1, 2, 3, 4, 5, 6, 7, 8})
        .end();
    tree.begin("memory@80000000")
        .string("device_type", "memory")
        .cells("reg", {0, 0x8000'0000, 0, 0x1000'0000})
        .end();
    tree.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("mmode@80000000").cells("reg", {0, 0x8000'0000, 0, 0x8'0000}).end().end();
    tree.begin("cpus")
        .cells("#address-cells", {1})
        .cells("#size-cells", {0})
        .cells("timebase-frequency", {10'000'000});
    for (const std::uint32_t hart : {0U, 1U}) {
        tree.begin("cpu")
            .string("device_type", "cpu")
            .cells("reg", {hart})
            .string("status", "okay")
            .string("riscv,isa", "rv64imafdch_sstc");
        tree.begin("interrupt-controller")
            .string("compatible", "riscv,cpu-intc")
            .cells("phandle", {hart + 1})
            .end();
        tree.end();
    }
    tree.end();
    tree.begin("soc").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("plic")
        .string("compatible", "riscv,plic0")
        .cells("reg", {0, 0xC00'0000, 0, 0x60'0000})
        .cells("riscv,ndev", {96})
        .cells("interrupts-extended", {1, 11, 1, 9, 2, 11, 2, 9})
        .end();
    for (const char* const device :
         {"ns16550a", "virtio,mmio", "google,goldfish-rtc", "sifive,test0", "riscv,clint0"}) {
        tree.begin("device")
            .string("compatible", device)
            .cells("reg", {0, 0x1000'0000, 0, 0x1000})
            .cells("interrupts", {10})
            .end();
    }
    return tree.end().end().build();
}

/// The input itself, or the tree above with some of its bytes changed: two for where, one for what.
std::vector<std::byte> blob_of(Input& input) {
    if ((input.byte() & 1) == 0) {
        const auto bytes = input.rest();
        const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
        return {data, data + bytes.size()};
    }
    static const std::vector<std::byte> whole = whole_tree();
    std::vector<std::byte> blob = whole;
    for (auto patch = input.bytes(3); patch.size() == 3; patch = input.bytes(3))
        blob[(patch[0] | patch[1] << 8) % blob.size()] = std::byte{patch[2]};
    return blob;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{{data, size}};
    const std::uint64_t paging_levels = 3 + input.byte() % 3;
    const std::vector<std::byte> blob = blob_of(input);
    if (blob.size() < 40) return 0;
    const std::size_t bytes = DeviceTree::size_of({blob.data(), 40});
    if (bytes == 0 || bytes > blob.size()) return 0;
    const auto tree = DeviceTree::open({blob.data(), bytes});
    if (!tree) return 0;
    try {
        BootInformation told{};
        const LocalDevices local = read_machine(told, *tree);
        read_chosen(told, *tree);
        told.hardware.paging_levels = paging_levels;
        const PhysicalRange loader{PhysicalAddress{0x8020'0000}, 0x10'0000};
        told.kernel_image = {PhysicalAddress{0x8030'0000}, 0x10'0000};
        lay_out_memory(told, *tree, {PhysicalAddress{0x8FE0'0000}, bytes}, loader,
                       local.interruptor);
        fuzz::check(told, MemoryMap{}, loader);
    } catch (const std::runtime_error&) {
        // It said why it cannot start.
    }
    return 0;
}
