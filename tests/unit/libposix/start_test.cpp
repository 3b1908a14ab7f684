// Tests of what a program finds when it starts.
#include <gtest/gtest.h>
#include <linux/auxvec.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "libposix/native_services.hpp"
#include "tests/unit/libposix/environment.hpp"

namespace redoubt::posix {
namespace {

struct InitialStack {
    InitialStack() {
        auto* word = reinterpret_cast<std::uint64_t*>(test::first_stack_pointer());
        const std::uint64_t count = *word++;
        for (std::uint64_t i = 0; i < count; ++i) {
            arguments.emplace_back(reinterpret_cast<char*>(*word++));
        }
        ended = *word++ == 0;
        while (*word != 0) {
            const std::string text{reinterpret_cast<char*>(*word++)};
            const auto equals = text.find('=');
            environment[text.substr(0, equals)] = text.substr(equals + 1);
        }
        for (++word; *word != AT_NULL; word += 2) auxiliary[word[0]] = word[1];
    }
    std::vector<std::string> arguments;
    bool ended = false;
    std::map<std::string, std::string> environment;
    std::map<std::uint64_t, std::uint64_t> auxiliary;
};

TEST(Start, TheStackIsWhatLinuxProgramsExpect) {
    EXPECT_EQ(test::first_stack_pointer() % 16, 0U);
    EXPECT_EQ(test::first_entry(), 0x401000U);
    InitialStack stack;
    EXPECT_EQ(stack.arguments, (std::vector<std::string>{"program", "--option", "value"}));
    EXPECT_TRUE(stack.ended);
    EXPECT_EQ(stack.environment["GLIBC_TUNABLES"], "glibc.malloc.arena_max=1");
    EXPECT_EQ(stack.auxiliary[AT_PHDR], 0x400040U);
    EXPECT_EQ(stack.auxiliary[AT_PHENT], 56U);
    EXPECT_EQ(stack.auxiliary[AT_PHNUM], 7U);
    EXPECT_EQ(stack.auxiliary[AT_PAGESZ], 4096U);
    EXPECT_EQ(stack.auxiliary[AT_ENTRY], 0x401000U);
    EXPECT_NE(stack.auxiliary[AT_RANDOM], 0U);
}

TEST(Start, TheServicesAreFoundThroughTheEnvironment) {
    InitialStack stack;
    ASSERT_TRUE(stack.environment.contains("REDOUBT_SERVICES"));
    ::setenv("REDOUBT_SERVICES", stack.environment["REDOUBT_SERVICES"].c_str(), 1);
    const NativeServices* services = native_services();
    ::unsetenv("REDOUBT_SERVICES");
    ASSERT_NE(services, nullptr);
    EXPECT_EQ(services->startup, &test::startup_info());
    EXPECT_EQ(services->find_grant("chan"), test::kChannelRoot);
    EXPECT_EQ(services->find_grant("nothing"), 0U);
    const auto slot = services->allocate_slots(4);
    EXPECT_NE(slot, 0U);
    services->free_slots(slot, 4);
    const auto object = services->allocate_object(abi::ObjectType::Endpoint);
    EXPECT_NE(object, 0U);
    services->release_object(object);
    EXPECT_EQ(services->allocate_object(abi::ObjectType::Thread), 0U);
    const auto address = services->reserve_addresses(100'000, 1 << 20);
    EXPECT_NE(address, 0U);
    EXPECT_EQ(address % (1 << 20), 0U);
    services->release_addresses(address, 100'000);
}

TEST(Start, NoServicesOnALinuxHost) { EXPECT_EQ(native_services(), nullptr); }

}  // namespace
}  // namespace redoubt::posix
