// The local APIC (APM vol. 2, chapter 16), through memory or as x2APIC through MSRs.
#include "arch/apic.hpp"

#include "arch/cpu.hpp"
#include "arch/msr.hpp"
#include "arch/paging.hpp"
#include "arch/power.hpp"
#include "arch/vectors.hpp"

namespace redoubt::kernel {
namespace {

enum class Register : std::uint32_t {
    Id = 0x20,
    TaskPriority = 0x80,
    EndOfInterrupt = 0xB0,
    Spurious = 0xF0,
    Line0 = 0x350,
    Line1 = 0x360,
    CommandLow = 0x300,
    CommandHigh = 0x310,
    Timer = 0x320,
    Error = 0x370,
    InitialCount = 0x380,
    Divide = 0x3E0,
};

constexpr std::uint64_t kApicEnable = 1 << 11, kX2ApicEnable = 1 << 10,
                        kApicAddress = 0xF'FFFF'FFFF'F000;
constexpr std::uint32_t kSoftwareEnable = 1 << 8, kMasked = 1 << 16, kDeliverNmi = 4 << 8;
constexpr std::uint32_t kTscDeadlineMode = 2 << 17, kDivideByOne = 0xB;
/// The interrupt command register (APM vol. 2, 16.5): delivery modes and the rest.
constexpr std::uint32_t kCommandNmi = 4 << 8, kCommandInit = 5 << 8, kCommandStartup = 6 << 8,
                        kCommandPending = 1 << 12, kCommandAssert = 1 << 14,
                        kCommandToOthers = 3 << 18;

bool x2apic = false;
volatile std::uint32_t* registers = nullptr;

void write(Register which, std::uint32_t value) {
    const auto offset = static_cast<std::uint32_t>(which);
    if (x2apic) {
        write_msr(kMsrX2ApicBase + (offset >> 4), value);
    } else {
        registers[offset / 4] = value;
    }
}

std::uint32_t read(Register which) {
    const auto offset = static_cast<std::uint32_t>(which);
    if (x2apic) return static_cast<std::uint32_t>(read_msr(kMsrX2ApicBase + (offset >> 4)));
    return registers[offset / 4];
}

/// Enables the local APIC of this processor.
void enable() {
    write_msr(kMsrApicBase, read_msr(kMsrApicBase) | kApicEnable | (x2apic ? kX2ApicEnable : 0));
    write(Register::TaskPriority, 0);
    write(Register::Spurious, kSoftwareEnable | kVectorSpurious);
    write(Register::Line0, kMasked);
    write(Register::Line1, kMasked);
    write(Register::Error, kMasked);
    this_cpu().apic_id = x2apic ? read(Register::Id) : read(Register::Id) >> 24;
}

/// Ends only when the command was taken.
void send(std::uint32_t apic_id, std::uint32_t command) {
    if (x2apic) {
        // Unlike a store to memory, the write of the MSR could overtake stores before it.
        asm volatile("mfence" : : : "memory");
        write_msr(kMsrX2ApicBase + (static_cast<std::uint32_t>(Register::CommandLow) >> 4),
                  std::uint64_t{apic_id} << 32 | command);
        return;
    }
    write(Register::CommandHigh, apic_id << 24);
    write(Register::CommandLow, command);
    while ((read(Register::CommandLow) & kCommandPending) != 0) asm volatile("pause");
}

}  // namespace

void apic_initialize() {
    x2apic = features().x2apic;
    if (!x2apic) {
        const PhysicalAddress base{read_msr(kMsrApicBase) & kApicAddress};
        registers = static_cast<volatile std::uint32_t*>(map_device_page(base));
    }
    enable();
    write(Register::Line1, kDeliverNmi);
}

void apic_initialize_processor() { enable(); }

void apic_end_of_interrupt() { write(Register::EndOfInterrupt, 0); }

void apic_send_interrupt(std::uint32_t apic_id, unsigned vector) {
    send(apic_id, kCommandAssert | vector);
}
void apic_send_init(std::uint32_t apic_id) { send(apic_id, kCommandInit | kCommandAssert); }
void apic_send_startup(std::uint32_t apic_id, PhysicalAddress page) {
    send(apic_id,
         kCommandStartup | kCommandAssert | static_cast<std::uint32_t>(page.value() >> kPageBits));
}
void stop_other_processors() {
    if (cpu_count() > 1) send(0, kCommandNmi | kCommandAssert | kCommandToOthers);
}

void apic_timer_setup(bool tsc_deadline) {
    write(Register::Divide, kDivideByOne);
    write(Register::Timer, kVectorTimer | (tsc_deadline ? kTscDeadlineMode : 0));
    // The mode must have arrived before the first write of the deadline MSR (APM vol. 2, 16.4.1).
    asm volatile("mfence" : : : "memory");
}
void apic_timer_start(std::uint32_t count) { write(Register::InitialCount, count); }

}  // namespace redoubt::kernel
