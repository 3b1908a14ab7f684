// Model-specific registers, CPUID and control registers.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

inline constexpr std::uint32_t kMsrApicBase = 0x1B;
inline constexpr std::uint32_t kMsrTscDeadline = 0x6E0;
inline constexpr std::uint32_t kMsrX2ApicBase = 0x800;
inline constexpr std::uint32_t kMsrPat = 0x277;
inline constexpr std::uint32_t kMsrEfer = 0xC000'0080;
inline constexpr std::uint32_t kMsrStar = 0xC000'0081;
inline constexpr std::uint32_t kMsrLstar = 0xC000'0082;
inline constexpr std::uint32_t kMsrCstar = 0xC000'0083;
inline constexpr std::uint32_t kMsrSfmask = 0xC000'0084;
inline constexpr std::uint32_t kMsrFsBase = 0xC000'0100;
inline constexpr std::uint32_t kMsrGsBase = 0xC000'0101;
inline constexpr std::uint32_t kMsrKernelGsBase = 0xC000'0102;

inline constexpr std::uint64_t kEferSyscall = 1ULL << 0;
inline constexpr std::uint64_t kEferNx = 1ULL << 11;

inline std::uint64_t read_msr(std::uint32_t number) {
    std::uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return std::uint64_t{high} << 32 | low;
}
inline void write_msr(std::uint32_t number, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(number), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidResult r;
    asm volatile("cpuid"
                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                 : "a"(leaf), "c"(subleaf));
    return r;
}

inline std::uint64_t read_cr0() {
    std::uint64_t v;
    asm volatile("movq %%cr0, %0" : "=r"(v));
    return v;
}
inline void write_cr0(std::uint64_t v) { asm volatile("movq %0, %%cr0" : : "r"(v) : "memory"); }
inline std::uint64_t read_cr2() {
    std::uint64_t v;
    asm volatile("movq %%cr2, %0" : "=r"(v));
    return v;
}
inline std::uint64_t read_cr3() {
    std::uint64_t v;
    asm volatile("movq %%cr3, %0" : "=r"(v));
    return v;
}
inline void write_cr3(std::uint64_t v) { asm volatile("movq %0, %%cr3" : : "r"(v) : "memory"); }
inline std::uint64_t read_cr4() {
    std::uint64_t v;
    asm volatile("movq %%cr4, %0" : "=r"(v));
    return v;
}
inline void write_cr4(std::uint64_t v) { asm volatile("movq %0, %%cr4" : : "r"(v) : "memory"); }
inline std::uint64_t read_xcr0() {
    std::uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}

inline void write_xcr0(std::uint64_t v) {
    asm volatile("xsetbv"
                 :
                 : "c"(0), "a"(static_cast<std::uint32_t>(v)),
                   "d"(static_cast<std::uint32_t>(v >> 32)));
}

}  // namespace redoubt::kernel
