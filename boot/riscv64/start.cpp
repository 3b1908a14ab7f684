// The loader's way from the first instructions to the kernel's.
#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "boot/fail.hpp"
#include "boot/init_program.hpp"
#include "boot/riscv64/machine.hpp"
#include "boot/riscv64/memory_layout.hpp"
#include "boot/riscv64/paging.hpp"

extern "C" const char loader_start_address[], kernel_text_start[], kernel_data_end[];

namespace redoubt::boot {
namespace {

constinit BootInformation information{};

PhysicalAddress at(const char* symbol) {
    return kernel::image_physical(reinterpret_cast<std::uint64_t>(symbol));
}

/// The 16550, which the kernel's console uses as it finds it. The divisor stays: it depends on a
/// clock that the firmware knows.
void set_up_serial_port(const Console& console) {
    if (console.registers.bytes == 0) return;
    const auto set = [&](unsigned index, std::uint8_t value) {
        *kernel::direct_map<volatile std::uint8_t>(
            console.registers.start + (std::uint64_t{index} << console.register_shift)) = value;
    };
    set(1, 0);     // no interrupts
    set(3, 0x03);  // 8 bits, no parity
    set(2, 0x07);  // FIFOs
    set(4, 0x0B);  // DTR, RTS, OUT2
}

/// Seconds since 1970, of a goldfish clock; reading the low half latches the high one.
std::uint64_t read_real_time_clock(PhysicalAddress clock) {
    constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
    if (clock.value() == 0) return 0;
    const auto* registers = kernel::direct_map<const volatile std::uint32_t>(clock);
    const std::uint64_t low = registers[0];
    return (std::uint64_t{registers[1]} << 32 | low) / kNanosecondsPerSecond;
}

}  // namespace

/// boot.S comes here with the kernel's stack and the boot tables.
extern "C" const BootInformation* loader_start(std::uint64_t hart, std::uint64_t device_tree) {
    constexpr std::size_t kHeaderBytes = 40, kMaximumBytes = 2 << 20;
    information.entry_ticks = kernel::ticks_now();
    information.hardware.boot_hart = hart;
    const PhysicalAddress address{device_tree};
    if (address >= kernel::kDirectMapEnd39)
        fail("the device tree is not below {x}", kernel::kDirectMapEnd39);
    const auto* blob = kernel::direct_map<const std::byte>(address);
    const std::size_t bytes = DeviceTree::size_of({blob, kHeaderBytes});
    if (bytes == 0 || bytes > kMaximumBytes) fail("the firmware passes no device tree");
    const auto tree = DeviceTree::open({blob, bytes});
    if (!tree) fail("the firmware passes a broken device tree");
    const LocalDevices local = read_machine(information, *tree);
    set_up_serial_port(information.hardware.console);
    if (information.ticks_per_second == 0)
        fail("the device tree does not tell the timebase frequency");
    information.real_time = read_real_time_clock(local.real_time_clock) -
                            kernel::ticks_now() / information.ticks_per_second;
    read_chosen(information, *tree);
    find_init(information);
    information.hardware.paging_levels = choose_paging(information.command_line, memory_end(*tree));

    const PhysicalAddress loader = at(loader_start_address), kernel = at(kernel_text_start);
    information.kernel_image = {kernel, at(kernel_data_end) - kernel};
    lay_out_memory(information, *tree, {address, bytes}, {loader, kernel - loader},
                   local.interruptor);
    return &information;
}

}  // namespace redoubt::boot

namespace redoubt::kernel {

/// The kernel's console and power-off, compiled into the loader too, look here.
const boot::BootInformation& boot_information() { return boot::information; }

}  // namespace redoubt::kernel
