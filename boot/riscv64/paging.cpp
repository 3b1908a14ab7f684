// See paging.hpp.
#include "boot/riscv64/paging.hpp"

#include <algorithm>
#include <iterator>

#include "arch/paging.hpp"
#include "kernel/print.hpp"

extern "C" const std::uint64_t boot_root[];

namespace redoubt::boot {
namespace {

using kernel::kFewestLevels;

constexpr const char* kNames[] = {"Sv39", "Sv48", "Sv57"};
constexpr std::string_view kWords[] = {"sv39", "sv48", "sv57"};

/// Goes on with the boot tables, for which larger modes have others above. False, with nothing
/// changed, if this processor has no such mode (4.1.11).
bool enter(unsigned levels) {
    alignas(kernel::kPageSize) static constinit std::uint64_t tables48[512]{}, tables57[512]{};
    const auto physical = [](const std::uint64_t* table) {
        return kernel::image_physical(reinterpret_cast<std::uint64_t>(table));
    };
    // The image is at the end of all modes' addresses, the direct map at the beginnings of their
    // upper halves, 256 GiB later with the larger modes.
    tables48[511] = tables48[256] = kernel::UserPageFormat::make_table(physical(boot_root));
    tables57[511] = kernel::UserPageFormat::make_table(physical(tables48));
    const std::uint64_t* const roots[] = {boot_root, tables48, tables57};
    const std::uint64_t satp = kernel::satp_mode_of(levels) |
                               physical(roots[levels - kFewestLevels]).value() >> kernel::kPageBits;
    REDOUBT_WRITE_CSR("satp", satp);
    if (REDOUBT_READ_CSR("satp") != satp) return false;
    asm volatile("sfence.vma" : : : "memory");
    return true;
}

/// `otherwise` if the command line does not ask for one.
unsigned asked_for(std::string_view command_line, unsigned otherwise) {
    constexpr std::string_view kKey = "paging=";
    while (!command_line.empty()) {
        const std::string_view word = command_line.substr(0, command_line.find(' '));
        command_line.remove_prefix(std::min(word.size() + 1, command_line.size()));
        if (!word.starts_with(kKey)) continue;
        for (unsigned i = 0; i < std::size(kWords); ++i)
            if (word.substr(kKey.size()) == kWords[i]) return kFewestLevels + i;
        kernel::print("boot: paging= takes sv39, sv48 or sv57; it is ignored\n");
    }
    return otherwise;
}

}  // namespace

unsigned choose_paging(std::string_view command_line, PhysicalAddress memory_end) {
    const bool is_small = memory_end <= kernel::kDirectMapEnd39;
    unsigned levels = asked_for(command_line, is_small ? kFewestLevels : kFewestLevels + 1);
    while (!enter(levels)) {
        kernel::print("boot: the processor has no {}\n", kNames[levels - kFewestLevels]);
        --levels;
    }
    kernel::print("boot: {} page tables\n", kNames[levels - kFewestLevels]);
    return levels;
}

}  // namespace redoubt::boot
