// Wiring harts, chipset and bus; starting Linux.
#include "arch/platform.hpp"

#include <sys/random.h>

#include <array>
#include <iterator>

#include "arch/memory_layout.hpp"
#include "vmmd/arch/riscv64/boot/device_tree.hpp"
#include "vmmd/arch/riscv64/boot/linux_image.hpp"
#include "vmmd/arch/riscv64/cpu/initial_state.hpp"
#include "vmmd/image_file.hpp"
#include "vmmd/trace/exit_trace.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestPhysicalAddress;

/// In the line "features: …" of hv:/caps.
bool has_feature(std::string_view capabilities, const std::string& feature) {
    constexpr std::string_view kFeatures = "\nfeatures:";
    const auto start = capabilities.find(kFeatures);
    if (start == std::string_view::npos) return false;
    const auto line = capabilities.substr(start + kFeatures.size());
    return (std::string(line.substr(0, line.find('\n'))) + " ").find(" " + feature + " ") !=
           std::string::npos;
}

}  // namespace

Platform::Platform(PlatformHost host)
    : host_(std::move(host)),
      has_sstc_(has_feature(host_.hypervisor.capabilities(), "sstc")),
      harts_(host_.config.cpus),
      unclaimed_memory_("memory", host_.clock, host_.log),
      mmio_(unclaimed_memory_),
      chipset_(host_.timers(0), chipset_options()),
      sbi_{host_.power_off, host_.reset,
           [this](std::span<const std::uint8_t> bytes) { chipset_.console_write(bytes); },
           [this] { return chipset_.console_read(); }},
      debug_aids_(host_.vm) {
    chipset_.attach(
        [&](auto base, auto size, Device& device) { mmio_.attach(base, size, device); });
    for (unsigned i = 0; i < harts_.count(); ++i) {
        harts_[i].connect([this, i] { host_.kick(i); }, [this, i] { host_.send(i, {}); });
    }
}

ExitContext Platform::context(unsigned vcpu) {
    return {host_.vcpu(vcpu), host_.memory, mmio_,       vcpu, harts_, sbi_,
            host_.hypervisor, has_sstc_,    &debug_aids_};
}

ChipsetOptions Platform::chipset_options() {
    ChipsetOptions chipset;
    chipset.vcpus = host_.config.cpus;
    chipset.real_time_seconds = host_.hypervisor.real_time_seconds();
    chipset.serial = host_.serial;
    chipset.external_interrupt = [this](unsigned vcpu, bool level) {
        harts_[vcpu].set_external(level);
    };
    chipset.power_off = host_.power_off;
    chipset.reset = host_.reset;
    return chipset;
}

void Platform::power_on() {
    harts_.reset();
    chipset_.reset_all();
    for (unsigned i = 0; i < harts_.count(); ++i) set_reset_state(host_.vcpu(i).state());
    start_time();
}

void Platform::start_time() {
    const auto time_zero = host_.hypervisor.ticks_now().count;
    for (unsigned i = 0; i < harts_.count(); ++i) host_.vcpu(i).state().time_delta = -time_zero;
}

void Platform::load_linux() {
    const auto& config = host_.config;
    const auto& memory = host_.memory;
    auto kernel = value_or_throw(ImageFile::open(config.kernel, host_.folder));
    std::array<std::uint8_t, kLinuxImageHeaderBytes> header{};
    if (kernel.size() >= header.size()) value_or_throw(kernel.read(0, header));
    const auto image = check_linux_image(header, kernel.size());
    if (!image) throw std::runtime_error(config.kernel + ": " + image.error());
    auto initrd = open_initrd(config, host_.folder);

    MachineTree tree;
    tree.vcpus = config.cpus;
    tree.memory_bytes = config.memory_bytes;
    tree.timebase_hz = host_.hypervisor.ticks_per_second();
    tree.has_sstc = has_sstc_;
    tree.has_vectors = host_.vcpu(0).state().vlenb != 0;
    tree.cmdline = config.cmdline;
    tree.initrd_bytes = initrd ? initrd->size() : 0;
    std::array<std::uint8_t, 32> seed{};
    // Without it Linux makes every random number from scratch until it has found some entropy.
    if (::getrandom(seed.data(), seed.size(), GRND_RANDOM | GRND_NONBLOCK) == std::ssize(seed))
        tree.random_seed = seed;
    // Its size does not depend on where the initrd is.
    const auto tree_bytes = make_device_tree(tree).size();
    const auto placement =
        value_or_throw(place_linux(*image, tree.initrd_bytes, tree_bytes, config.memory_bytes));
    tree.initrd = placement.initrd;

    // All ranges are inside: place_linux has checked them.
    value_or_throw(
        kernel.read(0, memory.at(GuestPhysicalAddress{placement.kernel}, kernel.size())));
    if (tree.initrd_bytes != 0) {
        value_or_throw(
            initrd->read(0, memory.at(GuestPhysicalAddress{placement.initrd}, tree.initrd_bytes)));
    }
    if (!memory.copy_in(GuestPhysicalAddress{placement.device_tree}, make_device_tree(tree))) {
        throw std::runtime_error("no room for the device tree");
    }
    auto& state = host_.vcpu(0).state();
    set_start(state, placement.kernel, 0, placement.device_tree);
    start_time();  // loading takes none
}

std::expected<void, std::string> Platform::press_power_button() {
    return std::unexpected(
        "has no power button, as riscv64 machines have none: shut it down in its console, or stop "
        "it");
}

std::string_view Platform::handler_of(const ExitRecord& record) const {
    if (record.kind == abi::ExitKind::Hypercall) return "sbi";
    if (record.kind != abi::ExitKind::Mmio || record.size == 0) return {};
    return mmio_.device_at(record.info);
}

}  // namespace redoubt::vmmd
