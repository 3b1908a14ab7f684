// Floating-point and vector state: which components, how big, and whose is in the registers.
#include "arch/fpu.hpp"

#include <cstring>

#include "arch/cpu_setup.hpp"
#include "arch/msr.hpp"

namespace redoubt::kernel {
namespace {

constexpr std::uint64_t kX87 = 1 << 0, kSse = 1 << 1, kAvx = 1 << 2, kAvx512 = 7 << 5;
constexpr std::size_t kFxsaveBytes = 512;
constexpr std::size_t kMaximumBytes = 2752;  // what abi::VcpuState has room for
constexpr std::uint64_t kCr4Xsave = 1 << 18;

std::uint64_t enabled_features = 0;
std::size_t state_size = kFxsaveBytes;

std::size_t enable(std::uint64_t mask) {
    write_xcr0(mask);
    return cpuid(0xD).ebx;
}

}  // namespace

std::size_t fpu_state_size() { return state_size; }
std::uint64_t fpu_features() { return enabled_features; }

void fpu_setup() {
    if (features().xsave) {
        write_cr4(read_cr4() | kCr4Xsave);
        const std::uint64_t supported = cpuid(0xD).eax;
        enabled_features = kX87 | kSse | (supported & kAvx);
        // All three parts of AVX-512 or none (APM vol. 2, 11.5.2).
        if ((supported & (kAvx | kAvx512)) == (kAvx | kAvx512)) enabled_features |= kAvx512;
        state_size = enable(enabled_features);
        if (state_size > kMaximumBytes) {
            enabled_features &= ~kAvx512;
            state_size = enable(enabled_features);
        }
    }
    asm volatile("fninit");
}

void fpu_initialize(void* area) {
    constexpr std::uint16_t kControlWord = 0x37F;
    constexpr std::uint32_t kMxcsr = 0x1F80;
    std::memset(area, 0, state_size);
    std::memcpy(static_cast<char*>(area), &kControlWord, sizeof(kControlWord));
    std::memcpy(static_cast<char*>(area) + 24, &kMxcsr, sizeof(kMxcsr));
}

void fpu_save(void* area) {
    if (enabled_features != 0) {
        asm volatile("xsave64 (%0)"
                     :
                     : "r"(area), "a"(static_cast<std::uint32_t>(enabled_features)),
                       "d"(static_cast<std::uint32_t>(enabled_features >> 32))
                     : "memory");
    } else {
        asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    }
}

void fpu_restore(const void* area) {
    if (enabled_features != 0) {
        asm volatile("xrstor64 (%0)"
                     :
                     : "r"(area), "a"(static_cast<std::uint32_t>(enabled_features)),
                       "d"(static_cast<std::uint32_t>(enabled_features >> 32))
                     : "memory");
    } else {
        asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    }
}

void fpu_load(void* area) {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_area == area) return;
    if (cpu.fpu_area != nullptr) fpu_save(cpu.fpu_area);
    if (area != nullptr) fpu_restore(area);
    cpu.fpu_area = area;
}

void fpu_flush(void* area) {
    if (this_cpu().fpu_area == area) fpu_save(area);
}

void fpu_forget(void* area) {
    if (this_cpu().fpu_area == area) this_cpu().fpu_area = nullptr;
}

}  // namespace redoubt::kernel
