// Pieces of text that traces, dumps and crash reports are made of.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace redoubt::vmmd {

/// snprintf into a string; what is longer than 200 characters is cut.
template <class... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
    char text[200];
    std::snprintf(text, sizeof text, pattern, arguments...);
    return text;
}

/// "0x3f8"
inline std::string hexadecimal(std::uint64_t value) {
    return format("%#llx", static_cast<unsigned long long>(value));
}

/// "00000000000003f8"
inline std::string address_text(std::uint64_t address) {
    return format("%016llx", static_cast<unsigned long long>(address));
}

}  // namespace redoubt::vmmd
