// What the kernel must keep from other processes.
#include "tests/system/fuzz/worker.hpp"

namespace redoubt::fuzz {

/// All that it looks at are always there.
void use_vectors() {}

void fill_registers(std::uint64_t secret) {
    asm volatile(
        "movq %0, %%xmm0\n punpcklqdq %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm1\n"
        "movdqa %%xmm0, %%xmm7\n movdqa %%xmm0, %%xmm15\n"
        "movq %0, %%rbx\n movq %0, %%r12\n movq %0, %%r13\n movq %0, %%r14\n movq %0, %%r15\n"
        "movq %0, %%rdi\n movq %0, %%rsi\n movq %0, %%rdx\n movq %0, %%r8\n movq %0, %%r9\n"
        "movq %0, %%r10\n movq %0, %%r11\n"
        "movl $2000, %%ecx\n 1: loop 1b\n"
        :
        : "a"(secret)
        : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "memory");
}

void read_vector_registers(std::uint64_t (&words)[kVectorWords]) {
    asm volatile(
        "movdqu %%xmm0, (%0)\n movdqu %%xmm1, 16(%0)\n movdqu %%xmm7, 32(%0)\n"
        "movdqu %%xmm15, 48(%0)\n"
        :
        : "r"(words)
        : "memory");
}

std::uint64_t& program_counter(abi::VcpuState& state) { return state.rip; }

}  // namespace redoubt::fuzz
