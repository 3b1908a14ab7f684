// Callers for a panic, with the names from the table that tools/ksyms.py made.
#include "arch/callers.hpp"

#include <algorithm>

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
    const auto* end = kernel_symbol_addresses + kernel_symbol_count;
    return std::upper_bound(kernel_symbol_addresses, end, address) - kernel_symbol_addresses - 1;
}

}  // namespace

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
        const auto* words = reinterpret_cast<const std::uint64_t*>(frame - kFrameRecordEnd);
        if (!is_text(words[1])) break;
        print_location(words[1] - 1);  // the call, not what follows it
        if (words[0] <= frame) break;  // stacks grow down: callers lie higher
        frame = words[0];
    }
}

}  // namespace redoubt::kernel
