// Which of a guest's breakpoints the host may have enabled around the world switch.
#include "kernel/hv/svm/debug.hpp"

#include <gtest/gtest.h>

#include <utility>

extern "C" {
extern const char kernel_data_end[];
const char kernel_data_end[1] = {};
}

namespace redoubt::kernel::svm {
namespace {

constexpr std::uint64_t kImageEnd = 0xFFFF'FFFF'8020'0000;
constexpr std::uint64_t kLinuxText = 0xFFFF'FFFF'8100'0000, kLinuxData = 0xFFFF'8880'0000'1000;

std::uint64_t harmless(std::uint64_t dr7, std::uint64_t first, std::uint64_t second = 0) {
    const auto before = std::exchange(direct_map_base, 0xFFFF'8000'0000'0000);
    const auto result = harmless_breakpoints(dr7, {first, second, 0, 0}, kImageEnd);
    direct_map_base = before;
    return result;
}

TEST(HostBreakpoints, those_of_the_guest_alone_are_enabled) {
    EXPECT_EQ(harmless(0x402, kLinuxText), 0x402U);
    EXPECT_EQ(harmless(0xD'0402, kLinuxData), 0xD'0402U);
    EXPECT_EQ(harmless(0x402, 0x1000), 0x402U);
    EXPECT_EQ(harmless(0x40A, 0x1000, kLinuxText), 0x40AU);
}

TEST(HostBreakpoints, none_is_enabled_where_the_host_works_during_the_switch) {
    EXPECT_EQ(harmless(0x403, 0xFFFF'FFFF'8010'0000), 0x400U);
    EXPECT_EQ(harmless(0x403, kImageEnd - 1), 0x400U);
    EXPECT_EQ(harmless(0x403, 0xFFFF'8000'0012'3000), 0x400U);
    EXPECT_EQ(harmless(0xD'0403, 0xFFFF'7FFF'FFFF'FFFC), 0x400U);  // reaches into the direct map
    EXPECT_EQ(harmless(0x40F, kLinuxText, kImageEnd - 8), 0x403U);
}

TEST(HostBreakpoints, io_breakpoints_and_disabled_ones_need_nothing) {
    EXPECT_EQ(harmless(0x2'0402, 0x60), 0x400U);
    EXPECT_EQ(harmless(0x400, kLinuxText), 0x400U);
}

}  // namespace
}  // namespace redoubt::kernel::svm
