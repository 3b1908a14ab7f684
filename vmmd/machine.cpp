// Building, starting and running a machine.
#include "vmmd/machine.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <stdexcept>

#include "libhvcall/error.hpp"
#include "vmmd/boot/acpi.hpp"
#include "vmmd/boot/bzimage.hpp"
#include "vmmd/config/text.hpp"
#include "vmmd/cpu/initial_state.hpp"
#include "vmmd/devices/acpi_pm.hpp"
#include "vmmd/devices/io_apic.hpp"
#include "vmmd/devices/local_apic.hpp"
#include "vmmd/devices/reset_control.hpp"
#include "vmmd/image_file.hpp"
#include "vmmd/memory/layout.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestPhysicalAddress;

template <class T>
T value_or_throw(std::expected<T, std::string> result) {
    if (!result) throw std::runtime_error(result.error());
    return std::move(*result);
}
void check(const std::expected<void, std::string>& result) {
    if (!result) throw std::runtime_error(result.error());
}

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

std::runtime_error not_enough_memory(std::uint64_t wanted, std::uint64_t available) {
    return std::runtime_error("not enough memory: the VM is to have " + format_size(wanted) +
                              ", but only " + std::to_string(available >> 20) +
                              "M are free; give the VM less or the machine more");
}

std::unique_ptr<hvcall::Vm> create_vm(hvcall::Hypervisor& hypervisor, std::uint64_t memory_bytes) {
    // What cannot succeed must not take the memory from VMs that start at the same time.
    const auto available = hypervisor.available_memory();
    if (available < memory_bytes) throw not_enough_memory(memory_bytes, available);
    try {
        auto vm = hypervisor.create_vm(memory_bytes);
        for (const auto& range : memory_ranges(memory_bytes)) {
            vm->add_memory(range.base, range.bytes);
        }
        return vm;
    } catch (const hvcall::HypervisorError& error) {
        if (error.code() != abi::Error::NoMemory) throw;
        throw not_enough_memory(memory_bytes, available);
    }
}

}  // namespace

Machine::Machine(hvcall::Hypervisor& hypervisor, const MachineOptions& options)
    : hypervisor_(hypervisor),
      options_(options),
      cpuid_(host_cpuid, host_xcr0(), options.config->cpus),
      clock_(hypervisor),
      timers_(clock_),
      unclaimed_ports_("port", clock_, options.log),
      unclaimed_memory_("memory", clock_, options.log),
      unknown_msrs_(options.log),
      ports_(unclaimed_ports_),
      mmio_(unclaimed_memory_),
      vm_(create_vm(hypervisor, options.config->memory_bytes)),
      vcpu_(vm_->create_vcpu(0)) {
    chipset_ = std::make_unique<Chipset>(timers_, chipset_options());
    chipset_->attach(
        [&](auto base, auto size, Device& device) { ports_.attach(base, size, device); },
        [&](auto base, auto size, Device& device) { mmio_.attach(base, size, device); });
    auto& apic = chipset_->local_apic(0);
    msrs_ = std::make_unique<MsrBank>(
        *vcpu_, vm_->memory(), hypervisor_, cpuid_, apic, chipset_->tsc(0),
        [this](std::uint32_t number, bool write, std::uint64_t value) {
            unknown_msrs_.report(number | std::uint64_t{write} << 32, [&] {
                char line[96];
                std::snprintf(line, sizeof line, write ? "%s %#x = %#llx: #GP" : "%s %#x: #GP",
                              write ? "write of unknown MSR" : "read of unknown MSR", number,
                              static_cast<unsigned long long>(value));
                return std::string(line);
            });
        });
    loop_ = std::make_unique<VcpuLoop>(
        ExitContext{*vcpu_, vm_->memory(), ports_, mmio_, apic, cpuid_, *msrs_}, clock_,
        hypervisor_, timers_);
    timers_.set_earlier_hook([this] { loop_->kick(); });
}

Machine::~Machine() { timers_.set_earlier_hook({}); }

ChipsetOptions Machine::chipset_options() {
    ChipsetOptions chipset;
    chipset.vcpus = options_.config->cpus;
    chipset.tsc_frequency_hz = hypervisor_.ticks_per_second();
    chipset.memory_bytes = options_.config->memory_bytes;
    chipset.real_time_seconds = hypervisor_.real_time_seconds();
    chipset.serial = options_.serial;
    // The loop is made after the chipset, which may signal while it is being built.
    chipset.kick_vcpu = [this](unsigned) {
        if (loop_) loop_->kick();
    };
    chipset.power_off = [this] { loop_->power_off(); };
    chipset.reset = [this](std::string_view how) {
        options_.log("the guest resets itself " + std::string(how));
        loop_->reset();
    };
    chipset.nmi_vcpu = [this](unsigned) { loop_->inject_nmi(); };
    return chipset;
}

void Machine::power_on() {
    chipset_->reset_all();
    unknown_msrs_.reset();
    set_reset_state(vcpu_->state());
    if (options_.load_linux) load_linux();
    // After RESET it would be 1. But QEMU 7.2 does not intercept XSETBV, so the first writing would
    // go unseen, and CPUID would tell a size that is wrong. Starting with everything on, as nearly
    // every system has it in the end, needs no writing.
    vcpu_->state().xcr0 = cpuid_.xcr0_mask() | 1;
    const auto bytes = options_.config->memory_bytes;
    msrs_->reset(low_memory_end(bytes), memory_end(bytes));
}

void Machine::load_linux() {
    const auto& config = *options_.config;
    const auto& memory = vm_->memory();
    const auto kernel = value_or_throw(ImageFile::open(config.kernel, options_.folder));
    std::array<std::uint8_t, kBzImageHeaderBytes> header{};
    if (kernel.size() >= header.size()) check(kernel.read(0, header));
    const auto image = check_bzimage(header, kernel.size());
    if (!image) throw std::runtime_error(config.kernel + ": " + image.error());

    std::optional<ImageFile> initrd;
    if (!config.initrd.empty()) {
        initrd.emplace(value_or_throw(ImageFile::open(config.initrd, options_.folder)));
    }
    LinuxBoot boot;
    boot.header = header;
    boot.initrd_bytes = initrd ? initrd->size() : 0;
    boot.cmdline = config.cmdline;
    boot.memory_bytes = config.memory_bytes;
    boot.placement = value_or_throw(place_linux(*image, boot.initrd_bytes, config.memory_bytes));
    boot.rsdp =
        value_or_throw(write_acpi_tables(memory, acpi_hardware(config.cpus, config.memory_bytes)));

    // Both ranges are inside: place_linux has checked them.
    check(kernel.read(image->setup_bytes, memory.at(GuestPhysicalAddress{boot.placement.kernel},
                                                    kernel.size() - image->setup_bytes)));
    if (initrd && initrd->size() != 0) {
        check(initrd->read(0,
                           memory.at(GuestPhysicalAddress{boot.placement.initrd}, initrd->size())));
    }
    set_linux_entry_state(vcpu_->state(),
                          value_or_throw(write_linux_boot_data(memory, *image, boot)));
}

LoopEnd Machine::run() { return loop_->run(); }

}  // namespace redoubt::vmmd
