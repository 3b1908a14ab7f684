// Wiring vCPUs, chipset and buses; starting Linux.
#include "arch/platform.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <span>

#include "arch/memory_layout.hpp"
#include "vmmd/arch/x86_64/boot/acpi.hpp"
#include "vmmd/arch/x86_64/boot/bzimage.hpp"
#include "vmmd/arch/x86_64/cpu/initial_state.hpp"
#include "vmmd/arch/x86_64/devices/acpi_pm.hpp"
#include "vmmd/arch/x86_64/devices/io_apic.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/devices/reset_control.hpp"
#include "vmmd/image_file.hpp"
#include "vmmd/trace/exit_trace.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestPhysicalAddress;

AcpiHardware acpi_hardware(unsigned vcpus, std::uint64_t memory_bytes) {
    AcpiHardware hardware;
    hardware.pm1_event_port = AcpiPm::kPm1EventPort;
    hardware.pm1_control_port = AcpiPm::kPm1ControlPort;
    hardware.pm_timer_port = AcpiPm::kPmTimerPort;
    hardware.reset_port = ResetControl::kResetPort;
    hardware.reset_value = ResetControl::kResetValue;
    hardware.sleep_type_s5 = AcpiPm::kSleepTypeS5;
    hardware.sci = AcpiPm::kSciInterrupt;
    hardware.io_apic_address = kIoApicBase;
    hardware.local_apic_address = kLocalApicBase;
    hardware.pci_memory_base = static_cast<std::uint32_t>(low_memory_end(memory_bytes));
    hardware.vcpus = vcpus;
    return hardware;
}

}  // namespace

Platform::Platform(PlatformHost host)
    : host_(std::move(host)),
      cpuid_(host_cpuid, host_xcr0(), host_.config.cpus),
      unclaimed_ports_("port", host_.clock, host_.log),
      unclaimed_memory_("memory", host_.clock, host_.log),
      unknown_msrs_(host_.log),
      ports_(unclaimed_ports_),
      mmio_(unclaimed_memory_),
      chipset_(host_.timers(0), chipset_options()) {
    chipset_.attach(
        [&](auto base, auto size, Device& device) { ports_.attach(base, size, device); },
        [&](auto base, auto size, Device& device) { mmio_.attach(base, size, device); });
    const auto report_msr = [this](std::uint32_t number, bool write, std::uint64_t value) {
        unknown_msrs_.report(number | std::uint64_t{write} << 32, [&] {
            char line[96];
            std::snprintf(line, sizeof line, write ? "%s %#x = %#llx: #GP" : "%s %#x: #GP",
                          write ? "write of unknown MSR" : "read of unknown MSR", number,
                          static_cast<unsigned long long>(value));
            return std::string(line);
        });
    };
    for (unsigned i = 0; i < host_.config.cpus; ++i) {
        auto& apic = chipset_.local_apic(i);
        const auto cpuid = cpuid_.table(apic.id());
        host_.vcpu(i).set_identification(std::as_bytes(std::span{cpuid}));
        msrs_.push_back(std::make_unique<MsrBank>(host_.vcpu(i), host_.memory, host_.hypervisor,
                                                  cpuid_, apic, chipset_.tsc(i), report_msr));
    }
}

ExitContext Platform::context(unsigned vcpu) {
    return {host_.vcpu(vcpu),          host_.memory, ports_,         mmio_,
            chipset_.local_apic(vcpu), cpuid_,       *msrs_.at(vcpu)};
}

ChipsetOptions Platform::chipset_options() {
    using Kind = VcpuSignal::Kind;
    ChipsetOptions chipset;
    chipset.vcpus = host_.config.cpus;
    chipset.tsc_frequency_hz = host_.hypervisor.ticks_per_second();
    chipset.memory_bytes = host_.config.memory_bytes;
    chipset.real_time_seconds = host_.hypervisor.real_time_seconds();
    chipset.serial = host_.serial;
    chipset.vcpu_timers = host_.timers;
    chipset.kick_vcpu = host_.kick;
    chipset.power_off = host_.power_off;
    chipset.reset = host_.reset;
    chipset.nmi_vcpu = [this](unsigned vcpu) { host_.send(vcpu, {Kind::Nmi}); };
    chipset.init_vcpu = [this](unsigned vcpu) {
        if (vcpu != 0) return host_.send(vcpu, {Kind::Init});
        // The boot processor would go on in the firmware, which would start everything anew.
        host_.reset("by an INIT of its boot processor");
    };
    chipset.startup_vcpu = [this](unsigned vcpu, std::uint8_t vector) {
        host_.send(vcpu, {Kind::Startup, vector});
    };
    return chipset;
}

void Platform::power_on() {
    chipset_.reset_all();
    unknown_msrs_.reset();
    const auto bytes = host_.config.memory_bytes;
    const auto tsc_zero = host_.hypervisor.ticks_now();
    for (unsigned i = 0; i < host_.config.cpus; ++i) {
        auto& state = host_.vcpu(i).state();
        set_reset_state(state);
        // After RESET it would be 1. But QEMU 7.2 does not intercept XSETBV, so the first writing
        // would go unseen, and CPUID would tell a size that is wrong. Starting with everything on,
        // as nearly every system has it in the end, needs no writing.
        state.xcr0 = cpuid_.xcr0_mask() | 1;
        msrs_[i]->reset(low_memory_end(bytes), memory_end(bytes), tsc_zero);
    }
}

void Platform::load_linux() {
    const auto& config = host_.config;
    const auto& memory = host_.memory;
    auto kernel = value_or_throw(ImageFile::open(config.kernel, host_.folder));
    std::array<std::uint8_t, kBzImageHeaderBytes> header{};
    if (kernel.size() >= header.size()) value_or_throw(kernel.read(0, header));
    const auto image = check_bzimage(header, kernel.size());
    if (!image) throw std::runtime_error(config.kernel + ": " + image.error());

    auto initrd = open_initrd(config, host_.folder);
    LinuxBoot boot;
    boot.header = header;
    boot.initrd_bytes = initrd ? initrd->size() : 0;
    boot.cmdline = config.cmdline;
    boot.memory_bytes = config.memory_bytes;
    boot.placement = value_or_throw(place_linux(*image, boot.initrd_bytes, config.memory_bytes));
    boot.rsdp =
        value_or_throw(write_acpi_tables(memory, acpi_hardware(config.cpus, config.memory_bytes)));

    // Both ranges are inside: place_linux has checked them.
    value_or_throw(
        kernel.read(image->setup_bytes, memory.at(GuestPhysicalAddress{boot.placement.kernel},
                                                  kernel.size() - image->setup_bytes)));
    if (initrd && initrd->size() != 0) {
        value_or_throw(initrd->read(
            0, memory.at(GuestPhysicalAddress{boot.placement.initrd}, initrd->size())));
    }
    set_linux_entry_state(host_.vcpu(0).state(),
                          value_or_throw(write_linux_boot_data(memory, *image, boot)));
}

std::expected<void, std::string> Platform::press_power_button() {
    chipset_.press_power_button();
    return {};
}

std::string_view Platform::handler_of(const ExitRecord& record) const {
    if (record.kind == abi::ExitKind::PortIo) {
        return ports_.device_at(static_cast<std::uint16_t>(record.info));
    }
    if (record.kind != abi::ExitKind::Mmio || record.size == 0) return {};
    const auto device = mmio_.device_at(record.info);
    // Each vCPU has its own behind the same address, so it is on no bus.
    const bool apic = device.empty() && record.info - kLocalApicBase < 0x1000;
    return apic ? "local-apic" : device;
}

}  // namespace redoubt::vmmd
