// What the boot loader and the firmware's tables told, independent of who told it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "abi/machine.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

struct PhysicalRange {
    PhysicalAddress start;
    std::uint64_t bytes;

    constexpr PhysicalAddress end() const { return start + bytes; }
};

enum class MemoryKind : std::uint32_t { Usable, Reserved, Acpi };

struct MemoryRegion {
    PhysicalRange range;
    MemoryKind kind;
};

/// A list of fixed capacity; what does not fit is dropped and counted.
template <class T, std::size_t N>
struct BootList {
    T items[N];
    std::size_t count;
    std::size_t dropped;

    constexpr void add(const T& item) {
        if (count < N) {
            items[count++] = item;
        } else {
            ++dropped;
        }
    }
    constexpr const T* begin() const { return items; }
    constexpr const T* end() const { return items + count; }
};

struct BootInformation {
    BootList<MemoryRegion, 128> regions;  ///< the firmware's map, as it came
    PhysicalRange kernel_image;
    PhysicalRange boot_module;  ///< the boot archive; 0 bytes if there is none
    PhysicalRange boot_tables;  ///< page tables and per-processor data taken during boot
    /// Usable memory that belongs to nobody: page-aligned, sorted; without the image, the
    /// (page-rounded) module, boot_tables and the first MiB.
    BootList<PhysicalRange, 128> free_memory;
    /// Where device memory may be given to drivers: the holes below 4 GiB (interrupt controllers'
    /// excluded) and the space above RAM.
    BootList<PhysicalRange, 8> device_memory;
    char command_line[256];
    std::uint64_t entry_ticks;  ///< the counter when the kernel was entered

    PhysicalAddress rsdp;             ///< of ACPI's tables; 0 if there are none
    abi::MachineDescription machine;  ///< for init
};

/// Valid from the start of kernel_main on.
const BootInformation& boot_information();

/// True if the command line has `word` as a whole word.
bool command_line_has(std::string_view word);

}  // namespace redoubt::kernel
