// The keyboard controller: resets, self-test, and a quick "nobody there" for Linux's probe.
#include "vmmd/arch/x86_64/devices/i8042.hpp"

#include <string>
#include <vector>

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class I8042Test : public DeviceTest {
  protected:
    std::uint8_t command(std::uint8_t value) {
        out(controller, 0x64, value);
        return in(controller, 0x60);
    }

    std::vector<std::string> resets;
    I8042 controller{line, [this](std::string_view how) { resets.emplace_back(how); }};
};

TEST_F(I8042Test, ResetsTheMachineInThreeWays) {
    out(controller, 0x64, 0xFE);
    out(controller, 0x64, 0xD1);
    out(controller, 0x60, 0x02);
    out(controller, 0x92, 0x03);
    out(controller, 0x92, 0x03);  // already set: no edge
    EXPECT_EQ(resets,
              (std::vector<std::string>{"by the keyboard controller", "by the keyboard controller",
                                        "through port 0x92"}));
    out(controller, 0x64, 0xFF);
    EXPECT_EQ(resets.size(), 3U) << "a pulse of nothing";
}

TEST_F(I8042Test, PassesItsTests) {
    EXPECT_EQ(in(controller, 0x64) & 1, 0);
    EXPECT_EQ(command(0xAA), 0x55);
    EXPECT_EQ(command(0xAB), 0x00);
    EXPECT_EQ(command(0xA9), 0x01) << "no second port";
    EXPECT_EQ(in(controller, 0x64) & 1, 0);
}

TEST_F(I8042Test, CommandByteIsKept) {
    out(controller, 0x64, 0x60);
    out(controller, 0x60, 0x47);
    EXPECT_EQ(command(0x20), 0x47);
    out(controller, 0x64, 0xAD);
    EXPECT_EQ(command(0x20), 0x57);
}

TEST_F(I8042Test, NoKeyboardAnswersAndThatIsSaidAtOnce) {
    out(controller, 0x64, 0x60);
    out(controller, 0x60, 0x01);
    out(controller, 0x60, 0xF2);  // get ID
    EXPECT_TRUE(line.level);
    EXPECT_EQ(in(controller, 0x64) & 0x41, 0x41) << "data with time-out";
    EXPECT_EQ(in(controller, 0x60), 0xFE);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(controller, 0x64) & 0x41, 0);
}

TEST_F(I8042Test, AuxiliaryLoopComesBackAsKeyboardData) {
    out(controller, 0x64, 0xD3);
    out(controller, 0x60, 0x5A);
    EXPECT_EQ(in(controller, 0x64) & 0x21, 0x01) << "without the auxiliary bit: no second port";
    EXPECT_EQ(in(controller, 0x60), 0x5A);
}

TEST_F(I8042Test, A20IsAlwaysOpen) {
    EXPECT_EQ(in(controller, 0x92) & 2, 2);
    EXPECT_EQ(command(0xD0) & 2, 2);
}

}  // namespace
}  // namespace redoubt::vmmd
