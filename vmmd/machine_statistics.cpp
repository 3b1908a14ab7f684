// What a machine's vCPUs have done and what memory it has. Read while they run: every number by
// itself is right, together they are as of the moment that reading takes.
#include <malloc.h>

#include <algorithm>

#include "vmmd/machine.hpp"
#include "vmmd/trace/exit_name.hpp"

namespace redoubt::vmmd {

namespace {

/// Of a counter in the state page, which the kernel writes at any time.
std::uint64_t read(const std::uint64_t& counter) {
    return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

std::uint64_t difference(std::uint64_t a, std::uint64_t b) { return a - std::min(a, b); }

VcpuTimes times_of(const VcpuLoop& vcpu, const hvcall::Hypervisor& hypervisor,
                   const CounterScale& scale) {
    const auto guest_account = read(vcpu.state().guest_ticks);
    const auto now = hypervisor.ticks_now();
    const auto& times = vcpu.times();
    const auto in = [&](TimeAccount::Use use) { return times.ticks(use, now); };
    const auto run = in(TimeAccount::Use::Run);
    const auto guest = std::min(sum_at(guest_account, now), run);
    return {scale.nanoseconds(guest), scale.nanoseconds(run - guest),
            scale.nanoseconds(in(TimeAccount::Use::Monitor)),
            scale.nanoseconds(in(TimeAccount::Use::Waiting)),
            scale.nanoseconds(in(TimeAccount::Use::Paused))};
}

}  // namespace

VcpuStatistics Machine::vcpu_statistics(unsigned index) const {
    const auto& vcpu = this->vcpu(index);
    const auto& counts = vcpu.statistics();
    VcpuStatistics result;
    result.times = times_of(vcpu, hypervisor_, host_time_);
    for (std::size_t i = 0; i < kExitKinds; ++i) {
        const auto kind = static_cast<abi::ExitKind>(i);
        if (const auto count = counts.exits(kind); count != 0) {
            result.exits.emplace_back(exit_name(kind), count);
        }
    }
    result.exits_in_kernel = read(vcpu.state().exits_in_kernel);
    for (unsigned vector = 0; vector < 256; ++vector) {
        const auto number = static_cast<std::uint8_t>(vector);
        if (const auto count = counts.interrupts(number); count != 0) {
            result.interrupts.emplace_back(number, count);
        }
    }
    result.nmis = counts.nmis();
    result.exceptions = counts.exceptions();
    return result;
}

MemoryStatistics Machine::memory_statistics() const {
    const auto kernel = vm_->kernel_memory();
    const auto heap = mallinfo2();
    MemoryStatistics result;
    result.guest = options_.config->memory_bytes;
    result.kernel = kernel.given;
    result.kernel_used = kernel.used;
    result.monitor = difference(hypervisor_.used_memory(), result.guest + kernel.given);
    result.monitor_heap = heap.uordblks + heap.hblkhd;
    return result;
}

}  // namespace redoubt::vmmd
