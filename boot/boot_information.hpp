// What the boot loader tells the kernel: the one thing that both share.
//
// The loader fills it before it enters the kernel, which copies it and gives the loader's memory
// to init like all that is free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "abi/machine.hpp"
#include "arch/hardware.hpp"
#include "boot/lists.hpp"

namespace redoubt::boot {

/// A part of init's program; segments share no page, and none is writable and executable.
struct InitSegment {
    std::uint64_t address, bytes;  ///< in its address space
    PhysicalRange contents;        ///< of its beginning, in the archive; the rest is zero
    bool writable, executable;
};

struct BootInformation {
    /// RAM that is free to use, but for what is in the following: whole pages, ascending, disjoint.
    BootList<PhysicalRange, 128> ram;
    PhysicalRange kernel_image;
    PhysicalRange boot_archive;
    /// RAM that belongs to nobody: whole pages, disjoint. The loader's own is the last.
    BootList<PhysicalRange, 128> free_memory;
    /// Which of these the kernel takes its own memory from: what every processor can be started
    /// with.
    std::size_t kernel_memory;
    /// Where device memory may be given to drivers: where neither RAM nor interrupt controllers
    /// are.
    BootList<PhysicalRange, 8> device_memory;
    BootList<InitSegment, 12> init;
    std::uint64_t init_entry;
    char command_line[256];
    char processor[128];  ///< its name, for people
    std::uint64_t entry_ticks;       ///< the counter when the loader was entered
    std::uint64_t ticks_per_second;  ///< of the counter
    std::uint64_t real_time;         ///< seconds since 1970 when the counter was zero
    Hardware hardware;
    abi::MachineDescription machine;  ///< for init

    /// What the kernel checks before it believes the rest.
    constexpr bool is_sound() const {
        return ram.is_sound() && free_memory.is_sound() && kernel_memory < free_memory.count &&
               device_memory.is_sound() && init.is_sound() && hardware.is_sound() &&
               command_line[sizeof command_line - 1] == '\0' &&
               processor[sizeof processor - 1] == '\0' && ticks_per_second != 0;
    }
};
static_assert(std::is_trivially_copyable_v<BootInformation> &&
              std::is_standard_layout_v<BootInformation>);

}  // namespace redoubt::boot
