// Registers and callers for a panic.
#include "arch/backtrace.hpp"

#include <cstdint>

#include "arch/callers.hpp"
#include "arch/csr.hpp"
#include "arch/trap.hpp"
#include "kernel/print.hpp"

namespace redoubt::kernel {
namespace {

void print_control_registers() {
    print("satp {x} sstatus {x} scause {x} stval {x}\n", REDOUBT_READ_CSR("satp"),
          REDOUBT_READ_CSR("sstatus"), REDOUBT_READ_CSR("scause"), REDOUBT_READ_CSR("stval"));
}

}  // namespace

void print_registers_and_backtrace(const TrapFrame& frame) {
    const auto* a = frame.arguments;
    print("pc {x} ra {x} sp {x} gp {x} tp {x}\n", frame.pc, frame.ra, frame.sp, frame.gp, frame.tp);
    print("a0 {x} a1 {x} a2 {x} a3 {x}\n", a[0], a[1], a[2], a[3]);
    print("a4 {x} a5 {x} a6 {x} a7 {x}\n", a[4], a[5], a[6], frame.a7);
    print("t0 {x} t1 {x} t2 {x} t3 {x}\n", frame.t0, frame.t1, frame.t2, frame.t3);
    print("t4 {x} t5 {x} t6 {x} s0 {x}\n", frame.t4, frame.t5, frame.t6, frame.s0);
    print("s1 {x} s2 {x} s3 {x} s4 {x}\n", frame.s1, frame.s2, frame.s3, frame.s4);
    print("s5 {x} s6 {x} s7 {x} s8 {x}\n", frame.s5, frame.s6, frame.s7, frame.s8);
    print("s9 {x} s10 {x} s11 {x}\n", frame.s9, frame.s10, frame.s11);
    print_control_registers();
    print("back trace:\n");
    print_location(frame.pc);
    print_callers(frame.s0);
}

void print_registers_and_backtrace() {
    const auto fp = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
    const auto ra = reinterpret_cast<std::uint64_t>(__builtin_return_address(0));
    std::uint64_t sp;
    asm volatile("mv %0, sp" : "=r"(sp));
    print("ra {x} s0 {x} sp {x}\n", ra, fp, sp);
    print_control_registers();
    print("back trace:\n");
    print_callers(fp);
}

}  // namespace redoubt::kernel
