// Registers and callers for a panic.
#include "arch/backtrace.hpp"

#include <cstdint>

#include "arch/callers.hpp"
#include "arch/msr.hpp"
#include "arch/trap.hpp"
#include "kernel/print.hpp"

namespace redoubt::kernel {
namespace {

void print_control_registers() {
    print("cr0 {x} cr2 {x} cr3 {x} cr4 {x}\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

}  // namespace

void print_registers_and_backtrace(const TrapFrame& frame) {
    const auto* a = frame.arguments;
    print("rax {x} rbx {x} rcx {x} rdx {x}\n", frame.rax, frame.rbx, frame.rcx, a[2]);
    print("rsi {x} rdi {x} rbp {x} rsp {x}\n", a[1], a[0], frame.rbp, frame.rsp);
    print("r8 {x} r9 {x} r10 {x} r11 {x}\n", a[4], a[5], a[3], frame.r11);
    print("r12 {x} r13 {x} r14 {x} r15 {x}\n", frame.r12, frame.r13, frame.r14, frame.r15);
    print("rip {x} rflags {x} cs {x} error {x}\n", frame.rip, frame.rflags, frame.cs,
          frame.error_code);
    print_control_registers();
    print("back trace:\n");
    print_location(frame.rip);
    print_callers(frame.rbp);
}

void print_registers_and_backtrace() {
    // The others have been overwritten on the way here.
    std::uint64_t rbx, r12, r13, r14, r15, rsp;
    asm volatile(
        "movq %%rbx, %0; movq %%r12, %1; movq %%r13, %2; movq %%r14, %3; movq %%r15, %4; movq "
        "%%rsp, %5"
        : "=m"(rbx), "=m"(r12), "=m"(r13), "=m"(r14), "=m"(r15), "=m"(rsp));
    const auto rbp = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
    const auto rip = reinterpret_cast<std::uint64_t>(__builtin_return_address(0));
    print("rip {x} rbx {x} rbp {x} rsp {x}\n", rip, rbx, rbp, rsp);
    print("r12 {x} r13 {x} r14 {x} r15 {x}\n", r12, r13, r14, r15);
    print_control_registers();
    print("back trace:\n");
    print_callers(rbp);
}

}  // namespace redoubt::kernel
