// ACPI tables: checksums, pointers, and that ACPICA's disassembler understands them where it is
// installed.
#include "vmmd/arch/x86_64/boot/acpi.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "vmmd/arch/x86_64/boot/aml.hpp"

namespace redoubt::vmmd {
namespace {

constexpr std::uint64_t kAddress = 0xE0000;

class Acpi : public testing::Test {
  protected:
    template <class T>
    T at(std::uint64_t address) const {
        T value;
        std::memcpy(&value, block_.data() + (address - kAddress), sizeof value);
        return value;
    }
    std::uint8_t sum(std::uint64_t address, std::size_t size) const {
        const auto begin = block_.begin() + static_cast<std::ptrdiff_t>(address - kAddress);
        return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(size), std::uint8_t{0});
    }
    /// Address of a table by its signature.
    std::uint64_t table(const char* signature) const {
        for (std::size_t i = 0; i + 4 < block_.size(); i += 64) {
            if (std::memcmp(block_.data() + i, signature, 4) == 0) return kAddress + i;
        }
        ADD_FAILURE() << "no " << signature;
        return kAddress;
    }

    std::vector<std::uint8_t> block_ = build_acpi_tables({}, kAddress);
};

TEST_F(Acpi, RsdpIsFirstAndLeadsToEveryTable) {
    EXPECT_EQ(std::memcmp(block_.data(), "RSD PTR ", 8), 0);
    EXPECT_EQ(sum(kAddress, 20), 0);
    EXPECT_EQ(sum(kAddress, 36), 0);
    const auto xsdt = at<std::uint64_t>(kAddress + 24);
    EXPECT_EQ(xsdt, table("XSDT"));
    EXPECT_EQ(at<std::uint64_t>(xsdt + 36), table("FACP"));
    EXPECT_EQ(at<std::uint64_t>(xsdt + 44), table("APIC"));
    EXPECT_EQ(at<std::uint64_t>(table("FACP") + 140), table("DSDT"));
    EXPECT_EQ(at<std::uint32_t>(table("FACP") + 36), table("FACS"));
}

TEST_F(Acpi, ChecksumsAreZero) {
    for (const auto* signature : {"XSDT", "FACP", "APIC", "DSDT"}) {
        const auto address = table(signature);
        EXPECT_EQ(sum(address, at<std::uint32_t>(address + 4)), 0) << signature;
    }
}

TEST_F(Acpi, FadtNamesTheChipsetsPorts) {
    const auto fadt = table("FACP");
    EXPECT_EQ(at<std::uint32_t>(fadt + 4), 276U);
    EXPECT_EQ(at<std::uint16_t>(fadt + 46), 9);
    EXPECT_EQ(at<std::uint32_t>(fadt + 56), 0x600U);
    EXPECT_EQ(at<std::uint32_t>(fadt + 64), 0x604U);
    EXPECT_EQ(at<std::uint32_t>(fadt + 76), 0x608U);
    EXPECT_EQ(at<std::uint64_t>(fadt + 120), 0xCF9U);
    EXPECT_EQ(at<std::uint8_t>(fadt + 128), 6);
    EXPECT_EQ(at<std::uint64_t>(fadt + 152), 0x600U);
}

TEST_F(Acpi, MadtRoutesTimerAndSci) {
    const auto madt = table("APIC");
    const auto end = madt + at<std::uint32_t>(madt + 4);
    unsigned overrides = 0;
    for (auto entry = madt + 44; entry < end; entry += at<std::uint8_t>(entry + 1)) {
        if (at<std::uint8_t>(entry) != 2) continue;
        ++overrides;
        if (at<std::uint8_t>(entry + 3) == 0) {
            EXPECT_EQ(at<std::uint32_t>(entry + 4), 2U);
        }
        if (at<std::uint8_t>(entry + 3) == 9) {
            EXPECT_EQ(at<std::uint16_t>(entry + 8), 0xD);
        }
    }
    EXPECT_EQ(overrides, 2U);
}

TEST_F(Acpi, DsdtHasAPciRootWithTheHoleBelowTheIoApic) {
    AcpiHardware hardware;
    hardware.pci_memory_base = 0x0C00'0000;
    block_ = build_acpi_tables(hardware, kAddress);
    const auto contains = [&](const aml::Bytes& bytes) {
        return !std::ranges::search(block_, bytes).empty();
    };
    EXPECT_TRUE(contains(aml::name("_HID", aml::eisa_id("PNP0A03"))));
    EXPECT_TRUE(contains(aml::memory_window(0x0C00'0000, 0xFEBF'FFFF)));
    EXPECT_TRUE(contains(aml::bus_window(0, 0)));
}

TEST_F(Acpi, IaslDisassemblesEveryTable) {
    if (std::system("command -v iasl >/dev/null 2>&1") != 0)
        GTEST_SKIP() << "iasl is not installed";
    const auto folder =
        std::filesystem::temp_directory_path() /
        ("redoubt-acpi-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
         std::to_string(reinterpret_cast<std::uintptr_t>(&block_)));
    std::filesystem::create_directories(folder);
    for (const std::string signature : {"XSDT", "FACP", "APIC", "DSDT", "FACS"}) {
        const auto address = table(signature.c_str());
        const auto file = folder / (signature + ".aml");
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(block_.data() + (address - kAddress)),
                   at<std::uint32_t>(address + 4));
        const auto output = folder / "output";
        const auto command = "iasl -d " + file.string() + " >" + output.string() + " 2>&1";
        EXPECT_EQ(std::system(command.c_str()), 0) << signature;
        std::ifstream text(output);
        const std::string all(std::istreambuf_iterator<char>(text), {});
        EXPECT_EQ(all.find("Error"), std::string::npos) << all;
        EXPECT_EQ(all.find("Warning"), std::string::npos) << all;
    }
    std::filesystem::remove_all(folder);
}

TEST(Aml, PackageLengthGrowsWithItsContents) {
    const auto body = [](std::size_t size) { return aml::Bytes(size, 0xA3); };
    // 1 byte: body of name (5 with root prefix) and padding, below 64.
    EXPECT_EQ(aml::scope("\\_SB_", body(10))[1], 16);
    const auto two = aml::scope("\\_SB_", body(100));
    EXPECT_EQ(two[1], 0x40 | (107 & 0xF));
    EXPECT_EQ(two[2], 107 >> 4);
    const auto three = aml::scope("\\_SB_", body(5000));
    EXPECT_EQ(three[1] >> 6, 2);
    EXPECT_EQ(three.size(), 1U + 5008U);
}

TEST(Aml, EisaIdIsCompressedBigEndian) {
    EXPECT_EQ(aml::eisa_id("PNP0501"), (aml::Bytes{0x0C, 0x41, 0xD0, 0x05, 0x01}));
}

TEST(Aml, WindowsHaveBothEndsAndTheirLength) {
    EXPECT_EQ(aml::io_window(0xD00, 0xFFFF), (aml::Bytes{0x88, 13, 0, 1, 0x0C, 3, 0, 0, 0x00, 0x0D,
                                                         0xFF, 0xFF, 0, 0, 0x00, 0xF3}));
    EXPECT_EQ(aml::bus_window(0, 0),
              (aml::Bytes{0x88, 13, 0, 2, 0x0C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    EXPECT_EQ(aml::memory_window(0x0C000000, 0xFEBFFFFF),
              (aml::Bytes{0x87, 23,   0,    0,    0x0C, 1, 0, 0, 0, 0, 0, 0,    0,
                          0x0C, 0xFF, 0xFF, 0xBF, 0xFE, 0, 0, 0, 0, 0, 0, 0xC0, 0xF2}));
}

}  // namespace
}  // namespace redoubt::vmmd
