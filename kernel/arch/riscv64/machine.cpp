// What the processors' ISA string says.
#include "arch/machine.hpp"

#include <string_view>

namespace redoubt::kernel {

bool isa_has(const char* isa, const char* extension) {
    const std::string_view wanted{extension};
    std::string_view rest{isa};
    while (!rest.empty()) {
        const std::size_t end = rest.find('_');
        if (rest.substr(0, end) == wanted) return true;
        if (end == std::string_view::npos) return false;
        rest.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace redoubt::kernel
