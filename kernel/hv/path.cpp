// Parses hv: paths, which come from user space byte by byte.
#include "kernel/hv/path.hpp"

namespace redoubt::kernel::hv {
namespace {

using Text = std::span<const char>;

bool equals(Text text, const char* literal) {
    std::size_t i = 0;
    while (i < text.size() && literal[i] != '\0' && text[i] == literal[i]) ++i;
    return i == text.size() && literal[i] == '\0';
}

/// Cuts the first component off.
Text next_component(Text& text) {
    std::size_t length = 0;
    while (length < text.size() && text[length] != '/') ++length;
    const Text component = text.first(length);
    text = length == text.size() ? Text{} : text.subspan(length + 1);
    return component;
}

bool parse_number(Text digits, std::uint32_t& value) {
    if (digits.empty() || digits.size() > 9) return false;
    value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return true;
}

}  // namespace

Path parse_path(Text text) {
    while (!text.empty() && text.front() == '/') text = text.subspan(1);
    Path path;
    const Text first = next_component(text);
    if (equals(first, "caps") && text.empty()) {
        path.kind = Path::Kind::Caps;
    } else if (equals(first, "memory") && text.empty()) {
        path.kind = Path::Kind::RelativeMemory;
    } else if (equals(first, "vcpu")) {
        if (parse_number(text, path.vcpu)) path.kind = Path::Kind::RelativeVcpu;
    } else if (equals(first, "vm") && text.empty()) {
        path.kind = Path::Kind::Vms;
    } else if (equals(first, "vm") && parse_number(next_component(text), path.vm)) {
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
