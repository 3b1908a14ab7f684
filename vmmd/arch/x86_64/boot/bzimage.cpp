// bzImage.
#include "vmmd/arch/x86_64/boot/bzimage.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "arch/memory_layout.hpp"
#include "vmmd/config/text.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestPhysicalAddress;

// Offsets in the file and, alike, in the zero page.
enum Offset : std::size_t {
    kAcpiRsdp = 0x070,
    kE820Count = 0x1E8,
    kSetupSectors = 0x1F1,
    kSystemSize = 0x1F4,
    kBootFlag = 0x1FE,
    kJumpLength = 0x201,
    kMagic = 0x202,
    kVersion = 0x206,
    kLoaderType = 0x210,
    kRamdiskAddress = 0x218,
    kRamdiskSize = 0x21C,
    kCommandLine = 0x228,
    kInitrdLimit = 0x22C,
    kExtendedLoadFlags = 0x236,
    kCommandLineSize = 0x238,
    kPreferredAddress = 0x258,
    kInitSize = 0x260,
    kE820Table = 0x2D0,
};

constexpr std::uint16_t kVersion64Bit = 0x20C;  // 2.12: xloadflags tells of a 64-bit entry
constexpr std::uint64_t kEntry64Offset = 0x200;
constexpr std::uint8_t kLoaderUndefined = 0xFF;

template <class T>
T load(std::span<const std::uint8_t> bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

template <class T>
void store(std::span<std::uint8_t> bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

struct [[gnu::packed]] E820Entry {
    std::uint64_t base;
    std::uint64_t size;
    std::uint32_t type;
};
static_assert(sizeof(E820Entry) == 20);
constexpr std::uint32_t kE820Ram = 1;
constexpr std::uint32_t kE820Reserved = 2;

void write_e820(std::span<std::uint8_t> page, std::uint64_t memory_bytes) {
    std::array<E820Entry, 5> map = {{
        {0, kExtendedBiosData, kE820Ram},
        {kExtendedBiosData, kVideoHole - kExtendedBiosData, kE820Reserved},
        {kFirmwareTables, kFirmwareTablesEnd - kFirmwareTables, kE820Reserved},
        {kFirmwareTablesEnd, low_memory_end(memory_bytes) - kFirmwareTablesEnd, kE820Ram},
        {kHighMemoryBase, memory_end(memory_bytes) - kHighMemoryBase, kE820Ram},
    }};
    const std::size_t count = memory_bytes > kLowMemoryLimit ? 5 : 4;
    page[kE820Count] = static_cast<std::uint8_t>(count);
    std::memcpy(page.data() + kE820Table, map.data(), count * sizeof(E820Entry));
}

/// The first 4 GiB at their own addresses, in 2 MiB pages.
bool write_page_tables(const hvcall::GuestMemory& memory) {
    constexpr std::uint64_t kPresentWritable = 3;
    constexpr std::uint64_t kLarge = 0x80;
    const auto tables = memory.at(GuestPhysicalAddress{kBootPageTables}, 6 * 4096);
    if (tables.empty()) return false;
    std::ranges::fill(tables, std::uint8_t{0});
    store(tables, 0, (kBootPageTables + 0x1000) | kPresentWritable);
    for (std::uint64_t gib = 0; gib < 4; ++gib) {
        store(tables, 0x1000 + gib * 8,
              (kBootPageTables + 0x2000 + gib * 0x1000) | kPresentWritable);
    }
    for (std::uint64_t i = 0; i < 2048; ++i) {
        store(tables, 0x2000 + i * 8, i << 21 | kPresentWritable | kLarge);
    }
    return true;
}

/// Null, null, flat 64-bit code (selector 0x10), flat data (0x18), as the protocol demands.
bool write_gdt(const hvcall::GuestMemory& memory) {
    constexpr std::array<std::uint64_t, 4> kGdt = {0, 0, 0x00AF'9B00'0000'FFFF,
                                                   0x00CF'9300'0000'FFFF};
    return memory.write(GuestPhysicalAddress{kBootGdt}, kGdt);
}

}  // namespace

std::expected<BzImage, std::string> check_bzimage(std::span<const std::uint8_t> header,
                                                  std::uint64_t file_bytes) {
    if (file_bytes < kBzImageHeaderBytes || header.size() < kBzImageHeaderBytes) {
        return std::unexpected("not a Linux bzImage: the file has only " +
                               std::to_string(file_bytes) + " bytes");
    }
    if (load<std::uint16_t>(header, kBootFlag) != 0xAA55 ||
        load<std::uint32_t>(header, kMagic) != 0x5372'6448) {  // "HdrS"
        if (load<std::uint32_t>(header, 0) == 0x464C'457F) {
            return std::unexpected(
                "not a Linux bzImage but an ELF file (a vmlinux?): use the bzImage of the same "
                "build");
        }
        return std::unexpected("not a Linux bzImage: its boot signature is missing");
    }
    BzImage image;
    image.version = load<std::uint16_t>(header, kVersion);
    if (image.version < kVersion64Bit) {
        return std::unexpected("the kernel is too old: boot protocol 2.12 (Linux 3.8) is needed");
    }
    if ((load<std::uint16_t>(header, kExtendedLoadFlags) & 1) == 0) {
        return std::unexpected("the kernel is not a 64-bit one");
    }
    const unsigned sectors = header[kSetupSectors] == 0 ? 4 : header[kSetupSectors];
    image.setup_bytes = (sectors + 1) * 512;
    const auto kernel_bytes = std::uint64_t{load<std::uint32_t>(header, kSystemSize)} * 16;
    if (file_bytes <= image.setup_bytes || file_bytes - image.setup_bytes + 15 < kernel_bytes) {
        return std::unexpected("the kernel image is truncated: " + std::to_string(file_bytes) +
                               " bytes, but its header says " +
                               std::to_string(image.setup_bytes + kernel_bytes));
    }
    image.preferred_address = load<std::uint64_t>(header, kPreferredAddress);
    image.memory_needed = std::max<std::uint64_t>(load<std::uint32_t>(header, kInitSize),
                                                  file_bytes - image.setup_bytes);
    image.initrd_limit = load<std::uint32_t>(header, kInitrdLimit);
    image.cmdline_limit = load<std::uint32_t>(header, kCommandLineSize);
    return image;
}

std::expected<LinuxPlacement, std::string> place_linux(const BzImage& image,
                                                       std::uint64_t initrd_bytes,
                                                       std::uint64_t memory_bytes) {
    const auto low_end = low_memory_end(memory_bytes);
    constexpr std::uint64_t kMiB = 1 << 20;
    LinuxPlacement placement;
    placement.kernel = image.preferred_address;
    if (placement.kernel < kMiB || placement.kernel > kLowMemoryLimit) {
        return std::unexpected(
            "the kernel image is corrupt: it wants to be loaded at an impossible address");
    }
    const auto kernel_end =
        (placement.kernel + image.memory_needed + 0xFFF) & ~std::uint64_t{0xFFF};
    if (kernel_end > low_end) {
        return std::unexpected("the kernel needs " + std::to_string(kernel_end / kMiB + 1) +
                               " MiB to start, but the VM has " + format_size(memory_bytes));
    }
    if (initrd_bytes == 0) return placement;
    const auto top = std::min(low_end, (image.initrd_limit + 1) & ~std::uint64_t{0xFFF});
    if (top < kernel_end || top - kernel_end < initrd_bytes) {
        return std::unexpected("kernel and initrd (" + std::to_string(initrd_bytes / kMiB + 1) +
                               " MiB) do not fit into the VM's " + format_size(memory_bytes));
    }
    placement.initrd = (top - initrd_bytes) & ~std::uint64_t{0xFFF};
    if (placement.initrd < kernel_end) {
        return std::unexpected("kernel and initrd do not fit into the VM's " +
                               format_size(memory_bytes));
    }
    return placement;
}

std::expected<std::uint64_t, std::string> write_linux_boot_data(const hvcall::GuestMemory& memory,
                                                                const BzImage& image,
                                                                const LinuxBoot& boot) {
    const std::unexpected outside("the VM's memory does not cover the boot data");
    if (image.cmdline_limit != 0 && boot.cmdline.size() > image.cmdline_limit) {
        return std::unexpected("the command line has " + std::to_string(boot.cmdline.size()) +
                               " characters; this kernel takes " +
                               std::to_string(image.cmdline_limit));
    }
    const auto cmdline = memory.at(GuestPhysicalAddress{kBootCommandLine}, boot.cmdline.size() + 1);
    const auto page = memory.at(GuestPhysicalAddress{kBootParameters}, 4096);
    if (cmdline.empty() || page.empty()) return outside;
    std::ranges::copy(boot.cmdline, cmdline.begin());
    cmdline.back() = 0;

    std::ranges::fill(page, std::uint8_t{0});
    const std::size_t header_end =
        std::min<std::size_t>(kMagic + boot.header[kJumpLength], boot.header.size());
    std::memcpy(page.data() + kSetupSectors, boot.header.data() + kSetupSectors,
                header_end - kSetupSectors);
    page[kLoaderType] = kLoaderUndefined;
    store(page, kCommandLine, static_cast<std::uint32_t>(kBootCommandLine));
    store(page, kRamdiskAddress, static_cast<std::uint32_t>(boot.placement.initrd));
    store(page, kRamdiskSize, static_cast<std::uint32_t>(boot.initrd_bytes));
    store(page, kAcpiRsdp, boot.rsdp);
    write_e820(page, boot.memory_bytes);

    // Where the EBDA starts, in the BIOS data area: Linux takes the end of low memory from it.
    if (!memory.write(GuestPhysicalAddress{0x40E},
                      static_cast<std::uint16_t>(kExtendedBiosData >> 4)) ||
        !write_page_tables(memory) || !write_gdt(memory)) {
        return outside;
    }
    return boot.placement.kernel + kEntry64Offset;
}

}  // namespace redoubt::vmmd
