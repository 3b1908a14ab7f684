// The kernel's own mappings: the direct map of RAM and the image, writable or executable, never
// both.
#include "arch/kernel_map.hpp"

#include <cstring>

#include "arch/page_format.hpp"
#include "arch/paging.hpp"
#include "kernel/mm/mapper.hpp"
#include "kernel/panic.hpp"

extern "C" {
extern const char kernel_text_start[], kernel_text_end[], kernel_rodata_start[],
    kernel_rodata_end[], kernel_data_start[], kernel_data_end[], boot_stack_guard[];
}

namespace redoubt::kernel {
namespace {

constinit PhysicalAddress root{};
constinit BootAllocator* boot_allocator = nullptr;

constexpr PageFlags kReadOnly = PageFlags{}.read().global();
constexpr PageFlags kReadWrite = kReadOnly.write();

std::uint64_t address_of(const char* symbol) { return reinterpret_cast<std::uint64_t>(symbol); }

/// Calls `function` with the mapper of the kernel's half.
template <class Function>
auto with_mapper(Function&& function) {
    return in_kernel_format(
        [&]<class Format>(Format) { return function(PageMapper<Format>{root, *boot_allocator}); });
}

void map(std::uint64_t address, PhysicalAddress frame, std::uint64_t bytes, PageFlags flags) {
    if (bytes == 0) return;
    const auto result = with_mapper(
        [&](auto mapper) { return mapper.map(VirtualAddress{address}, frame, bytes, flags); });
    if (!result.ok()) {
        panic("cannot map {x} bytes of {x} for the kernel: error {}", bytes, frame,
              static_cast<std::uint32_t>(result.error()));
    }
    result.value().ignore();
}

void map_direct(PhysicalRange range, PageFlags flags) {
    map(direct_map_base + range.start.value(), range.start, range.bytes, flags);
}

void map_image(const char* start, const char* end, PageFlags flags) {
    const std::uint64_t address = address_of(start);
    map(address, image_physical(address), address_of(end) - address, flags);
}

/// RAM, except the image's constant part, which must not be writable under its second address
/// either.
void map_ram(const BootInformation& information) {
    const PhysicalAddress constant_start = image_physical(address_of(kernel_text_start));
    const PhysicalAddress constant_end = image_physical(address_of(kernel_rodata_end));
    for (const PhysicalRange& range : information.ram) {
        const PhysicalAddress start = range.start, end = range.end();
        if (start <= constant_start && constant_end <= end) {
            map_direct({start, constant_start - start}, kReadWrite);
            map_direct({constant_start, constant_end - constant_start}, kReadOnly);
            map_direct({constant_end, end - constant_end}, kReadWrite);
        } else {
            map_direct(range, kReadWrite);
        }
    }
}

}  // namespace

void kernel_map_initialize(const BootInformation& information, BootAllocator& allocator) {
    boot_allocator = &allocator;
    const auto frame = allocator.allocate_zeroed();
    if (!frame.ok()) panic("no memory for the kernel's page tables");
    root = frame.value();
    map_ram(information);
    map_image(kernel_text_start, kernel_text_end, kReadOnly.execute());
    map_image(kernel_rodata_start, kernel_rodata_end, kReadOnly);
    map_image(kernel_data_start, boot_stack_guard, kReadWrite);
    map_image(boot_stack_guard + kPageSize, kernel_data_end, kReadWrite);
}

void unmap_kernel_page(const void* page) {
    const VirtualAddress address{reinterpret_cast<std::uint64_t>(page)};
    const auto flush = with_mapper([&](auto mapper) { return mapper.unmap(address, kPageSize); });
    if (flush.ok()) flush.value().apply([](VirtualAddress at, std::uint64_t) { flush_page(at); });
}

void kernel_map_finish() { boot_allocator = nullptr; }

void* map_device_page(PhysicalAddress address) {
    if (boot_allocator == nullptr) panic("device page {x} mapped after boot", address);
    const PhysicalAddress page = address.page_base();
    const VirtualAddress there{direct_map_base + page.value()};
    if (!with_mapper([&](auto mapper) { return mapper.translate(there).has_value(); }))
        map_direct({page, kPageSize}, kReadWrite.uncached());
    return direct_map<void>(address);
}

PhysicalAddress kernel_root() { return root; }

PhysicalAddress prepare_root(PhysicalAddress user_root, FrameAllocator& allocator) {
    constexpr std::size_t kOffset = kFirstKernelRootEntry * sizeof(std::uint64_t);
    std::memcpy(direct_map<char>(user_root) + kOffset, direct_map<const char>(root) + kOffset,
                kPageSize - kOffset);
    return make_user_tables(user_root, allocator);
}

}  // namespace redoubt::kernel
