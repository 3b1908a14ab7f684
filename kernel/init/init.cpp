// The first process: everything that no user made is made here, once.
#include "kernel/init/init.hpp"

#include <algorithm>
#include <new>

#include "abi/startup.hpp"
#include "arch/cpu.hpp"
#include "arch/timer.hpp"
#include "kernel/cap/derivation.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/init/blocks.hpp"
#include "kernel/init/boot_pool.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/system_constants.hpp"

namespace redoubt::kernel {

namespace {

constexpr unsigned kCNodeBits = 18;
constexpr unsigned kAddressSpaceBits = 19;
constexpr std::uint64_t kStackTop = 0x3F'4000'0000;
constexpr std::uint64_t kStackBytes = 64 * 1024;
constexpr std::uint64_t kIpcBufferAddress = abi::kBootInfoAddress + kPageSize;
constexpr std::uint8_t kPriority = 200;
constexpr std::size_t kMaximumRamBlocks = 120;  // the rest of BootInfo::untyped is for devices
constexpr unsigned kMaximumUntypedBits = 47;
constexpr unsigned kMaximumFrameBits = 30;

/// RAM that init gets as Untyped memory.
std::uint64_t free_bytes_at_boot = 0;

const Thread* init_thread = nullptr;

/// Init's capabilities, in the order in which its CNode gets them.
class InitCapabilities {
  public:
    explicit InitCapabilities(CNode& cnode) : cnode_{cnode} {}

    Capability& add(std::uint32_t slot, abi::ObjectType type, abi::Rights rights,
                    std::uint64_t object, unsigned size_bits = 0, unsigned flags = 0) {
        make_capability(*cnode_.slot(slot), nullptr, type, rights, object, size_bits, flags);
        return *cnode_.slot(slot);
    }
    Capability& add(abi::StartupSlot slot, abi::ObjectType type, const void* object,
                    unsigned size_bits) {
        return add(static_cast<std::uint32_t>(slot), type, abi::Rights::All,
                   reinterpret_cast<std::uint64_t>(object), size_bits);
    }
    std::uint32_t next_slot() { return next_++; }
    std::uint32_t first_free() const { return next_; }

  private:
    CNode& cnode_;
    std::uint32_t next_ = static_cast<std::uint32_t>(abi::StartupSlot::FirstNamed);
};

void add_untyped(InitCapabilities& capabilities, abi::BootInfo& info, PhysicalAddress address,
                 unsigned bits, bool device) {
    // The largest block of RAM is where every process expects the memory it may spend.
    const std::uint32_t slot = info.untyped_count == 0
                                   ? static_cast<std::uint32_t>(abi::StartupSlot::Untyped)
                                   : capabilities.next_slot();
    capabilities.add(slot, abi::ObjectType::Untyped, abi::Rights::All, address.value(), bits,
                     device ? Capability::kDevice : 0U);
    info.untyped[info.untyped_count++] = {address.value(), slot, static_cast<std::uint8_t>(bits),
                                          device, 0};
    if (!device) free_bytes_at_boot += std::uint64_t{1} << bits;
}

/// The largest blocks first: if there are too many, only crumbs are lost.
template <class Ranges>
void add_all_untyped(InitCapabilities& capabilities, abi::BootInfo& info, const Ranges& ranges,
                     std::size_t limit, bool device) {
    for (unsigned wanted = kMaximumUntypedBits; wanted >= kPageBits; --wanted) {
        for (const PhysicalRange& range : ranges) {
            for_each_block(range.start, range.end(), kMaximumUntypedBits,
                           [&](PhysicalAddress address, unsigned bits) {
                               if (bits != wanted || info.untyped_count >= limit) return;
                               add_untyped(capabilities, info, address, bits, device);
                           });
        }
    }
}

void add_module_frames(InitCapabilities& capabilities, abi::BootInfo& info, PhysicalRange module) {
    info.module_offset = module.start.page_offset();
    info.module_size = module.bytes;
    for_each_block(module.start.page_base(), module.end().align_up(kPageSize), kMaximumFrameBits,
                   [&](PhysicalAddress address, unsigned bits) {
                       if (info.module_frame_count == std::size(info.module_frames)) {
                           panic("the boot archive is too oddly placed: more than {} frames",
                                 info.module_frame_count);
                       }
                       const std::uint32_t slot = capabilities.next_slot();
                       capabilities.add(slot, abi::ObjectType::Frame, abi::Rights::Read,
                                        address.value(), bits);
                       info.module_frames[info.module_frame_count++] = {slot, bits};
                   });
}

/// Maps fresh memory that no capability stands for: init's image and stack stay for good.
PhysicalAddress map_fresh(BootPool& pool, AddressSpace& space, std::uint64_t address,
                          std::uint64_t bytes, PageFlags flags) {
    const PhysicalAddress memory = pool.allocate_zeroed(bytes);
    bytes = (bytes + kPageMask) & ~kPageMask;
    if (!address_space_map(space, VirtualAddress{address}, memory, bytes, flags.user()).ok()) {
        panic("init does not fit its address space at {x}", address);
    }
    return memory;
}

void load_program(BootPool& pool, AddressSpace& space, const BootInformation& boot) {
    for (const boot::InitSegment& segment : boot.init) {
        PageFlags flags = PageFlags{}.read();
        if (segment.writable) flags = flags.write();
        if (segment.executable) flags = flags.execute();
        const std::uint64_t offset = segment.address & kPageMask;
        const PhysicalAddress memory =
            map_fresh(pool, space, segment.address - offset, offset + segment.bytes, flags);
        __builtin_memcpy(direct_map<std::byte>(memory + offset),
                         direct_map<const std::byte>(segment.contents.start),
                         segment.contents.bytes);
    }
}

void describe_machine(abi::BootInfo& info, const BootInformation& boot) {
    info.magic = abi::kBootInfoMagic;
    info.ipc_buffer_address = kIpcBufferAddress;
    info.cnode_size_bits = kCNodeBits;
    info.machine = boot.machine;
    static_assert(sizeof info.command_line == sizeof boot.command_line);
    __builtin_memcpy(info.command_line, boot.command_line, sizeof info.command_line);
}

}  // namespace

void start_init(const BootInformation& boot) {
    initialize_schedulers();
    orphans().clear();
    free_bytes_at_boot = 0;
    if (boot.free_memory.count == 0) panic("no free memory");
    auto free_memory = boot.free_memory;
    BootPool pool{*std::max_element(
        free_memory.items, free_memory.items + free_memory.count,
        [](const PhysicalRange& a, const PhysicalRange& b) { return a.bytes < b.bytes; })};

    constexpr std::uint64_t kSpaceBytes = 1ULL << kAddressSpaceBits;
    constexpr std::uint64_t kCNodeBytes = 1ULL << kCNodeBits;
    constexpr std::uint64_t kThreadBytes = 1ULL << abi::kThreadBits;
    const PhysicalAddress space_memory = pool.allocate_zeroed(kSpaceBytes, kSpaceBytes);
    auto& space =
        *new (direct_map<void>(space_memory)) AddressSpace{space_memory, kAddressSpaceBits};
    auto& cnode =
        *new (direct_map<void>(pool.allocate_zeroed(kCNodeBytes, kCNodeBytes))) CNode{kCNodeBits};
    auto& thread = *new (direct_map<void>(pool.allocate_zeroed(kThreadBytes, kThreadBytes))) Thread;

    load_program(pool, space, boot);
    map_fresh(pool, space, kStackTop - kStackBytes, kStackBytes, PageFlags{}.read().write());
    auto& info = *direct_map<abi::BootInfo>(
        map_fresh(pool, space, abi::kBootInfoAddress, sizeof(abi::BootInfo), PageFlags{}.read()));
    const PhysicalAddress ipc_buffer =
        map_fresh(pool, space, kIpcBufferAddress, kPageSize, PageFlags{}.read().write());

    InitCapabilities capabilities{cnode};
    ThreadSetup setup{};
    setup.cnode =
        &capabilities.add(abi::StartupSlot::CNode, abi::ObjectType::CNode, &cnode, kCNodeBits);
    setup.address_space = &capabilities.add(
        abi::StartupSlot::AddressSpace, abi::ObjectType::AddressSpace, &space, kAddressSpaceBits);
    setup.ipc_buffer =
        &capabilities.add(static_cast<std::uint32_t>(abi::StartupSlot::IpcBuffer),
                          abi::ObjectType::Frame, abi::Rights::All, ipc_buffer.value(), kPageBits);
    capabilities.add(abi::StartupSlot::MainThread, abi::ObjectType::Thread, &thread,
                     abi::kThreadBits);

    describe_machine(info, boot);
    info.irq_control_slot = capabilities.next_slot();
    capabilities.add(info.irq_control_slot, abi::ObjectType::Irq, abi::Rights::All, 0, 0,
                     Capability::kControl);
    if (kHasIoPorts) {
        info.io_port_slot = capabilities.next_slot();
        capabilities.add(info.io_port_slot, abi::ObjectType::IoPortRange, abi::Rights::All,
                         0xFFFF'0000);
    }
    if (hv::available()) {
        info.hv_slot = capabilities.next_slot();
        capabilities.add(info.hv_slot, abi::ObjectType::HvFile, abi::Rights::All, 0);
    }
    add_all_untyped(capabilities, info, free_memory, kMaximumRamBlocks, false);
    add_all_untyped(capabilities, info, boot.device_memory, std::size(info.untyped), true);
    add_module_frames(capabilities, info, boot.boot_archive);
    info.first_free_slot = capabilities.first_free();

    set_system_constant(abi::SystemInfoKind::TicksPerSecond, ticks_per_second());
    set_system_constant(abi::SystemInfoKind::ProcessorCount, cpu_count());
    set_system_constant(abi::SystemInfoKind::BootRealTime, boot.real_time);
    set_system_constant(abi::SystemInfoKind::FreeBytesAtBoot, free_bytes_at_boot);

    setup.ipc_buffer_address = kIpcBufferAddress;
    setup.priority = kPriority;
    setup.maximum_priority = abi::kPriorityCount - 1;
    DyingObjects none;
    thread_configure(thread, setup, none);
    initialize(thread.context, boot.init_entry, kStackTop, abi::kBootInfoAddress, 0);
    init_thread = &thread;
    if (!thread_resume(thread).ok()) panic("init cannot run");
}

bool is_init(const Thread& thread) { return &thread == init_thread; }

void check_init_lives(const Thread& ended) {
    if (is_init(ended)) panic("init has ended");
}

}  // namespace redoubt::kernel
