// What the kernel checks before it believes the loader.
#include "boot/boot_information.hpp"

#include <gtest/gtest.h>

namespace redoubt::boot {
namespace {

BootInformation sound() {
    BootInformation information{};
    information.free_memory.add({PhysicalAddress{0x10'0000}, 0x1000});
    information.ticks_per_second = 1;
    return information;
}

TEST(BootInformationTest, CountsBeyondTheirArraysAreNoticed) {
    EXPECT_TRUE(sound().is_sound());
    const auto damaged = [](auto&& damage) {
        BootInformation information = sound();
        damage(information);
        return !information.is_sound();
    };
    EXPECT_TRUE(damaged([](auto& told) { told.ram.count = 129; }));
    EXPECT_TRUE(damaged([](auto& told) { told.free_memory.count = 129; }));
    EXPECT_TRUE(damaged([](auto& told) { told.device_memory.count = 9; }));
    EXPECT_TRUE(damaged([](auto& told) { told.init.count = 13; }));
    EXPECT_TRUE(damaged([](auto& told) { told.hardware.processors.count = 65; }));
    EXPECT_TRUE(damaged([](auto& told) { told.hardware.io_apics.count = 17; }));
    EXPECT_TRUE(damaged([](auto& told) { told.kernel_memory = 1; }));
    EXPECT_TRUE(damaged([](auto& told) { told.ticks_per_second = 0; }));
    EXPECT_TRUE(damaged([](auto& told) { told.command_line[255] = 'x'; }));
}

}  // namespace
}  // namespace redoubt::boot
