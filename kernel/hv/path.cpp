// Parses hv: paths, which come from user space byte by byte.
#include "kernel/hv/path.hpp"

#include <algorithm>

namespace redoubt::kernel::hv {
namespace {

/// Cuts the first component off.
std::string_view next_component(std::string_view& text) {
    const std::string_view component{text.begin(), std::find(text.begin(), text.end(), '/')};
    text.remove_prefix(component.size() < text.size() ? component.size() + 1 : text.size());
    return component;
}

bool parse_number(std::string_view digits, std::uint32_t& value) {
    if (digits.empty() || digits.size() > 9) return false;
    value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return true;
}

}  // namespace

Path parse_path(std::string_view text) {
    while (text.starts_with('/')) text.remove_prefix(1);
    Path path;
    const std::string_view first = next_component(text);
    if (first == "caps" && text.empty()) {
        path.kind = Path::Kind::Caps;
    } else if (first == "memory" && text.empty()) {
        path.kind = Path::Kind::RelativeMemory;
    } else if (first == "vcpu") {
        if (parse_number(text, path.vcpu)) path.kind = Path::Kind::RelativeVcpu;
    } else if (first == "vm" && text.empty()) {
        path.kind = Path::Kind::Vms;
    } else if (first == "vm" && parse_number(next_component(text), path.vm)) {
        const Path relative = text.empty() ? Path{} : parse_path(text);
        if (text.empty()) {
            path.kind = Path::Kind::Vm;
        } else if (relative.kind == Path::Kind::RelativeMemory) {
            path.kind = Path::Kind::Memory;
        } else if (relative.kind == Path::Kind::RelativeVcpu) {
            path.kind = Path::Kind::Vcpu;
            path.vcpu = relative.vcpu;
        }
    }
    return path;
}

}  // namespace redoubt::kernel::hv
