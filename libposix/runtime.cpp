// What the compiler expects of a C library: memory functions and the allocator behind operator new.
#include <cstddef>
#include <cstdint>
#include <new>

#include "libhvcall/native/copy.hpp"
#include "libposix/process.hpp"

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
    if (target <= source || target >= source + size) return memcpy(to, from, size);
    while (size-- > 0) {
        target[size] = source[size];
        asm volatile(""
                     :
                     :
                     : "memory");  // keeps the compiler from making this loop a call to memmove
    }
    return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (std::size_t i = 0; i < size; ++i) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

void* memchr(const void* in, int value, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(in);
    for (std::size_t i = 0; i < size; ++i) {
        if (bytes[i] == static_cast<unsigned char>(value))
            return const_cast<unsigned char*>(bytes + i);
    }
    return nullptr;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (text[length] != '\0') {
        ++length;
        asm volatile("" : : : "memory");
    }
    return length;
}

[[noreturn]] void __cxa_pure_virtual() {
    redoubt::posix::log_line("libposix: pure virtual call");
    redoubt::posix::exit_process(127);
}
}

// std::string_view's answer to a position beyond its end.
namespace std {
[[noreturn]] void __throw_out_of_range_fmt(const char* text, ...) {
    redoubt::posix::log_line(text);
    redoubt::posix::exit_process(127);
}
}  // namespace std

namespace {

// Powers of two from 32 bytes to a page; freed blocks of a size are chained. The process's lock is
// held by whoever makes or destroys something.
constexpr unsigned kSmallestBits = 5;
constexpr unsigned kPageBits = 12;

struct FreeBlock {
    FreeBlock* next;
};
constinit FreeBlock* free_blocks[kPageBits - kSmallestBits + 1] = {};

unsigned size_class(std::size_t size) {
    unsigned index = 0;
    while ((std::size_t{1} << (kSmallestBits + index)) < size) ++index;
    return index;
}

void* allocate(std::size_t size) {
    using redoubt::posix::process;
    if (size > redoubt::posix::kPageSize) {
        return process().memory.allocate_pages(redoubt::posix::pages_for(size));
    }
    const unsigned index = size_class(size);
    FreeBlock*& head = free_blocks[index];
    if (head == nullptr) {
        auto* page = static_cast<std::byte*>(process().memory.allocate_pages(1));
        if (page == nullptr) return nullptr;
        const std::size_t step = std::size_t{1} << (kSmallestBits + index);
        for (std::size_t at = 0; at < redoubt::posix::kPageSize; at += step) {
            auto* block = reinterpret_cast<FreeBlock*>(page + at);
            block->next = head;
            head = block;
        }
    }
    FreeBlock* block = head;
    head = block->next;
    return block;
}

}  // namespace

const std::nothrow_t std::nothrow{};

void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }

void operator delete(void* pointer, std::size_t size) noexcept {
    if (pointer == nullptr) return;
    if (size > redoubt::posix::kPageSize) {
        redoubt::posix::process().memory.free_pages(pointer, redoubt::posix::pages_for(size));
        return;
    }
    auto* block = static_cast<FreeBlock*>(pointer);
    FreeBlock*& head = free_blocks[size_class(size)];
    block->next = head;
    head = block;
}

// Every delete knows the size; the language still wants this one to exist.
void operator delete(void*) noexcept {}
void operator delete(void*, const std::nothrow_t&) noexcept {}
