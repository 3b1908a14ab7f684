// Registers and callers for a panic, with the names from the table that tools/ksyms.py made.
#include "arch/backtrace.hpp"

#include <cstdint>

#include "arch/msr.hpp"
#include "arch/trap.hpp"
#include "kernel/print.hpp"

extern "C" {
extern const std::uint64_t kernel_symbol_count;
extern const std::uint64_t kernel_symbol_addresses[];
extern const std::uint32_t kernel_symbol_name_offsets[];
extern const char kernel_symbol_names[];
extern const char kernel_text_start[], kernel_text_end[], kernel_data_start[], kernel_data_end[];
}

namespace redoubt::kernel {
namespace {

constexpr unsigned kMaximumDepth = 32;

bool is_text(std::uint64_t address) {
    return address >= reinterpret_cast<std::uint64_t>(kernel_text_start) &&
           address < reinterpret_cast<std::uint64_t>(kernel_text_end);
}

/// Kernel stacks lie in the image's data; nothing else is followed.
bool is_frame(std::uint64_t address) {
    return (address & 7) == 0 && address >= reinterpret_cast<std::uint64_t>(kernel_data_start) &&
           address + 16 <= reinterpret_cast<std::uint64_t>(kernel_data_end);
}

/// Index of the last symbol at or below `address`, which is not below the first.
std::uint64_t find_symbol(std::uint64_t address) {
    std::uint64_t low = 0;
    std::uint64_t high = kernel_symbol_count;
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (kernel_symbol_addresses[middle] <= address) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void print_location(std::uint64_t address) {
    if (!is_text(address) || kernel_symbol_count == 0 || address < kernel_symbol_addresses[0]) {
        print("  {x}\n", address);
        return;
    }
    const std::uint64_t symbol = find_symbol(address);
    print("  {x} {}+{x}\n", address, kernel_symbol_names + kernel_symbol_name_offsets[symbol],
          address - kernel_symbol_addresses[symbol]);
}

void print_callers(std::uint64_t frame) {
    for (unsigned depth = 0; depth < kMaximumDepth && is_frame(frame); ++depth) {
        const auto* words = reinterpret_cast<const std::uint64_t*>(frame);
        if (!is_text(words[1])) break;
        print_location(words[1] - 1);  // the call, not what follows it
        if (words[0] <= frame) break;  // stacks grow down: callers lie higher
        frame = words[0];
    }
}

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
