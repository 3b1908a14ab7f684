// VMs of the Redoubt kernel: hv: paths, guest memory made of large frames.
#include "libhvcall/native_hv/native_hypervisor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <vector>

#include "abi/hv.hpp"
#include "libhvcall/native_hv/native_doorbell.hpp"
#include "libhvcall/native_hv/native_vcpu.hpp"
#include "libhvcall/native_hv/resources.hpp"

namespace redoubt::hvcall {

namespace native_hv {
namespace {

constexpr unsigned kLargePageBits = 21;
constexpr unsigned kMaximumFrameBits = 30;

/// Part of a guest's memory: one Untyped, cut into frames that this process and the VM both map.
class MemoryBlock {
  public:
    MemoryBlock(const NativeServices& services, Untyped untyped, unsigned size_bits,
                unsigned frame_bits)
        : untyped_(std::move(untyped)),
          frame_bits_(frame_bits),
          count_(1U << (size_bits - frame_bits)),
          slots_(services, 2 * count_) {
        require(
            native::retype(untyped_.get(), abi::ObjectType::Frame, frame_bits, slots_[0], count_),
            "cannot make guest memory");
    }
    MemoryBlock(MemoryBlock&&) = default;
    MemoryBlock& operator=(MemoryBlock&&) = delete;

    /// Maps the block at `address` here and at `base` in `vm`. One capability is for one mapping,
    /// so the VM gets copies.
    void map(Slot vm, std::uintptr_t address, GuestPhysicalAddress base) const {
        using enum abi::MapFlags;
        for (std::uint32_t i = 0; i < count_; ++i) {
            const auto offset = std::uint64_t{i} << frame_bits_;
            require(native::copy(slots_[i], abi::Rights::All, slots_[count_ + i]),
                    "cannot share guest memory");
            require(native::map(slots_[i], kOwnAddressSpace, address + offset, Read | Write),
                    "cannot map guest memory into the monitor");
            require(
                native::map(slots_[count_ + i], vm, base.value() + offset, Read | Write | Execute),
                "cannot map guest memory into the VM");
        }
    }

    /// What maps the byte at `offset` in the VM, and where in it that is.
    std::pair<Slot, std::uint64_t> find(std::uint64_t offset) const {
        const auto index = static_cast<std::uint32_t>(offset >> frame_bits_);
        return {slots_[count_ + index], offset & ((std::uint64_t{1} << frame_bits_) - 1)};
    }
    std::uint64_t bytes() const { return std::uint64_t{count_} << frame_bits_; }

  private:
    Untyped untyped_;
    unsigned frame_bits_;
    std::uint32_t count_;
    Slots slots_;
};

class NativeVm final : public Vm {
  public:
    NativeVm(const NativeServices& services, Slot hv, unsigned size_bits, unsigned address_bits)
        : services_(services),
          kernel_bytes_(std::uint64_t{1} << size_bits),
          untyped_(take_untyped(services, size_bits, "no memory for a VM")),
          vm_(services, 1) {
        require(native::scheme::open(hv, "vm", abi::scheme::OpenFlags::Create, vm_.get(),
                                     untyped_.get(), size_bits, address_bits)
                    .error,
                "cannot create a VM");
    }

    ~NativeVm() override { destroy(); }

    void add_memory(GuestPhysicalAddress base, std::uint64_t bytes) override {
        const auto frame_limit =
            std::clamp<unsigned>(static_cast<unsigned>(std::bit_width(bytes)) - 6,
                                 kLargePageBits + 3, kMaximumFrameBits);
        auto addresses = Addresses(services_, bytes, std::size_t{1} << kLargePageBits);
        const auto start = addresses.get();
        addresses_.push_back(std::move(addresses));
        // Largest blocks first; smaller ones when memory is in pieces.
        unsigned size_bits = static_cast<unsigned>(std::bit_width(bytes)) - 1;
        std::uint64_t offset = 0;
        while (offset < bytes) {
            size_bits =
                std::min(size_bits, static_cast<unsigned>(std::bit_width(bytes - offset)) - 1);
            Untyped untyped(services_, size_bits);
            if (!untyped) {
                if (--size_bits < kLargePageBits) {
                    throw HypervisorError("cannot get guest memory", abi::Error::NoMemory);
                }
                continue;
            }
            MemoryBlock block(services_, std::move(untyped), size_bits,
                              std::min(size_bits, frame_limit));
            block.map(vm_.get(), start + offset, base + offset);
            blocks_.push_back({base + offset, std::move(block)});
            offset += std::uint64_t{1} << size_bits;
        }
        memory_.add(base, {reinterpret_cast<std::uint8_t*>(start), bytes});
    }

    void protect(GuestPhysicalAddress page, Access access) override {
        using enum abi::MapFlags;
        const auto flags = access == Access::All       ? Read | Write | Execute
                           : access == Access::NoWrite ? Read | Execute
                                                       : Execute;
        for (const auto& [base, block] : blocks_) {
            const auto offset = page.value() - base.value();
            if (offset >= block.bytes()) continue;
            const auto [frame, inside] = block.find(offset);
            const abi::hv::Protection wanted{inside & ~std::uint64_t{0xFFF}, flags, 0};
            return require(native::scheme::call(
                               vm_.get(), static_cast<std::uint64_t>(abi::hv::VmCall::Protect),
                               &wanted, sizeof wanted, frame),
                           "cannot change the rights of guest memory");
        }
        throw HypervisorError("no guest memory to change the rights of",
                              abi::Error::InvalidArgument);
    }

    std::unique_ptr<Vcpu> create_vcpu(unsigned index) override {
        auto vcpu = std::make_unique<NativeVcpu>(services_, vm_.get(), index);
        kernel_bytes_ += std::uint64_t{1} << abi::kVcpuBits;
        return vcpu;
    }

    /// The frames for page tables that are not used yet are told by a line of the VM's text.
    KernelMemory kernel_memory() const override {
        std::array<char, 512> text{};
        const auto got = native::scheme::read(vm_.get(), 0, text.data(), text.size() - 1);
        unsigned long long used = 0, all = 0;
        const auto* line = got ? std::strstr(text.data(), "table-frames: ") : nullptr;
        if (line == nullptr || std::sscanf(line, "table-frames: %llu of %llu", &used, &all) != 2) {
            return {kernel_bytes_, kernel_bytes_};
        }
        return {kernel_bytes_, kernel_bytes_ - (all - used) * 4096};
    }

    std::unique_ptr<Doorbell> bind_doorbell(const abi::hv::Doorbell& where) override {
        return std::make_unique<NativeDoorbell>(services_, vm_.get(), where);
    }

    void destroy() override {
        native::scheme::control(vm_.get(), static_cast<std::uint64_t>(abi::hv::VmCall::Destroy));
    }

  private:
    const NativeServices& services_;
    std::uint64_t kernel_bytes_;
    // Destroyed in reverse order: frames before the addresses they are mapped at.
    Untyped untyped_;
    Slots vm_;
    std::vector<Addresses> addresses_;
    std::vector<std::pair<GuestPhysicalAddress, MemoryBlock>> blocks_;
};

class NativeHypervisor final : public Hypervisor {
  public:
    NativeHypervisor(const NativeServices& services, Slot hv)
        : services_(services),
          hv_(hv),
          ticks_per_second_(native::system_info(abi::SystemInfoKind::TicksPerSecond)),
          boot_real_time_(native::system_info(abi::SystemInfoKind::BootRealTime)) {}

    std::string capabilities() override {
        Slots file(services_, 1);
        require(native::scheme::open(hv_, "caps", abi::scheme::OpenFlags::None, file.get()).error,
                "cannot open hv:/caps");
        std::string text;
        for (;;) {
            const auto got =
                native::scheme::read_in_place(file.get(), text.size(), abi::scheme::kMaximumBytes);
            require(got.error, "cannot read hv:/caps");
            if (got.value == 0) return text;
            text.append(reinterpret_cast<const char*>(native::message_bytes()), got.value);
        }
    }

    std::unique_ptr<Vm> create_vm(std::uint64_t memory_bytes) override {
        // The object and its permission maps, the upper levels, and a table of 2 MiB leaves per
        // GiB.
        constexpr std::uint64_t kFixedPages = 12;
        const auto pages = kFixedPages + (memory_bytes >> 30);
        const auto size_bits = std::max(16U, 12 + static_cast<unsigned>(std::bit_width(pages - 1)));
        // Memory has a hole for devices, below 4 GiB.
        const auto address_bits =
            static_cast<unsigned>(std::bit_width(memory_bytes + (4ULL << 30)));
        return std::make_unique<NativeVm>(services_, hv_, size_bits, address_bits);
    }

    std::uint64_t ticks_per_second() const override { return ticks_per_second_; }
    HostTicks ticks_now() const override { return {native::ticks()}; }
    std::uint64_t real_time_seconds() const override {
        return boot_real_time_ + native::ticks() / ticks_per_second_;
    }
    std::uint64_t available_memory() const override { return services_.free_bytes(); }
    std::uint64_t used_memory() const override { return services_.used_bytes(); }

  private:
    const NativeServices& services_;
    Slot hv_;
    std::uint64_t ticks_per_second_;
    std::uint64_t boot_real_time_;
};

}  // namespace
}  // namespace native_hv

std::expected<std::unique_ptr<Hypervisor>, std::string> open_native_hypervisor() {
    const auto* services = posix::native_services();
    if (services == nullptr) return std::unexpected("this is not Redoubt: there is no hv: here");
    const auto hv = services->find_grant("hv");
    if (hv == 0) {
        return std::unexpected(
            "there is no hv: capability: the processor cannot virtualize (needed: AMD SVM with "
            "nested "
            "paging, or the H-extension of RISC-V), or init was not told to grant it");
    }
    return std::make_unique<native_hv::NativeHypervisor>(*services, hv);
}

bool running_on_redoubt() { return posix::native_services() != nullptr; }

void announce_ready() {
    if (!running_on_redoubt()) return;
    auto message = native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Ready), 0);
    native::call(static_cast<native_hv::Slot>(abi::StartupSlot::Parent), message);
}

}  // namespace redoubt::hvcall
