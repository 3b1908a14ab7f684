// Building, starting and running a machine.
#include "vmmd/machine.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "libhvcall/error.hpp"
#include "vmmd/arch/x86_64/boot/acpi.hpp"
#include "vmmd/arch/x86_64/boot/bzimage.hpp"
#include "vmmd/config/text.hpp"
#include "vmmd/arch/x86_64/cpu/initial_state.hpp"
#include "vmmd/arch/x86_64/devices/acpi_pm.hpp"
#include "vmmd/arch/x86_64/devices/io_apic.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/devices/reset_control.hpp"
#include "vmmd/image_file.hpp"
#include "arch/memory_layout.hpp"

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
      group_(clock_, hypervisor),
      host_time_(hypervisor.ticks_per_second()),
      started_(hypervisor.ticks_now()),
      unclaimed_ports_("port", clock_, options.log),
      unclaimed_memory_("memory", clock_, options.log),
      unknown_msrs_(options.log),
      ports_(unclaimed_ports_),
      mmio_(unclaimed_memory_),
      vm_(create_vm(hypervisor, options.config->memory_bytes)) {
    for (unsigned i = 0; i < options.config->cpus; ++i) {
        processors_.emplace_back(clock_).vcpu = vm_->create_vcpu(i);
    }
    chipset_ = std::make_unique<Chipset>(processors_.front().timers, chipset_options());
    chipset_->attach(
        [&](auto base, auto size, Device& device) { ports_.attach(base, size, device); },
        [&](auto base, auto size, Device& device) { mmio_.attach(base, size, device); });
    for (unsigned i = 0; i < options.config->cpus; ++i) make_processor(i);
}

Machine::~Machine() {
    for (auto& processor : processors_) processor.timers.set_earlier_hook({});
}

void Machine::make_processor(unsigned index) {
    auto& processor = processors_[index];
    auto& apic = chipset_->local_apic(index);
    processor.vcpu->set_cpuid(cpuid_.table(apic.id()));
    processor.msrs = std::make_unique<MsrBank>(
        *processor.vcpu, vm_->memory(), hypervisor_, cpuid_, apic, chipset_->tsc(index),
        [this](std::uint32_t number, bool write, std::uint64_t value) {
            unknown_msrs_.report(number | std::uint64_t{write} << 32, [&] {
                char line[96];
                std::snprintf(line, sizeof line, write ? "%s %#x = %#llx: #GP" : "%s %#x: #GP",
                              write ? "write of unknown MSR" : "read of unknown MSR", number,
                              static_cast<unsigned long long>(value));
                return std::string(line);
            });
        });
    processor.loop = std::make_unique<VcpuLoop>(
        index,
        ExitContext{*processor.vcpu, vm_->memory(), ports_, mmio_, apic, cpuid_, *processor.msrs},
        clock_, hypervisor_, processor.timers, group_);
    group_.add(*processor.loop);
    processor.timers.set_earlier_hook([loop = processor.loop.get()] { loop->kick(); });
}

ChipsetOptions Machine::chipset_options() {
    ChipsetOptions chipset;
    chipset.vcpus = options_.config->cpus;
    chipset.tsc_frequency_hz = hypervisor_.ticks_per_second();
    chipset.memory_bytes = options_.config->memory_bytes;
    chipset.real_time_seconds = hypervisor_.real_time_seconds();
    chipset.serial = options_.serial;
    chipset.vcpu_timers = [this](unsigned vcpu) -> TimerQueue& { return processors_[vcpu].timers; };
    // The loops are made after the chipset, which may signal while it is being built.
    chipset.kick_vcpu = [this](unsigned vcpu) {
        if (auto& loop = processors_[vcpu].loop) loop->kick();
    };
    chipset.power_off = [this] { group_.power_off(); };
    chipset.reset = [this](std::string_view how) {
        options_.log("the guest resets itself " + std::string(how));
        group_.reset();
    };
    chipset.nmi_vcpu = [this](unsigned vcpu) { processors_[vcpu].loop->send_nmi(); };
    chipset.init_vcpu = [this, reset = chipset.reset](unsigned vcpu) {
        if (vcpu != 0) return processors_[vcpu].loop->send_init();
        // The boot processor would go on in the firmware, which would start everything anew.
        reset("by an INIT of its boot processor");
    };
    chipset.startup_vcpu = [this](unsigned vcpu, std::uint8_t vector) {
        processors_[vcpu].loop->send_startup(vector);
    };
    return chipset;
}

void Machine::power_on() {
    chipset_->reset_all();
    unknown_msrs_.reset();
    const auto bytes = options_.config->memory_bytes;
    const auto tsc_zero = hypervisor_.ticks_now();
    for (auto& processor : processors_) {
        auto& state = processor.vcpu->state();
        set_reset_state(state);
        // After RESET it would be 1. But QEMU 7.2 does not intercept XSETBV, so the first writing
        // would go unseen, and CPUID would tell a size that is wrong. Starting with everything on,
        // as nearly every system has it in the end, needs no writing.
        state.xcr0 = cpuid_.xcr0_mask() | 1;
        processor.msrs->reset(low_memory_end(bytes), memory_end(bytes), tsc_zero);
    }
    if (options_.load_linux) load_linux();
}

void Machine::load_linux() {
    const auto& config = *options_.config;
    const auto& memory = vm_->memory();
    auto kernel = value_or_throw(ImageFile::open(config.kernel, options_.folder));
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
    set_linux_entry_state(processors_.front().vcpu->state(),
                          value_or_throw(write_linux_boot_data(memory, *image, boot)));
}

LoopEnd Machine::run() {
    group_.prepare_run();
    {
        std::vector<std::jthread> others;
        try {
            for (unsigned i = 1; i < processors_.size(); ++i) {
                others.emplace_back([this, i] { run_loop(i); });
            }
        } catch (const std::system_error& error) {
            group_.crash(0, std::string("no thread for a vCPU: ") + error.what());
        }
        run_loop(0);
    }
    return group_.take_end();
}

/// A loop that fails ends the run of all.
void Machine::run_loop(unsigned index) {
    try {
        processors_[index].loop->run();
    } catch (const std::exception& error) {
        group_.fail(index, error.what());
    }
}

const abi::VcpuState& Machine::complete_state(unsigned index) {
    auto& loop = *processors_[index].loop;
    loop.complete_state();
    return loop.state();
}

std::vector<TraceEntry> Machine::trace(const TraceQuery& query) const {
    std::vector<TraceEntry> entries;
    for (unsigned i = 0; i < processors_.size(); ++i) {
        for (const auto& record : processors_[i].loop->trace().last(ExitTrace::kRecords)) {
            entries.push_back({i, host_time_.nanoseconds(record.time.count - started_.count),
                               record, describe(record),
                               std::string(handler_of(record, ports_, mmio_))});
        }
    }
    return select(std::move(entries), query);
}

}  // namespace redoubt::vmmd
