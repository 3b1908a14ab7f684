// Loading the debug registers.
#include "kernel/hv/svm/debug.hpp"

#include "kernel/hv/svm/detect.hpp"
#include "kernel/mm/address.hpp"

extern "C" const char kernel_data_end[];

namespace redoubt::kernel::svm {
namespace {

constexpr std::uint64_t kBreakpointEnables = 0xFF;  // DR7.L0..G3
constexpr std::uint64_t kNoBreakpoints = 0x400;
constexpr std::uint64_t kImageBase = 0xFFFF'FFFF'8000'0000;
/// More memory than machines have, and less than would reach what Linux guests map up there.
constexpr std::uint64_t kDirectMapBytes = 8ULL << 40;
constexpr std::uint64_t kWidest = 8;  ///< bytes of a watchpoint

void write_host_dr7(std::uint64_t value) { asm volatile("movq %0, %%db7" : : "r"(value)); }

}  // namespace

std::uint64_t harmless_breakpoints(std::uint64_t dr7, const std::uint64_t (&addresses)[4],
                                   std::uint64_t image_end) {
    for (unsigned i = 0; i < 4; ++i) {
        const std::uint64_t address = addresses[i];
        const bool in_image = address + kWidest > kImageBase && address < image_end;
        const bool in_direct_map =
            address + kWidest > direct_map_base && address < direct_map_base + kDirectMapBytes;
        const bool io = (dr7 >> (16 + 4 * i) & 3) == 2;
        if (in_image || in_direct_map || io) dr7 &= ~(3ULL << (2 * i));
    }
    return (dr7 & kBreakpointEnables) != 0 ? dr7 : kNoBreakpoints;
}

// VMRUN loads DR7 and VMEXIT disables all breakpoints. QEMU's emulated processor exchanges the
// register only: its breakpoints are those of the last MOV to DR7, in the guest and in the host. So
// there the host has them enabled around the world switch, but for those in memory that it touches
// meanwhile.
void set_debug_registers(SvmVcpu& vcpu, const std::uint64_t (&values)[4]) {
    for (unsigned i = 0; i < 4; ++i) vcpu.debug_registers[i] = values[i];
    const std::uint64_t dr7 = vcpu.vmcb.save.dr7;
    vcpu.breakpoints = (dr7 & kBreakpointEnables) != 0;
    vcpu.host_dr7 = harmless_breakpoints(dr7, vcpu.debug_registers,
                                         reinterpret_cast<std::uint64_t>(kernel_data_end));
}

void load_debug_registers(const SvmVcpu& vcpu) {
    const std::uint64_t(&values)[4] = vcpu.debug_registers;
    asm volatile("movq %0, %%db0" : : "r"(values[0]));
    asm volatile("movq %0, %%db1" : : "r"(values[1]));
    asm volatile("movq %0, %%db2" : : "r"(values[2]));
    asm volatile("movq %0, %%db3" : : "r"(values[3]));
    if (features().breakpoints_follow_host) write_host_dr7(vcpu.host_dr7);
}

void unload_debug_registers() {
    if (features().breakpoints_follow_host) write_host_dr7(kNoBreakpoints);
}

}  // namespace redoubt::kernel::svm
