// What PC loaders and firmware leave for the boot loader: PVH's and Multiboot2's information, ACPI
// tables, memory maps. It may end the start with a sentence, or tell the kernel what is sound.
#include <sanitizer/asan_interface.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "boot/x86_64/acpi.hpp"
#include "boot/x86_64/memory_layout.hpp"
#include "tests/fuzz/boot_checks.hpp"
#include "tests/unit/boot/low_memory.hpp"

namespace {

using namespace redoubt::boot;
using redoubt::boot::fuzz::Input;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kPvhMagic = 0x336EC578, kMultiboot2Magic = 0x36D76289;

/// Memory below 4 GiB, of which only what was put there may be read.
class Firmware {
  public:
    PhysicalAddress put(const Bytes& bytes) {
        const PhysicalAddress address = memory_.put(std::span<const std::uint8_t>{bytes});
        // The next one is 16 bytes further on at least.
        memory_.put(padding_, sizeof padding_);
        ASAN_POISON_MEMORY_REGION(redoubt::kernel::direct_map<std::uint8_t>(address + bytes.size()),
                                  sizeof padding_);
        return address;
    }

  private:
    redoubt::boot::test::LowMemory memory_;
    std::uint8_t padding_[16]{};
};

void set(Bytes& bytes, std::size_t offset, std::uint64_t value, std::size_t size) {
    if (bytes.size() < offset + size) bytes.resize(offset + size);
    std::memcpy(bytes.data() + offset, &value, size);
}

/// Tables with any contents behind a right header.
PhysicalAddress put_tables(Firmware& firmware, Input& input) {
    constexpr std::string_view kSignatures[] = {"APIC", "FACP", "HPET", "SSDT", "DSDT", "XXXX"};
    Bytes list(36);
    const bool wide = (input.byte() & 1) != 0;
    PhysicalAddress last{};
    for (unsigned count = input.byte() % 6; count != 0; --count) {
        const std::string_view signature = kSignatures[input.byte() % std::size(kSignatures)];
        Bytes table = input.bytes(input.byte() % 160);
        if (table.size() < 36) table.resize(36);
        std::memcpy(table.data(), signature.data(), 4);
        // Now and then it is shorter than it says, but never longer than what is there.
        set(table, 4, table.size() - input.byte() % 4, 4);
        if (signature == "FACP") {
            set(table, 40, last.value(), 4);
            if (table.size() > 52) table[52] = 0;  // already ours: no ports here
            if (table.size() > 140) set(table, 140, 0, 8);
        }
        last = firmware.put(table);
        set(list, list.size(), last.value(), wide ? 8 : 4);
    }
    set(list, 4, list.size(), 4);
    Bytes root(36);
    root[15] = wide ? 2 : 0;
    set(root, wide ? 24 : 16, firmware.put(list).value(), wide ? 8 : 4);
    return firmware.put(root);
}

PhysicalAddress put_pvh(Firmware& firmware, Input& input, PhysicalAddress root) {
    Bytes map = input.bytes(24 * (input.byte() % 140));
    map.resize(map.size() / 24 * 24);
    Bytes line = input.bytes(input.byte());
    line.push_back(0);
    Bytes start(56), module = input.bytes(32);
    module.resize(32);
    set(start, 4, input.byte() % 3, 4);
    set(start, 12, input.byte() % 2, 4);
    set(start, 16, firmware.put(module).value(), 8);
    set(start, 24, firmware.put(line).value(), 8);
    set(start, 32, root.value(), 8);
    set(start, 40, firmware.put(map).value(), 8);
    set(start, 48, map.size() / 24, 4);
    return firmware.put(start);
}

PhysicalAddress put_multiboot2(Firmware& firmware, Input& input) {
    Bytes tags = input.rest();
    tags.insert(tags.begin(), 8, 0);
    // A command line ends with its tag or before.
    tags.push_back(0);
    set(tags, 0, tags.size() - 1, 4);
    return firmware.put(tags);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{{data, size}};
    Firmware firmware;
    BootInformation told{};
    MemoryMap map{};
    try {
        const PhysicalAddress tables = put_tables(firmware, input);
        const bool pvh = (input.byte() & 1) != 0;
        const PhysicalAddress left =
            pvh ? put_pvh(firmware, input, tables) : put_multiboot2(firmware, input);
        read_loader_information(told, map, pvh ? kPvhMagic : kMultiboot2Magic, left);
        read_acpi(told, tables);
        told.kernel_image = {PhysicalAddress{0x20'0000}, 0x10'0000};
        const PhysicalRange loader{PhysicalAddress{0x10'0000}, 0x10'0000};
        lay_out_memory(told, map, loader, 40);
        fuzz::check(told, map, loader);
    } catch (const std::runtime_error&) {
        // It said why it cannot start.
    }
    return 0;
}
