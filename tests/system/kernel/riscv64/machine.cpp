// QEMU's virt: the 16550, the test finisher, and the alarm of the goldfish clock.
#include "tests/system/kernel/machine.hpp"

#include "libhvcall/native/syscall.hpp"

asm(".globl _start\n_start: li s0, 0\n call probe\n");

namespace redoubt::probe {
namespace {

constexpr std::uint64_t kFinisherPage = 0x10'0000, kClockPage = 0x10'1000, kUartPage = 0x1000'0000;
constexpr std::uint64_t kDeviceAddress = 0x20'0000'0000;  ///< where device pages are mapped

template <class T>
volatile T& device(std::uint64_t page, unsigned offset) {
    return *reinterpret_cast<volatile T*>(kDeviceAddress + page + offset);
}

/// Memory is taken from an Untyped in order: what lies before the page goes in powers of two.
void map_page(const abi::BootInfo& boot, native::Slot& next_slot, std::uint64_t page) {
    for (unsigned i = 0; i < boot.untyped_count; ++i) {
        const abi::UntypedDescription& untyped = boot.untyped[i];
        std::uint64_t at = untyped.physical_address;
        if (untyped.is_device == 0 || page < at || (page - at) >> untyped.size_bits != 0) continue;
        // The clock's page follows the finisher's, which has been taken already.
        at += (std::uint64_t{1} << untyped.size_bits) -
              native::identify(untyped.slot).value.free_bytes;
        while (at != page) {
            unsigned bits = abi::kPageBits;
            while (at >> (bits + 1) << (bits + 1) == at && at + (2ULL << bits) <= page) ++bits;
            native::retype(untyped.slot, abi::ObjectType::Untyped, bits, next_slot++);
            at += 1ULL << bits;
        }
        const native::Slot frame = next_slot++;
        native::retype(untyped.slot, abi::ObjectType::Frame, abi::kPageBits, frame);
        native::map(frame, static_cast<native::Slot>(abi::StartupSlot::AddressSpace),
                    kDeviceAddress + page,
                    abi::MapFlags::Read | abi::MapFlags::Write | abi::MapFlags::Uncached);
    }
}

}  // namespace

const std::uint32_t kTickLine = 11;
const unsigned char kSystemCall[] = {0x73, 0, 0, 0};
const unsigned kSystemCallBytes = sizeof kSystemCall;

void initialize_machine(const abi::BootInfo& boot, native::Slot& next_slot) {
    map_page(boot, next_slot, kUartPage);
    map_page(boot, next_slot, kFinisherPage);
    map_page(boot, next_slot, kClockPage);
}

void put(char character) {
    while ((device<std::uint8_t>(kUartPage, 5) & 0x20) == 0) {
    }
    device<std::uint8_t>(kUartPage, 0) = static_cast<std::uint8_t>(character);
}

void end_machine(unsigned code) {
    constexpr std::uint32_t kFail = 0x3333;
    device<std::uint32_t>(kFinisherPage, 0) = ((code + 1) * 2 + 1) << 16 | kFail;
}

void start_ticks() {
    constexpr std::uint64_t kNanoseconds = 1'000'000;
    const std::uint64_t low = device<std::uint32_t>(kClockPage, 0x00);
    const std::uint64_t now = std::uint64_t{device<std::uint32_t>(kClockPage, 0x04)} << 32 | low;
    const std::uint64_t alarm = now + kNanoseconds;
    device<std::uint32_t>(kClockPage, 0x10) = 1;
    device<std::uint32_t>(kClockPage, 0x0C) = static_cast<std::uint32_t>(alarm >> 32);
    device<std::uint32_t>(kClockPage, 0x08) = static_cast<std::uint32_t>(alarm);
}

void next_tick(native::Slot irq) {
    device<std::uint32_t>(kClockPage, 0x1C) = 1;
    start_ticks();
    native::irq_acknowledge(irq);
}

}  // namespace redoubt::probe
