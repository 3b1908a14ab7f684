// Linux's bzImage: checking one, and starting it through the 64-bit boot protocol.
// Documentation/x86/boot.rst and zero-page.rst of Linux.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd {

/// What the setup header says.
struct BzImage {
    std::uint64_t setup_bytes = 0;  ///< the real-mode part; the kernel follows
    std::uint64_t preferred_address = 0;
    std::uint64_t memory_needed = 0;  ///< from the load address, to unpack itself
    std::uint64_t initrd_limit = 0;   ///< highest address an initrd's byte may have
    std::uint32_t cmdline_limit = 0;  ///< characters, without the NUL
    std::uint16_t version = 0;
};

/// Enough of the file for check_bzimage, so that a loader need not hold all of it.
inline constexpr std::size_t kBzImageHeaderBytes = 0x268;

/// `header` is the file's beginning. The error is the end of a sentence: "not a Linux bzImage: …".
std::expected<BzImage, std::string> check_bzimage(std::span<const std::uint8_t> header,
                                                  std::uint64_t file_bytes);

/// Where the loader has to put the two files.
struct LinuxPlacement {
    std::uint64_t kernel = 0;
    std::uint64_t initrd = 0;
};
std::expected<LinuxPlacement, std::string> place_linux(const BzImage& image,
                                                       std::uint64_t initrd_bytes,
                                                       std::uint64_t memory_bytes);

struct LinuxBoot {
    std::span<const std::uint8_t> header;  ///< kBzImageHeaderBytes of the file
    LinuxPlacement placement;
    std::uint64_t initrd_bytes = 0;
    std::string_view cmdline;
    std::uint64_t memory_bytes = 0;
    std::uint64_t rsdp = 0;
};

/// Writes the zero page, command line, boot GDT and identity page tables. Gives the entry's
/// address.
std::expected<std::uint64_t, std::string> write_linux_boot_data(const hvcall::GuestMemory& memory,
                                                                const BzImage& image,
                                                                const LinuxBoot& boot);

}  // namespace redoubt::vmmd
