// Floating-point and vector state: which components, how big, and whose is in the registers.
#include "arch/fpu.hpp"

#include <cstring>

#include "arch/cpu_setup.hpp"
#include "arch/fpu_switch.hpp"
#include "arch/msr.hpp"

namespace redoubt::kernel {
namespace {

constexpr std::uint32_t kX87 = 1 << 0, kSse = 1 << 1, kAvx = 1 << 2, kAvx512 = 7 << 5;
constexpr std::size_t kFxsaveBytes = 512;
constexpr std::size_t kComponentsInUse = 512;  // XSTATE_BV, in the header behind the legacy area
constexpr std::size_t kMaximumBytes = 2752;    // what abi::VcpuState has room for
constexpr std::uint64_t kCr4Xsave = 1 << 18;
constexpr std::uint16_t kInitialControlWord = 0x37F;

std::size_t state_size = kFxsaveBytes;

std::size_t enable(std::uint32_t mask) {
    write_xcr0(mask);
    return cpuid(0xD).ebx;
}

}  // namespace

std::uint32_t fpu_component_mask = 0;
bool fpu_drops_idle_x87 = false;

std::size_t fpu_state_size() { return state_size; }

void fpu_detect() {
    if (features().xsave) {
        write_cr4(read_cr4() | kCr4Xsave);
        const std::uint32_t supported = cpuid(0xD).eax;
        fpu_component_mask = kX87 | kSse | (supported & kAvx);
        // All three parts of AVX-512 or none (APM vol. 2, 11.5.2).
        if ((supported & (kAvx | kAvx512)) == (kAvx | kAvx512)) fpu_component_mask |= kAvx512;
        state_size = enable(fpu_component_mask);
        if (state_size > kMaximumBytes) {
            fpu_component_mask &= ~kAvx512;
            state_size = enable(fpu_component_mask);
        }
    }
}

void fpu_setup(bool several) {
    if (features().xsave) {
        write_cr4(read_cr4() | kCr4Xsave);
        write_xcr0(fpu_component_mask);
    }
    if (several) fpu_drops_idle_x87 = features().emulated;
    asm volatile("fninit");
}

void fpu_initialize(void* area) {
    constexpr std::uint32_t kMxcsr = 0x1F80;
    std::memset(area, 0, state_size);
    std::memcpy(static_cast<char*>(area), &kInitialControlWord, sizeof(kInitialControlWord));
    std::memcpy(static_cast<char*>(area) + 24, &kMxcsr, sizeof(kMxcsr));
}

void fpu_drop_idle_x87(void* area) {
    auto* const bytes = static_cast<char*>(area);
    // Control word, status, tags (none in use), opcode; addresses of instruction and operand.
    std::uint64_t environment[3];
    std::memcpy(environment, bytes, sizeof(environment));
    if (environment[0] != kInitialControlWord || environment[1] != 0 || environment[2] != 0) return;
    bytes[kComponentsInUse] &= static_cast<char>(~kX87);
}

void fpu_load(void* area) { fpu_switch(area); }

void fpu_release() {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_area != nullptr) fpu_store_registers(cpu.fpu_area);
    cpu.fpu_area = nullptr;
}

void fpu_flush(void* area) {
    if (this_cpu().fpu_area == area) fpu_store_registers(area);
}

void fpu_forget(void* area) {
    if (this_cpu().fpu_area == area) this_cpu().fpu_area = nullptr;
}

}  // namespace redoubt::kernel
