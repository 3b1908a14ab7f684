// Images: what is one, and where its parts go.
#include "vmmd/arch/riscv64/boot/linux_image.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "arch/memory_layout.hpp"

namespace redoubt::vmmd {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::vector<std::uint8_t> header(std::uint64_t text_offset, std::uint64_t size,
                                 std::uint64_t flags = 0) {
    std::vector<std::uint8_t> bytes(kLinuxImageHeaderBytes);
    const auto put = [&](std::size_t at, std::uint64_t value) {
        for (unsigned i = 0; i < 8; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
    };
    put(8, text_offset);
    put(16, size);
    put(24, flags);
    put(56, 0x0543'5352);
    return bytes;
}

std::string error_of(std::vector<std::uint8_t> bytes) {
    const auto image = check_linux_image(bytes, bytes.size());
    return image ? std::string() : image.error();
}

TEST(LinuxImage, TellsItsPlaceAndSize) {
    const auto image = check_linux_image(header(2 * kMiB, 30 * kMiB), 20 * kMiB);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->text_offset, 2 * kMiB);
    EXPECT_EQ(image->memory_bytes, 30 * kMiB);
    EXPECT_EQ(check_linux_image(header(0, 0), 20 * kMiB)->memory_bytes, 20 * kMiB);
}

TEST(LinuxImage, WhatIsNoneIsRefused) {
    EXPECT_NE(error_of({}).find("not a riscv64 Linux Image"), std::string::npos);
    EXPECT_NE(error_of(std::vector<std::uint8_t>(64)).find("not a riscv64"), std::string::npos);
    auto zipped = std::vector<std::uint8_t>(64);
    zipped[0] = 0x1F;
    zipped[1] = 0x8B;
    EXPECT_NE(error_of(zipped).find("gzip"), std::string::npos);
    EXPECT_NE(error_of(header(0, 0, 1)).find("big-endian"), std::string::npos);
    EXPECT_NE(error_of(header(4096, 0)).find("damaged"), std::string::npos);
}

TEST(LinuxImage, EverythingHasAPlaceOfItsOwn) {
    const LinuxImage image{2 * kMiB, 30 * kMiB};
    const auto placed = place_linux(image, 5 * kMiB + 1, 3000, 64 * kMiB);
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->kernel, kMemoryBase + 2 * kMiB);
    EXPECT_GE(placed->initrd, placed->kernel + image.memory_bytes);
    EXPECT_GE(placed->device_tree, placed->initrd + 5 * kMiB + 1);
    EXPECT_LE(placed->device_tree + 3000, kMemoryBase + 64 * kMiB);
    EXPECT_EQ(placed->initrd % 4096, 0U);
    EXPECT_EQ(placed->device_tree % 8, 0U);
}

TEST(LinuxImage, WhatDoesNotFitIsRefused) {
    EXPECT_FALSE(place_linux({2 * kMiB, 64 * kMiB}, 0, 3000, 64 * kMiB));
    EXPECT_FALSE(place_linux({2 * kMiB, 30 * kMiB}, 40 * kMiB, 3000, 64 * kMiB));
    EXPECT_FALSE(place_linux({2 * kMiB, ~0ULL}, 0, 3000, 64 * kMiB));
    EXPECT_FALSE(place_linux({~0ULL / 2, ~0ULL}, 0, 3000, 64 * kMiB));
    EXPECT_FALSE(place_linux({2 * kMiB, 30 * kMiB}, ~0ULL - 100, 3000, 64 * kMiB));
}

}  // namespace
}  // namespace redoubt::vmmd
