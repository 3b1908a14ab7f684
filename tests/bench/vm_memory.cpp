// Counts the memory that the kernel's objects of a VM with one vCPU and 256 MiB take, page tables
// included: what is missing from this process's Untyped, less the guest's own memory. Runs on
// Redoubt in place of vmmd; tools/bench makes the table.
#include <cstdint>
#include <cstdio>
#include <exception>

#include "libhvcall/hypervisor.hpp"
#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "tests/bench/samples.hpp"

namespace redoubt::bench {
namespace {

constexpr std::uint64_t kGuestMemory = 256ULL << 20;

/// While a complete VM exists.
std::uint64_t taken_by_vm(hvcall::Hypervisor& hypervisor) {
    const auto before = hypervisor.available_memory();
    const auto vm = hypervisor.create_vm(kGuestMemory);
    vm->add_memory(hvcall::GuestPhysicalAddress{0}, kGuestMemory);
    const auto vcpu = vm->create_vcpu(0);
    return before - hypervisor.available_memory() - kGuestMemory;
}

void measure_all(hvcall::Hypervisor& hypervisor) {
    taken_by_vm(hypervisor);  // this process's heap has grown for good then
    const auto before = hypervisor.available_memory();
    report("memory", "kernel_per_vm", taken_by_vm(hypervisor));
    report("memory", "left_behind", before - hypervisor.available_memory());
}

}  // namespace
}  // namespace redoubt::bench

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    redoubt::hvcall::announce_ready();
    auto hypervisor = redoubt::hvcall::open_native_hypervisor();
    if (!hypervisor) {
        std::printf("BENCH FAILED %s\n", hypervisor.error().c_str());
        return 1;
    }
    try {
        redoubt::bench::measure_all(**hypervisor);
        std::printf("BENCH DONE\n");
    } catch (const std::exception& error) {
        std::printf("BENCH FAILED %s\n", error.what());
        return 1;
    }
    return 0;
}
