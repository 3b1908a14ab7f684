// What the kernel must keep from other processes.
#include "tests/system/fuzz/worker.hpp"

namespace redoubt::fuzz {

namespace {

bool has_vectors;

void fill_vectors(std::uint64_t secret) {
    asm volatile(
        ".option push\n.option arch, +v\n"
        "vsetvli t0, zero, e64, m8, ta, ma\n"
        "vmv.v.x v0, %0\n vmv.v.x v8, %0\n vmv.v.x v16, %0\n vmv.v.x v24, %0\n.option pop"
        :
        : "r"(secret)
        : "t0");
}

/// Six words.
void read_vectors(std::uint64_t* words) {
    asm volatile(
        ".option push\n.option arch, +v\n"
        "vsetivli zero, 2, e64, m1, ta, ma\n vse64.v v0, (%0)\n"
        "addi t0, %0, 16\n vse64.v v9, (t0)\n addi t0, %0, 32\n vse64.v v31, (t0)\n.option pop"
        :
        : "r"(words)
        : "t0", "memory");
}

}  // namespace

/// Its image, with this in it, is also that of the workers.
void use_vectors() { has_vectors = true; }

/// All but the stack, the global and the thread pointer.
void fill_registers(std::uint64_t secret) {
    if (has_vectors) fill_vectors(secret);
    register std::uint64_t value asm("a0") = secret;
    asm volatile(
        ".irp number, 0, 1, 2, 7, 8, 15, 16, 31\n fmv.d.x f\\number, %0\n .endr\n"
        ".irp number, 1, 5, 6, 7, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25\n"
        "mv x\\number, %0\n .endr\n"
        ".irp number, 26, 27, 28, 29, 31\n mv x\\number, %0\n .endr\n"
        "li x30, 2000\n 1: addi x30, x30, -1\n bnez x30, 1b\n"
        :
        : "r"(value)
        : "ra", "t0", "t1", "t2", "s1", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s3", "s4",
          "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6", "memory");
}

void read_vector_registers(std::uint64_t (&words)[kVectorWords]) {
    asm volatile(
        "fsd f0, 0(%0)\n fsd f1, 8(%0)\n fsd f2, 16(%0)\n fsd f7, 24(%0)\n"
        "fsd f8, 32(%0)\n fsd f15, 40(%0)\n fsd f16, 48(%0)\n fsd f31, 56(%0)\n"
        :
        : "r"(words)
        : "memory");
    if (has_vectors) read_vectors(words);
}

std::uint64_t& program_counter(abi::VcpuState& state) { return state.pc; }

}  // namespace redoubt::fuzz
