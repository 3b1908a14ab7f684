// What the compiler and the standard headers call for copies and comparisons: there is no libc in
// init. The headers that declare these functions differently for C++ stay out.
#include <cstddef>

#include "libhvcall/native/copy.hpp"

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) {
    redoubt::native::copy_bytes(to, from, size);
    return to;
}

void* memset(void* to, int value, std::size_t size) {
    redoubt::native::fill_bytes(to, value, size);
    return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
    auto* target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    if (target <= source || target >= source + size) {
        return memcpy(to, from, size);
    }
    while (size-- != 0) {
        target[size] = source[size];
        asm volatile("" : : : "memory");  // keeps the loop from becoming a call to memmove
    }
    return to;
}

int memcmp(const void* left, const void* right, std::size_t size) {
    const auto* a = static_cast<const unsigned char*>(left);
    const auto* b = static_cast<const unsigned char*>(right);
    for (std::size_t i = 0; i < size; ++i) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

void* memchr(const void* text, int value, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(text);
    for (std::size_t i = 0; i < size; ++i) {
        if (bytes[i] == static_cast<unsigned char>(value)) {
            return const_cast<unsigned char*>(bytes + i);
        }
    }
    return nullptr;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (text[length] != '\0') {
        ++length;
        asm volatile("" : : : "memory");  // as in memmove
    }
    return length;
}

}  // extern "C"
