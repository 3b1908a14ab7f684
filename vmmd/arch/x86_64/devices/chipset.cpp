// The machine's wiring: which line ends where, and which ports are whose.
#include "arch/chipset.hpp"

#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "vmmd/arch/x86_64/devices/acpi_pm.hpp"
#include "vmmd/arch/x86_64/devices/debug_port.hpp"
#include "vmmd/arch/x86_64/devices/i8042.hpp"
#include "vmmd/arch/x86_64/devices/interrupt_bus.hpp"
#include "vmmd/arch/x86_64/devices/io_apic.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/devices/pci_host.hpp"
#include "vmmd/arch/x86_64/devices/pic.hpp"
#include "vmmd/arch/x86_64/devices/pit.hpp"
#include "vmmd/arch/x86_64/devices/post_port.hpp"
#include "vmmd/arch/x86_64/devices/reset_control.hpp"
#include "vmmd/arch/x86_64/devices/rtc.hpp"
#include "vmmd/devices/serial.hpp"

namespace redoubt::vmmd {

namespace {

constexpr unsigned kTimerIrq = 0;
constexpr unsigned kKeyboardIrq = 1;
constexpr unsigned kSerialIrq = 4;
constexpr unsigned kRtcIrq = 8;
constexpr std::uint64_t kSerialPort = 0x3F8;

/// A range of ports and the offset its device knows the first one by.
struct PortRange {
    Device& device;
    std::uint64_t base, size, first_offset;
};

}  // namespace

struct Chipset::Parts {
    Parts(TimerQueue& timers, ChipsetOptions& options);

    std::vector<std::unique_ptr<LocalApic>> make_local_apics(TimerQueue& timers);
    ForkedLine fork(unsigned irq) {
        return {pic.input(irq), io_apic.input(irq == kTimerIrq ? 2 : irq)};
    }
    template <std::size_t... kIrq>
    std::array<ForkedLine, 16> forks(std::index_sequence<kIrq...>) {
        return {fork(kIrq)...};
    }
    std::vector<PortRange> ports();
    void reset();

    ChipsetOptions options;
    // A vector would move the clocks, whose atomics do not.
    std::vector<std::unique_ptr<TscClock>> tscs;
    InterruptBus bus;
    std::vector<std::unique_ptr<LocalApic>> local_apics;
    IoApic io_apic;
    Pic pic;
    std::array<ForkedLine, 16> isa;
    Pit pit;
    Rtc rtc;
    Serial serial;
    I8042 i8042;
    AcpiPm acpi_pm;
    ResetControl reset_control;
    PciHost pci_host;
    PostPort post_port;
    std::optional<DebugPort> debug_port;
    std::vector<std::pair<PortRange, std::unique_ptr<DeviceWindow>>> windows;
};

Chipset::Parts::Parts(TimerQueue& timers, ChipsetOptions& given)
    : options(std::move(given)),
      local_apics(make_local_apics(timers)),
      io_apic([this](const InterruptMessage& message) { bus.send(message); }),
      pic(local_apics.front()->external_interrupt()),
      isa(forks(std::make_index_sequence<16>())),
      pit(timers, isa[kTimerIrq]),
      rtc(timers, isa[kRtcIrq],
          std::chrono::sys_seconds(std::chrono::seconds(options.real_time_seconds)),
          options.memory_bytes),
      serial(timers, isa[kSerialIrq], options.serial),
      i8042(isa[kKeyboardIrq], options.reset),
      acpi_pm(timers, isa[AcpiPm::kSciInterrupt], options.power_off),
      reset_control(options.reset),
      pci_host(reset_control) {
    if (options.debug_port) debug_port.emplace(options.debug_port);
    for (const auto& range : ports()) {
        windows.emplace_back(range,
                             std::make_unique<DeviceWindow>(range.device, range.first_offset));
    }
    local_apics.front()->enable_virtual_wire();
}

std::vector<std::unique_ptr<LocalApic>> Chipset::Parts::make_local_apics(TimerQueue& timers) {
    std::vector<std::unique_ptr<LocalApic>> apics;
    for (unsigned vcpu = 0; vcpu < options.vcpus; ++vcpu) {
        auto& own_timers = options.vcpu_timers ? options.vcpu_timers(vcpu) : timers;
        tscs.push_back(std::make_unique<TscClock>(timers.clock(), options.tsc_frequency_hz));
        LocalApicWiring wiring;
        wiring.kick = [this, vcpu] {
            if (options.kick_vcpu) options.kick_vcpu(vcpu);
        };
        wiring.send = [this](const InterruptMessage& message) { bus.send(message); };
        wiring.end_of_interrupt = [this](std::uint8_t vector) { io_apic.end_of_interrupt(vector); };
        wiring.acknowledge_external = [this] { return pic.acknowledge(); };
        wiring.init = [this, vcpu] {
            if (options.init_vcpu) options.init_vcpu(vcpu);
        };
        wiring.startup = [this, vcpu](std::uint8_t vector) {
            if (options.startup_vcpu) options.startup_vcpu(vcpu, vector);
        };
        wiring.nmi = [this, vcpu] {
            if (options.nmi_vcpu) options.nmi_vcpu(vcpu);
        };
        apics.push_back(
            std::make_unique<LocalApic>(vcpu, own_timers, *tscs[vcpu], std::move(wiring)));
        bus.attach(*apics.back());
    }
    return apics;
}

std::vector<PortRange> Chipset::Parts::ports() {
    std::vector<PortRange> ranges = {
        {pic, 0x20, 2, 0x20},
        {pic, 0xA0, 2, 0xA0},
        {pic, 0x4D0, 2, 0x4D0},
        {pit, 0x40, 4, 0x40},
        {pit, 0x61, 1, 0x61},
        {i8042, 0x60, 1, 0x60},
        {i8042, 0x64, 1, 0x64},
        {i8042, 0x92, 1, 0x92},
        {rtc, 0x70, 2, 0},
        {post_port, 0x80, 1, 0},
        {post_port, 0xED, 1, 0},
        {serial, kSerialPort, Serial::kSize, 0},
        {acpi_pm, AcpiPm::kPort, AcpiPm::kSize, 0},
        {pci_host, PciHost::kPort, PciHost::kSize, 0},
    };
    if (debug_port) {
        ranges.push_back({*debug_port, 0x402, 1, 0});
        ranges.push_back({*debug_port, 0xE9, 1, 0});
    }
    return ranges;
}

void Chipset::Parts::reset() {
    for (auto& apic : local_apics) apic->reset();
    for (Device* device :
         std::initializer_list<Device*>{&io_apic, &pic, &pit, &rtc, &serial, &i8042, &acpi_pm,
                                        &reset_control, &pci_host, &post_port}) {
        device->reset();
    }
    local_apics.front()->enable_virtual_wire();
}

Chipset::Chipset(TimerQueue& timers, ChipsetOptions options)
    : parts_(std::make_unique<Parts>(timers, options)) {}

Chipset::~Chipset() = default;

void Chipset::attach(const Attach& ports, const Attach& memory) {
    for (auto& [range, window] : parts_->windows) {
        // What starts at 0 needs no translation, and no second virtual call.
        ports(range.base, range.size, range.first_offset == 0 ? range.device : *window);
    }
    memory(kIoApicBase, IoApic::kSize, parts_->io_apic);
}

LocalApic& Chipset::local_apic(unsigned vcpu) { return *parts_->local_apics.at(vcpu); }

TscClock& Chipset::tsc(unsigned vcpu) { return *parts_->tscs.at(vcpu); }

CharacterInput& Chipset::serial_input() { return parts_->serial; }

InterruptLine& Chipset::isa_interrupt(unsigned irq) { return parts_->isa.at(irq); }

InterruptLine& Chipset::interrupt(unsigned gsi) { return parts_->io_apic.input(gsi); }

/// SDM vol. 3A 11.11: address bits 19..12 destination, 2 destination mode; data as an ICR's low
/// half.
void Chipset::message_signalled_interrupt(std::uint64_t address, std::uint32_t data) {
    InterruptMessage message;
    message.vector = static_cast<std::uint8_t>(data);
    message.mode = static_cast<DeliveryMode>(data >> 8 & 7);
    message.level = (data >> 15 & 1) != 0;
    message.logical = (address >> 2 & 1) != 0;
    message.destination = static_cast<std::uint32_t>(address >> 12 & 0xFF);
    parts_->bus.send(message);
}

void Chipset::reset_all() { parts_->reset(); }

void Chipset::press_power_button() { parts_->acpi_pm.press_power_button(); }

std::uint8_t Chipset::post_code() const { return parts_->post_port.last(); }

}  // namespace redoubt::vmmd
