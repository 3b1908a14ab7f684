// Host tests of the portable kernel: the make-believe machine, and init started on it.
#include "fake_arch/fake.hpp"

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "arch/boot.hpp"
#include "arch/console.hpp"
#include "arch/cpu.hpp"
#include "arch/entry.hpp"
#include "arch/fpu.hpp"
#include "arch/interrupt.hpp"
#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/init/init.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/dispatch.hpp"
#include "kernel/syscall/fast_path.hpp"

namespace redoubt::kernel {

// ---- what kernel/arch would define

namespace {
bool irq_claimed[kIrqSlotCount];
}

void console_write(char character) { fake::console() += character; }
void panic_begin() { fake::console().clear(); }
void panic_end() { throw fake::Panic{fake::console()}; }

void initialize(UserContext& context, std::uint64_t entry, std::uint64_t stack,
                std::uint64_t argument, std::uint64_t tls) {
    static_cast<TrapFrame&>(context) = TrapFrame{};
    context.rip = entry;
    context.rsp = stack;
    context.arguments[0] = argument;
    context.fs_base = tls;
}
void set_tls_base(UserContext& context, std::uint64_t value) { context.fs_base = value; }
void set_ipc_buffer_base(UserContext& context, std::uint64_t value) { context.gs_base = value; }
void forget_context(UserContext& context) {
    if (fake_cpu.fpu_area == context.fpu_area) fake_cpu.fpu_area = nullptr;
}

void fpu_initialize(void* area) { std::memset(area, 0, 64); }
void fpu_load(void* area) { fake_cpu.fpu_area = area; }
void fpu_release() { fake_cpu.fpu_area = nullptr; }
void fpu_forget(void* area) {
    if (fake_cpu.fpu_area == area) fake_cpu.fpu_area = nullptr;
}

Result<unsigned> irq_claim_gsi(std::uint32_t gsi) {
    if (gsi >= 24) return abi::Error::InvalidArgument;
    if (irq_claimed[gsi]) return abi::Error::Busy;
    irq_claimed[gsi] = true;
    return gsi;
}
Result<unsigned> irq_claim_msi(MsiMessage& message) {
    for (unsigned slot = 24; slot < kIrqSlotCount; ++slot) {
        if (irq_claimed[slot]) continue;
        irq_claimed[slot] = true;
        message = {0xFEE0'0000, slot};
        return slot;
    }
    return abi::Error::NoMemory;
}
void irq_unmask(unsigned) {}
void take_pending_interrupts() {
    if (fake::pending_interrupt) std::exchange(fake::pending_interrupt, nullptr)();
}
void irq_release(unsigned slot) { irq_claimed[slot] = false; }

void idle() {
    if (fake_timer_deadline == abi::kNever) throw fake::Deadlock{"every thread is blocked"};
    fake::advance(fake_timer_deadline > fake_ticks ? fake_timer_deadline - fake_ticks : 0);
}

namespace fake {

std::string& console() {
    static std::string text;
    return text;
}

void advance(std::uint64_t ticks) {
    fake_ticks += ticks;
    if (fake_timer_deadline > fake_ticks) return;
    fake_timer_deadline = abi::kNever;
    on_timer();
}

namespace {

constexpr std::uint64_t kArchiveStart = kMemoryStart;
constexpr std::uint64_t kArchiveBytes = 0x3000;

void* map_memory() {
    constexpr std::uint64_t kAlignment = 1 << 20;
    auto* memory =
        static_cast<std::byte*>(mmap(nullptr, kMemoryBytes + kAlignment, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    const auto misfit = reinterpret_cast<std::uintptr_t>(memory) % kAlignment;
    return memory + (kAlignment - misfit);
}

}  // namespace

Machine::Machine() {
    static void* const memory = map_memory();
    madvise(memory, kMemoryBytes, MADV_DONTNEED);
    direct_map_base = reinterpret_cast<std::uintptr_t>(memory) - kMemoryStart;
    fake_cpu = PerCpu{};
    static Scheduler scheduler;
    fake_cpu.scheduler = &scheduler;
    kernel_lock.word = 0;
    lock_kernel();
    fake_ticks += 10 * ticks_per_second();  // later than all that the last machine did
    fake_timer_deadline = abi::kNever;
    fake_flushes = 0;
    console().clear();
    pending_interrupt = nullptr;
    for (unsigned slot = 0; slot < kIrqSlotCount; ++slot) {
        irq_object(slot) = Irq{};
        irq_claimed[slot] = false;
    }
    BootInformation boot{};
    // An init of one page that is never executed.
    boot.init.add({0x40'0000, kPageSize, {PhysicalAddress{kArchiveStart}, 64}, false, true});
    boot.init_entry = 0x40'0000;
    boot.boot_archive = {PhysicalAddress{kArchiveStart}, kArchiveBytes};
    boot.free_memory.add(
        {PhysicalAddress{kArchiveStart + kArchiveBytes}, kMemoryBytes - kArchiveBytes});
    boot.device_memory.add({PhysicalAddress{0xE000'0000}, 0x1000'0000});
    start_init(boot);
    continue_running();
    init_ = current_thread();
    next_slot_ = 600;
    // The thread has no capability for the page; it lies right below the IPC buffer, being made
    // before it.
    boot_info_ = reinterpret_cast<const abi::BootInfo*>(
        reinterpret_cast<const std::byte*>(init_->ipc_buffer) + kPageSize);
}

Machine::~Machine() {
    while (Vm* vm = hv::first_vm()) {
        Budget budget;
        DyingObjects dying;  // they go with the machine's memory
        hv::vm_end_some(*vm, budget, dying);
        dying.clear();
    }
    direct_map_base = 0;
}

Thread& Machine::running() const { return *current_thread(); }

void Machine::continue_running() { fake_cpu.context = &schedule_and_continue(); }

namespace {

template <Processors kProcessors>
fast::Continuation try_short_way(UserContext& context) {
    if (!fast::is_undisturbed(fake_cpu)) return {};
    switch (static_cast<abi::SyscallNumber>(syscall_number(context))) {
        case abi::SyscallNumber::Call:
            return fast::call<kProcessors>(fake_cpu, context);
        case abi::SyscallNumber::ReplyRecv:
            return fast::reply_recv<kProcessors>(fake_cpu, context);
        case abi::SyscallNumber::Signal:
            return fast::signal<kProcessors>(fake_cpu, context);
        case abi::SyscallNumber::Wait:
            return fast::wait<kProcessors>(fake_cpu, context);
        case abi::SyscallNumber::VcpuRun: {
            Thread& self = *current_thread();
            if (!fast::run_vcpu<kProcessors>(fake_cpu, context)) return {};
            return {&self, &self};
        }
        default:
            return {};
    }
}

/// As the entry code does, but with what several processors do first. False if the system call has
/// no short way or cannot go it.
bool go_short_way(Thread& self) {
    fast::Continuation way = try_short_way<Processors::Several>(self.context);
    if (way.next == nullptr) way = try_short_way<Processors::One>(self.context);
    if (way.next == nullptr) return false;
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) {
        set_message_register(way.next->context, i, message_register(way.message->context, i));
    }
    return true;
}

}  // namespace

abi::Error Machine::call_raw(std::uint64_t number, std::array<std::uint64_t, 6> arguments) {
    Thread& self = *current_thread();
    last_ = &self;
    self.context.rax = number;
    for (unsigned i = 0; i < 6; ++i) self.context.arguments[i] = arguments[i];
    const std::uint64_t ip = self.context.rip;
    do {
        self.context.rip = ip;
        if (!go_short_way(self)) on_syscall(self, self.context);
        continue_running();
        // As the processor does: the instruction is executed again.
    } while (current_thread() == &self && self.context.rip == ip - 2);
    blocked_ = current_thread() != &self;
    return blocked_ ? abi::Error::Ok : static_cast<abi::Error>(self.context.rax);
}

abi::Error Machine::call(abi::SyscallNumber number, std::array<std::uint64_t, 6> arguments) {
    return call_raw(static_cast<std::uint64_t>(number), arguments);
}

std::uint64_t Machine::result(unsigned index) const { return last_->context.arguments[index]; }

void Machine::fault(std::uint64_t address) {
    on_user_fault(running().context, {abi::FaultKind::PageFault, address, 2});
    continue_running();
}

void Machine::reschedule() { continue_running(); }

Capability& Machine::capability(Slot slot, Thread* thread) const {
    return *(thread != nullptr ? thread : init_)->cnode->slot(slot);
}

namespace {
void must(abi::Error error, const char* what) {
    if (error != abi::Error::Ok) {
        throw std::runtime_error{std::string{what} + " failed: error " +
                                 std::to_string(static_cast<unsigned>(error))};
    }
}
}  // namespace

Machine::Slot Machine::make(abi::ObjectType type, unsigned size_bits, Slot untyped) {
    const Slot slot = next_slot();
    must(call(abi::SyscallNumber::Retype,
              {untyped, static_cast<std::uint64_t>(type) | std::uint64_t{size_bits} << 32, 1, 0,
               slot}),
         "retype");
    return slot;
}

Machine::Slot Machine::mint(Slot source, abi::Rights rights, std::uint64_t badge) {
    const Slot slot = next_slot();
    must(call(abi::SyscallNumber::CapCopy,
              {source, static_cast<std::uint64_t>(rights), 0, slot, badge}),
         "copy");
    return slot;
}

std::uint64_t Machine::free_bytes(Slot untyped) {
    must(call(abi::SyscallNumber::CapIdentify, {untyped}), "identify");
    return result(4);
}

Machine::NewThread Machine::make_thread(unsigned priority, bool start, Slot fault_endpoint,
                                        std::uint64_t fault_badge, Slot untyped, Slot cnode) {
    NewThread made{};
    made.space = make(abi::ObjectType::AddressSpace, 14, untyped);
    made.buffer = make(abi::ObjectType::Frame, abi::kPageBits, untyped);
    made.slot = make(abi::ObjectType::Thread, 0, untyped);
    made.cnode = cnode;
    abi::ThreadConfiguration configuration{};
    configuration.address_space = made.space;
    configuration.cnode = cnode;
    configuration.ipc_buffer_frame = made.buffer;
    configuration.fault_endpoint = fault_endpoint;
    configuration.fault_badge = fault_badge;
    configuration.ipc_buffer_address = 0x20'0000;
    configuration.priority = priority;
    configuration.maximum_priority = priority;
    std::memcpy(running().ipc_buffer->words, &configuration, sizeof configuration);
    must(call(abi::SyscallNumber::ThreadConfigure, {made.slot}), "configure");
    const abi::ThreadStart entry{0x40'0000, 0x50'0000, 7, 0};
    std::memcpy(running().ipc_buffer->words, &entry, sizeof entry);
    must(call(abi::SyscallNumber::ThreadControl,
              {made.slot, static_cast<std::uint64_t>(abi::ThreadOperation::SetContext)}),
         "set context");
    made.thread = &capability(made.slot).as<Thread>();
    if (start) {
        must(call(abi::SyscallNumber::ThreadControl,
                  {made.slot, static_cast<std::uint64_t>(abi::ThreadOperation::Resume)}),
             "resume");
    }
    return made;
}

}  // namespace fake
}  // namespace redoubt::kernel
