// Requests from the holder of the kernel lock to other processors. There is one at a time.
#include "kernel/sched/remote.hpp"

#include <atomic>

#include "arch/cpu.hpp"
#include "arch/fpu.hpp"
#include "arch/paging.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {
namespace {

enum class Kind { ReleaseThread, Flush, LeaveAddressSpace };

struct Request {
    Kind kind = Kind::Flush;
    PhysicalAddress root{};
    VirtualAddress first{};
    std::uint64_t bytes = 0;
};

/// Beyond this many pages, forgetting everything is cheaper than page by page.
constexpr std::uint64_t kSingleFlushes = 16;

constexpr PhysicalAddress kEveryRoot{~std::uint64_t{0}};

constinit Request request;
/// What the other processors have yet to be asked for.
constinit Request deferred;
constinit ProcessorMask deferred_for = 0;
constinit std::atomic<ProcessorMask> pending{0};

void flush_here(const Request& what) {
    if (this_cpu().root != what.root && what.root != kEveryRoot) return;
    if (what.bytes > kSingleFlushes * kPageSize) return flush_all_user();
    for (std::uint64_t offset = 0; offset < what.bytes; offset += kPageSize) {
        flush_page(what.first + offset);
    }
}

void leave_here(const Request& what) {
    if (this_cpu().root == what.root) activate(kernel_root());
}

/// Returns when all have done it.
void ask(ProcessorMask processors, const Request& what) {
    if (processors == 0) return;
    request = what;
    pending.store(processors, std::memory_order_release);
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if ((processors & processor_bit(i)) != 0) interrupt_processor(i);
    }
    while (pending.load(std::memory_order_acquire) != 0) pause_processor();
}

/// Merges with what is deferred already: one range of one address space, or everything.
void defer(ProcessorMask processors, const Request& what) {
    if (processors == 0) return;
    if (deferred.bytes == 0) {
        deferred = what;
    } else if (what.bytes != 0) {
        const std::uint64_t end = deferred.first.value() + deferred.bytes;
        const std::uint64_t what_end = what.first.value() + what.bytes;
        if (what.first < deferred.first) deferred.first = what.first;
        deferred.bytes = (what_end > end ? what_end : end) - deferred.first.value();
        if (deferred.root != what.root) deferred.root = kEveryRoot;
    }
    deferred_for |= processors;
    scheduler().reschedule = true;  // the way back leads past complete_flushes()
}

/// The other processors for which `condition` holds.
template <class Condition>
ProcessorMask others(Condition&& condition) {
    ProcessorMask mask = 0;
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (&cpu(i) != &this_cpu() && condition(cpu(i))) mask |= processor_bit(i);
    }
    return mask;
}

}  // namespace

void hold_thread(const Thread& thread) {
    if (runs_elsewhere(thread)) ask(processor_bit(thread.processor), {.kind = Kind::ReleaseThread});
}

void flush_translations(PhysicalAddress root, VirtualAddress first, std::uint64_t bytes) {
    const Request what{Kind::Flush, root, first, bytes};
    flush_here(what);
    defer(others([&](PerCpu& other) {
              if (other.root != root) return false;
              // One that idles uses none of them before it has taken the lock.
              if (other.idle) other.stale_translations = true;
              return !other.idle;
          }),
          what);
}

void flush_guests(ProcessorMask processors) {
    defer(processors & ~processor_bit(this_cpu().index), {});
}

void complete_flushes() {
    if (deferred_for == 0) return;
    ask(deferred_for, deferred);
    deferred_for = 0;
    deferred = {};
}

void leave_address_space(PhysicalAddress root) {
    const Request what{.kind = Kind::LeaveAddressSpace, .root = root};
    leave_here(what);
    ask(others([&](PerCpu& other) { return other.root == root; }), what);
}

void serve_requests() {
    const ProcessorMask self = processor_bit(this_cpu().index);
    if ((pending.load(std::memory_order_acquire) & self) == 0) return;
    switch (request.kind) {
        case Kind::ReleaseThread:
            fpu_release();
            this_cpu().context = nullptr;
            scheduler().reschedule = true;
            break;
        case Kind::Flush:
            flush_here(request);
            break;
        case Kind::LeaveAddressSpace:
            leave_here(request);
            break;
    }
    pending.fetch_and(~self, std::memory_order_release);
}

}  // namespace redoubt::kernel
