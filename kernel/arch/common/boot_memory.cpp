// The parts of BootInformation that need no knowledge of who told it.
#include "arch/boot_memory.hpp"

#include <algorithm>
#include <string_view>

namespace redoubt::kernel {

void sort_regions(BootInformation& information) {
    std::sort(
        information.regions.items, information.regions.items + information.regions.count,
        [](const MemoryRegion& a, const MemoryRegion& b) { return a.range.start < b.range.start; });
}

void copy_command_line(BootInformation& information, const char* text) {
    const std::string_view fitting =
        std::string_view{text}.substr(0, sizeof(information.command_line) - 1);
    *std::copy(fitting.begin(), fitting.end(), information.command_line) = '\0';
}

bool command_line_has(std::string_view word) {
    std::string_view text{boot_information().command_line};
    while (!text.empty()) {
        const std::string_view here{text.begin(), std::find(text.begin(), text.end(), ' ')};
        if (here == word) return true;
        text.remove_prefix(std::min(here.size() + 1, text.size()));
    }
    return false;
}

}  // namespace redoubt::kernel
