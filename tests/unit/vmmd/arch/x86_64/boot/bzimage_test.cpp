// Linux images: each way of being wrong has its own message, and a right one is placed and
// described as the boot protocol says.
#include "vmmd/arch/x86_64/boot/bzimage.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "arch/memory_layout.hpp"

namespace redoubt::vmmd {
namespace {

using hvcall::GuestMemory;
using hvcall::GuestPhysicalAddress;

constexpr std::uint64_t kMiB = 1 << 20;

template <class T>
void put(std::vector<std::uint8_t>& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

/// 4 setup sectors, then 64 KiB of kernel.
std::vector<std::uint8_t> good_image() {
    std::vector<std::uint8_t> bytes(5 * 512 + 65536);
    bytes[0x1F1] = 4;
    put<std::uint32_t>(bytes, 0x1F4, 65536 / 16);
    put<std::uint16_t>(bytes, 0x1FE, 0xAA55);
    bytes[0x200] = 0xEB;
    bytes[0x201] = 0x66;
    std::memcpy(bytes.data() + 0x202, "HdrS", 4);
    put<std::uint16_t>(bytes, 0x206, 0x20F);
    put<std::uint32_t>(bytes, 0x22C, 0x7FFF'FFFF);
    bytes[0x234] = 1;
    put<std::uint16_t>(bytes, 0x236, 1);
    put<std::uint32_t>(bytes, 0x238, 2047);
    put<std::uint64_t>(bytes, 0x258, 16 * kMiB);
    put<std::uint32_t>(bytes, 0x260, 8 * kMiB);
    return bytes;
}

std::string refusal(const std::vector<std::uint8_t>& bytes) {
    std::vector<std::uint8_t> header(bytes);
    header.resize(std::max<std::size_t>(header.size(), kBzImageHeaderBytes));
    const auto result = check_bzimage(header, bytes.size());
    return result ? "" : result.error();
}

TEST(BzImage, GoodOneIsDescribed) {
    const auto bytes = good_image();
    const auto image = check_bzimage(bytes, bytes.size());
    ASSERT_TRUE(image);
    EXPECT_EQ(image->setup_bytes, 5U * 512);
    EXPECT_EQ(image->preferred_address, 16 * kMiB);
    EXPECT_EQ(image->memory_needed, 8 * kMiB);
    EXPECT_EQ(image->cmdline_limit, 2047U);
}

TEST(BzImage, EveryDefectHasItsMessage) {
    auto bytes = good_image();
    bytes.resize(100);
    EXPECT_EQ(refusal(bytes), "not a Linux bzImage: the file has only 100 bytes");

    bytes = good_image();
    bytes[0x202] = 'x';
    EXPECT_NE(refusal(bytes).find("boot signature is missing"), std::string::npos);

    bytes = good_image();
    bytes[0x1FE] = 0;
    std::memcpy(bytes.data(), "\177ELF", 4);
    EXPECT_NE(refusal(bytes).find("ELF"), std::string::npos);

    bytes = good_image();
    put<std::uint16_t>(bytes, 0x206, 0x204);
    EXPECT_NE(refusal(bytes).find("too old"), std::string::npos);

    bytes = good_image();
    put<std::uint16_t>(bytes, 0x236, 0);
    EXPECT_NE(refusal(bytes).find("not a 64-bit"), std::string::npos);

    bytes = good_image();
    bytes.resize(bytes.size() - 4096);
    EXPECT_NE(refusal(bytes).find("truncated"), std::string::npos);
}

TEST(BzImage, InitrdGoesAsHighAsTheKernelPermits) {
    const auto bytes = good_image();
    auto image = *check_bzimage(bytes, bytes.size());
    auto placed = place_linux(image, 5 * kMiB, 256 * kMiB);
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->kernel, 16 * kMiB);
    EXPECT_EQ(placed->initrd, 251 * kMiB);
    image.initrd_limit = 0x37FF'FFFF;
    placed = place_linux(image, 4096, 4096 * kMiB);
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->initrd, 0x37FF'F000U);
}

TEST(BzImage, TooLittleMemoryIsAnErrorInWords) {
    const auto bytes = good_image();
    const auto image = *check_bzimage(bytes, bytes.size());
    const auto small = place_linux(image, 0, 20 * kMiB);
    ASSERT_FALSE(small);
    EXPECT_EQ(small.error(), "the kernel needs 25 MiB to start, but the VM has 20M");
    EXPECT_FALSE(place_linux(image, 60 * kMiB, 64 * kMiB));
    EXPECT_FALSE(place_linux(image, ~std::uint64_t{0} - 5, 64 * kMiB));
}

TEST(BzImage, KernelAtAnImpossibleAddressIsRefused) {
    const auto bytes = good_image();
    auto image = *check_bzimage(bytes, bytes.size());
    for (const std::uint64_t address :
         {std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0} - 4096}) {
        image.preferred_address = address;
        EXPECT_FALSE(place_linux(image, 0, 256 * kMiB)) << address;
    }
}

class BootData : public testing::Test {
  protected:
    BootData()
        : ram_(64 * kMiB), bytes_(good_image()), image_(*check_bzimage(bytes_, bytes_.size())) {
        memory_.add(GuestPhysicalAddress{0}, ram_);
        boot_.header = bytes_;
        boot_.cmdline = "console=ttyS0";
        boot_.memory_bytes = ram_.size();
        boot_.placement = *place_linux(image_, 4096, ram_.size());
        boot_.initrd_bytes = 4096;
        boot_.rsdp = 0xE0000;
    }
    template <class T>
    T read(std::uint64_t address) const {
        return *memory_.read<T>(GuestPhysicalAddress{address});
    }

    std::vector<std::uint8_t> ram_;
    GuestMemory memory_;
    std::vector<std::uint8_t> bytes_;
    BzImage image_;
    LinuxBoot boot_;
};

TEST_F(BootData, ZeroPageHasWhatTheProtocolWants) {
    const auto entry = write_linux_boot_data(memory_, image_, boot_);
    ASSERT_TRUE(entry);
    EXPECT_EQ(*entry, 16 * kMiB + 0x200);
    EXPECT_EQ(read<std::uint32_t>(kBootParameters + 0x202), 0x5372'6448U);
    EXPECT_EQ(read<std::uint8_t>(kBootParameters + 0x210), 0xFF);
    EXPECT_EQ(read<std::uint32_t>(kBootParameters + 0x218), boot_.placement.initrd);
    EXPECT_EQ(read<std::uint32_t>(kBootParameters + 0x21C), 4096U);
    EXPECT_EQ(read<std::uint32_t>(kBootParameters + 0x228), kBootCommandLine);
    EXPECT_EQ(read<std::uint64_t>(kBootParameters + 0x70), 0xE0000U);
    EXPECT_STREQ(reinterpret_cast<const char*>(ram_.data() + kBootCommandLine), "console=ttyS0");
}

TEST_F(BootData, MemoryMapCoversAllRamAndNothingElse) {
    ASSERT_TRUE(write_linux_boot_data(memory_, image_, boot_));
    ASSERT_EQ(read<std::uint8_t>(kBootParameters + 0x1E8), 4);
    std::uint64_t usable = 0;
    for (unsigned i = 0; i < 4; ++i) {
        const auto entry = kBootParameters + 0x2D0 + 20 * i;
        if (read<std::uint32_t>(entry + 16) != 1) continue;
        usable += read<std::uint64_t>(entry + 8);
        EXPECT_LE(read<std::uint64_t>(entry) + read<std::uint64_t>(entry + 8), ram_.size());
    }
    EXPECT_EQ(usable, ram_.size() - kMiB + kExtendedBiosData);
}

TEST_F(BootData, FirstFourGigabytesAreMappedToThemselves) {
    ASSERT_TRUE(write_linux_boot_data(memory_, image_, boot_));
    const auto pdpt = read<std::uint64_t>(kBootPageTables) & ~std::uint64_t{0xFFF};
    for (std::uint64_t address = 0; address < 1ULL << 32; address += 511 * 2 * kMiB) {
        const auto pd = read<std::uint64_t>(pdpt + (address >> 30) * 8) & ~std::uint64_t{0xFFF};
        const auto entry = read<std::uint64_t>(pd + (address >> 21 & 511) * 8);
        EXPECT_EQ(entry, (address & ~(2 * kMiB - 1)) | 0x83);
    }
}

TEST_F(BootData, CommandLineLongerThanTheKernelTakesIsRefused) {
    const std::string line(3000, 'x');
    boot_.cmdline = line;
    EXPECT_FALSE(write_linux_boot_data(memory_, image_, boot_));
}

}  // namespace
}  // namespace redoubt::vmmd
