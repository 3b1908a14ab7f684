// See thread.hpp. Kernel objects of a thread that ended stay with it, parked, until clone wants a
// thread again.
#include "libposix/thread/thread.hpp"

#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/sched.h>

#include <new>

#include "libposix/process.hpp"
#include "libposix/start.hpp"
#include "libposix/thread/futex.hpp"

namespace redoubt::posix {
namespace {

constexpr native::Slot slot_of(abi::StartupSlot slot) { return static_cast<native::Slot>(slot); }

/// Maps an IPC buffer and a handler stack for `thread` and starts it, parked, in a kernel thread of
/// its own.
bool make_kernel_thread(Thread& thread) {
    Process& p = process();
    if (!make_notification(thread)) return false;
    const std::uintptr_t buffer = p.memory.reserve(kPageSize, kPageSize);
    void* stack = p.memory.allocate_pages(kHandlerStackSize / kPageSize);
    const native::Slot slot = p.slots.allocate();
    const native::Slot memory = p.untyped.allocate(abi::kThreadBits);
    if (buffer == 0 || stack == nullptr || slot == 0 || memory == 0) return false;
    const native::Slot frame = p.memory.frames().map(buffer, abi::kPageBits).frame;
    if (frame == 0) return false;
    if (!native::ok(native::retype(memory, abi::ObjectType::Thread, 0, slot))) return false;

    const std::uintptr_t stack_top = reinterpret_cast<std::uintptr_t>(stack) + kHandlerStackSize;
    thread.attach(*reinterpret_cast<abi::IpcBuffer*>(buffer), stack_top);
    const auto parent = native::identify(slot_of(abi::StartupSlot::Parent));
    IpcScope scope;
    const abi::ThreadConfiguration configuration{
        .address_space = slot_of(abi::StartupSlot::AddressSpace),
        .cnode = slot_of(abi::StartupSlot::CNode),
        .ipc_buffer_frame = frame,
        .fault_endpoint = slot_of(abi::StartupSlot::Parent),
        .fault_badge = parent.value.address_or_badge,
        .ipc_buffer_address = buffer,
        .reflect_handler = reinterpret_cast<std::uintptr_t>(&redoubt_reflect_entry),
        .priority = process().startup->priority,
        .maximum_priority = process().startup->priority};
    if (!native::ok(native::thread_configure(slot, configuration))) return false;
    const abi::ThreadStart start{
        .instruction_pointer = reinterpret_cast<std::uintptr_t>(&redoubt_thread_entry),
        .stack_pointer = stack_top,
        .argument = reinterpret_cast<std::uintptr_t>(&thread),
        .tls_base = 0};
    if (!native::ok(native::thread_set_context(slot, start))) return false;
    return native::ok(native::thread_control(slot, abi::ThreadOperation::Resume));
}

/// A thread ready to be started: a parked one, or a new one. Its `running` is still false.
Thread* find_thread() {
    Process& p = process();
    for (Thread* at = p.threads; at != nullptr; at = at->next) {
        if (!at->running) return at;
    }
    auto* thread = new (std::nothrow) Thread;
    if (thread == nullptr) return nullptr;
    // A failure half-way leaves objects behind; they go with the process, which is out of memory
    // anyway.
    if (!make_kernel_thread(*thread)) {
        delete thread;
        return nullptr;
    }
    thread->next = p.threads;
    p.threads = thread;
    return thread;
}

/// The program's thread pointer, from where it begins to run on.
void set_start_tls(Thread& thread) {
#if defined(__riscv)
    thread.start.tp = thread.start_tls;
#else
    native::thread_control(0, abi::ThreadOperation::SetTlsBase, thread.start_tls);
#endif
}

}  // namespace

void Thread::sleep(std::uint64_t deadline) {
    Unlocked unlocked;
    native::wait(wait_slot, deadline);
}

bool make_notification(Thread& thread) {
    Process& p = process();
    thread.wait_slot = p.objects.allocate(abi::ObjectType::Notification);
    thread.signal_slot = p.slots.allocate();
    return thread.wait_slot != 0 && thread.signal_slot != 0 &&
           native::ok(native::mint(thread.wait_slot, abi::Rights::Write, 1, thread.signal_slot));
}

long clone_thread(const Frame& caller, std::uint64_t flags, std::uintptr_t stack,
                  std::uint32_t* parent_tid, std::uint32_t* child_tid, std::uint64_t tls) {
    constexpr std::uint64_t kThreadFlags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    if ((flags & kThreadFlags) != kThreadFlags || stack == 0) return -ENOSYS;
    Thread* thread = find_thread();
    if (thread == nullptr) return -EAGAIN;
    Process& p = process();
    thread->tid = p.next_tid++;
    thread->start = caller;
    thread->start.set_result(0);
    thread->start.sp = stack;
    thread->start_tls = (flags & CLONE_SETTLS) != 0 ? tls : 0;
    thread->clear_tid = (flags & CLONE_CHILD_CLEARTID) != 0 ? child_tid : nullptr;
    if ((flags & CLONE_PARENT_SETTID) != 0) *parent_tid = thread->tid;
    if ((flags & CLONE_CHILD_SETTID) != 0) *child_tid = thread->tid;
    thread->running = true;
    ++p.running_threads;
    thread->wake();
    return thread->tid;
}

bool start_internal_thread(void (*function)()) {
    Thread* thread = find_thread();
    if (thread == nullptr) return false;
    thread->internal = function;
    thread->running = true;
    thread->wake();
    return true;
}

/// Where every thread but the first begins, and ended ones wait. Called by entry.S on the handler
/// stack.
extern "C" Frame* redoubt_thread_main(Thread* self) {
    process().lock.lock();
    while (!self->running) self->sleep(abi::kNever);
    process().lock.unlock();
    if (self->internal != nullptr) self->internal();
    set_start_tls(*self);
    return &self->start;
}

void exit_thread(int code) {
    Process& p = process();
    Thread& self = Thread::current();
    if (--p.running_threads == 0) {
        p.lock.unlock();
        exit_process(code);
    }
    if (self.clear_tid != nullptr) {
        __atomic_store_n(self.clear_tid, 0, __ATOMIC_SEQ_CST);
        futex_wake(self.clear_tid, 1, FUTEX_BITSET_MATCH_ANY);
    }
    self.running = false;
    p.lock.unlock();
    redoubt_resume(redoubt_thread_main(&self));
}

void exit_process(int code) {
    IpcScope scope;
    for (;;) {
        // Never answered: init takes everything back while we wait.
        native::Message message =
            native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Exit), 1,
                                 static_cast<std::uint64_t>(static_cast<std::int64_t>(code)));
        native::call(slot_of(abi::StartupSlot::Parent), message);
        native::yield();
    }
}

}  // namespace redoubt::posix
