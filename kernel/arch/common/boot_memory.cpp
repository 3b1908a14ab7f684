// The parts of BootInformation that need no knowledge of who told it.
#include "arch/boot_memory.hpp"

#include <algorithm>
#include <cstring>

namespace redoubt::kernel {

void sort_regions(BootInformation& information) {
    std::sort(
        information.regions.items, information.regions.items + information.regions.count,
        [](const MemoryRegion& a, const MemoryRegion& b) { return a.range.start < b.range.start; });
}

void copy_command_line(BootInformation& information, const char* text) {
    std::size_t length = 0;
    while (length + 1 < sizeof(information.command_line) && text[length] != '\0') ++length;
    std::memcpy(information.command_line, text, length);
    information.command_line[length] = '\0';
}

bool command_line_has(const char* word) {
    const std::size_t length = __builtin_strlen(word);
    const char* text = boot_information().command_line;
    while (*text != '\0') {
        std::size_t here = 0;
        while (text[here] != '\0' && text[here] != ' ') ++here;
        if (here == length && std::memcmp(text, word, length) == 0) return true;
        text += here + (text[here] == ' ' ? 1 : 0);
    }
    return false;
}

}  // namespace redoubt::kernel
