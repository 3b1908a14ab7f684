// Checking and placing an Image.
#include "vmmd/arch/riscv64/boot/linux_image.hpp"

#include <algorithm>

#include "arch/memory_layout.hpp"
#include "vmmd/config/text.hpp"
#include "vmmd/device.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::size_t kTextOffsetAt = 8, kImageSizeAt = 16, kFlagsAt = 24, kMagicAt = 56;
constexpr std::uint64_t kMagic = 0x0543'5352;  // "RSC\x05"
constexpr std::uint64_t kBigEndian = 1;
constexpr std::uint64_t kPage = 4096, kKernelAlignment = std::uint64_t{2} << 20;

std::string compression_of(std::span<const std::uint8_t> header) {
    const auto begins = [&](std::initializer_list<std::uint8_t> bytes) {
        return header.size() >= bytes.size() &&
               std::ranges::equal(bytes, header.first(bytes.size()));
    };
    if (begins({0x1F, 0x8B})) return "gzip";
    if (begins({0xFD, '7', 'z'})) return "xz";
    if (begins({0x28, 0xB5, 0x2F, 0xFD})) return "zstd";
    return {};
}

std::uint64_t round_down(std::uint64_t value, std::uint64_t to) { return value / to * to; }

}  // namespace

std::expected<LinuxImage, std::string> check_linux_image(std::span<const std::uint8_t> header,
                                                         std::uint64_t file_bytes) {
    const auto field = [&](std::size_t at, std::size_t bytes) {
        return load_little_endian(header.subspan(at, bytes));
    };
    if (const auto compression = compression_of(header); !compression.empty()) {
        return std::unexpected("it is compressed with " + compression +
                               ": unpack it, the monitor takes an uncompressed Image");
    }
    if (file_bytes < kLinuxImageHeaderBytes || header.size() < kLinuxImageHeaderBytes ||
        field(kMagicAt, 4) != kMagic) {
        return std::unexpected("it is not a riscv64 Linux Image (arch/riscv/boot/Image)");
    }
    if ((field(kFlagsAt, 8) & kBigEndian) != 0) {
        return std::unexpected("it is a kernel for big-endian processors");
    }
    LinuxImage image{field(kTextOffsetAt, 8), std::max(field(kImageSizeAt, 8), file_bytes)};
    if (image.text_offset % kKernelAlignment != 0) {
        return std::unexpected("its header is damaged: the kernel's place is no multiple of 2M");
    }
    return image;
}

std::expected<LinuxPlacement, std::string> place_linux(const LinuxImage& image,
                                                       std::uint64_t initrd_bytes,
                                                       std::uint64_t tree_bytes,
                                                       std::uint64_t memory_bytes) {
    const auto too_small = [&](std::uint64_t bytes, const char* what) {
        return std::unexpected(
            std::string("the kernel needs ") + std::to_string((bytes + 0xFFFFF) >> 20) + "M" +
            what + ", but the VM has " + format_size(memory_bytes) + ": give it more memory");
    };
    if (image.memory_bytes > memory_bytes ||
        image.text_offset > memory_bytes - image.memory_bytes) {
        return too_small(std::min(image.memory_bytes, ~std::uint64_t{0} >> 1), "");
    }
    const auto kernel_end = image.text_offset + image.memory_bytes;
    const auto room = memory_bytes - kernel_end;
    if (tree_bytes > room || initrd_bytes > room - tree_bytes ||
        room - tree_bytes - initrd_bytes < 2 * kPage) {
        return too_small(image.memory_bytes, " and more for its initrd");
    }
    // Below what Linux maps first of all (boot.rst: anywhere), page by page from the end.
    LinuxPlacement placement;
    placement.kernel = kMemoryBase + image.text_offset;
    const auto tree = round_down(memory_bytes - tree_bytes, kPage);
    placement.device_tree = kMemoryBase + tree;
    placement.initrd = kMemoryBase + round_down(tree - initrd_bytes, kPage);
    return placement;
}

}  // namespace redoubt::vmmd
