// Guest memory: whatever address and length a guest gives, nothing outside is touched.
#include "libhvcall/guest_memory.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::hvcall {
namespace {

class GuestMemoryTest : public testing::Test {
  protected:
    GuestMemoryTest() : low_(8192), high_(4096) {
        memory_.add(GuestPhysicalAddress{0}, low_);
        memory_.add(GuestPhysicalAddress{0x1'0000'0000}, high_);
    }
    std::vector<std::uint8_t> low_, high_;
    GuestMemory memory_;
};

TEST_F(GuestMemoryTest, FindsTheRegion) {
    EXPECT_EQ(memory_.at(GuestPhysicalAddress{0x1000}, 4096).data(), low_.data() + 0x1000);
    EXPECT_EQ(memory_.at(GuestPhysicalAddress{0x1'0000'0010}, 16).data(), high_.data() + 16);
    EXPECT_EQ(memory_.total_bytes(), 12288U);
}

TEST_F(GuestMemoryTest, RefusesWhatIsNotAllInside) {
    EXPECT_TRUE(memory_.at(GuestPhysicalAddress{0x1FFF}, 2).empty());
    EXPECT_TRUE(memory_.at(GuestPhysicalAddress{0x2000}, 1).empty());
    EXPECT_TRUE(memory_.at(GuestPhysicalAddress{0xFFFF'FFFF}, 2).empty());
    EXPECT_TRUE(memory_.at(GuestPhysicalAddress{~0ULL}, 2).empty());
    EXPECT_TRUE(memory_.at(GuestPhysicalAddress{0x10}, ~std::size_t{0}).empty());
}

TEST_F(GuestMemoryTest, ReadsAndWritesValues) {
    EXPECT_TRUE(memory_.write(GuestPhysicalAddress{3}, std::uint32_t{0x1122'3344}));
    EXPECT_EQ(memory_.read<std::uint32_t>(GuestPhysicalAddress{3}), 0x1122'3344U);
    EXPECT_FALSE(memory_.write(GuestPhysicalAddress{0x1FFD}, std::uint32_t{1}));
    EXPECT_EQ(memory_.read<std::uint64_t>(GuestPhysicalAddress{0x1FF9}), std::nullopt);
    EXPECT_TRUE(memory_.copy_in(GuestPhysicalAddress{0x5000'0000}, {})) << "nothing fits anywhere";
}

}  // namespace
}  // namespace redoubt::hvcall
