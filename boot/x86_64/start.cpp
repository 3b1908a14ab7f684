// The loader's way from the first instructions to the kernel's.
#include <cstring>

#include "arch/msr.hpp"
#include "arch/paging.hpp"
#include "arch/port.hpp"
#include "arch/timer.hpp"
#include "boot/init_program.hpp"
#include "boot/x86_64/clocks.hpp"
#include "boot/x86_64/memory_layout.hpp"

extern "C" const char loader_physical_start[], kernel_physical_start[], kernel_physical_end[],
    boot_root[];

namespace redoubt::boot {
namespace {

constinit BootInformation information{};
constinit MemoryMap memory_map{};

PhysicalAddress at(const char* symbol) {
    return PhysicalAddress{reinterpret_cast<std::uint64_t>(symbol)};
}

/// COM1, which the kernel's console uses as it finds it.
void set_up_serial_port() {
    constexpr std::uint16_t kBase = 0x3F8;
    kernel::port_out8(kBase + 1, 0);     // no interrupts
    kernel::port_out8(kBase + 3, 0x80);  // divisor latch
    kernel::port_out8(kBase, 1);         // 115200 baud
    kernel::port_out8(kBase + 1, 0);
    kernel::port_out8(kBase + 3, 0x03);  // 8 bits, no parity
    kernel::port_out8(kBase + 2, 0x07);  // FIFOs
    kernel::port_out8(kBase + 4, 0x0B);  // DTR, RTS, OUT2
}

/// The PICs: out of the way of the exceptions' vectors, and masked for good; a spurious interrupt
/// must not look like #DF.
void silence_legacy_pics() {
    constexpr std::uint16_t kPrimary = 0x20, kSecondary = 0xA0;
    kernel::port_out8(kPrimary, 0x11);
    kernel::port_out8(kSecondary, 0x11);
    kernel::port_out8(kPrimary + 1, 0x20);
    kernel::port_out8(kSecondary + 1, 0x28);
    kernel::port_out8(kPrimary + 1, 4);
    kernel::port_out8(kSecondary + 1, 2);
    kernel::port_out8(kPrimary + 1, 1);
    kernel::port_out8(kSecondary + 1, 1);
    kernel::port_out8(kPrimary + 1, 0xFF);
    kernel::port_out8(kSecondary + 1, 0xFF);
}

/// "Processor Name String" (APM vol. 3, E.4.3), without the blanks at its end.
void name_processor() {
    if (kernel::cpuid(0x8000'0000).eax < 0x8000'0004) return;
    for (unsigned i = 0; i < 3; ++i) {
        const kernel::CpuidResult part = kernel::cpuid(0x8000'0002 + i);
        std::memcpy(information.processor + 16 * i, &part, 16);
    }
    for (std::size_t i = std::strlen(information.processor);
         i > 0 && information.processor[i - 1] == ' '; --i) {
        information.processor[i - 1] = '\0';
    }
}

unsigned physical_address_bits() {
    if (kernel::cpuid(0x8000'0000).eax < 0x8000'0008) return 36;
    return kernel::cpuid(0x8000'0008).eax & 0xFF;
}

}  // namespace

/// entry.S comes here with the loader's stack and tables.
extern "C" const BootInformation* loader_start(std::uint32_t magic, std::uint32_t address) {
    information.entry_ticks = kernel::ticks_now();
    set_up_serial_port();
    silence_legacy_pics();
    name_processor();
    const RootPointer root =
        read_loader_information(information, memory_map, magic, PhysicalAddress{address});
    const AcpiClocks clocks = read_acpi(information, root);
    read_clocks(information, clocks);
    find_init(information);

    const PhysicalAddress loader = at(loader_physical_start), kernel = at(kernel_physical_start);
    information.kernel_image = {kernel, at(kernel_physical_end) - kernel};
    lay_out_memory(information, memory_map, {loader, kernel - loader}, physical_address_bits());
    information.hardware.start_root =
        kernel::image_physical(reinterpret_cast<std::uint64_t>(boot_root));
    return &information;
}

}  // namespace redoubt::boot
