// Doorbells: which output rings, and that what was sent for one can be taken back.
#include <gtest/gtest.h>

#include <new>

#include "fake_arch/fake.hpp"
#include "kernel/hv/x86_64/ring.hpp"
#include "kernel/object/notification.hpp"

namespace redoubt::kernel::hv {
namespace {

using abi::Error;
using abi::ObjectType;
using abi::SyscallNumber;
using fake::Machine;

constexpr std::uint32_t output(unsigned size) { return size << abi::PortIoDetail::kSizeShift; }

struct DoorbellTest : testing::Test {
    Machine machine;
    Machine::Slot pool = machine.make(ObjectType::Untyped, 20);
    Machine::Slot page = machine.make(ObjectType::Frame, 12, pool);
    Machine::Slot notification = machine.make(ObjectType::Notification, 0, pool);
    DoorbellTable& table =
        *new (direct_map<void>(PhysicalAddress{machine.capability(page).object})) DoorbellTable;
    DyingObjects dying;

    Error bind(abi::hv::Doorbell doorbell) {
        return table.bind(doorbell, machine.capability(notification)).error();
    }
    bool rings(std::uint16_t port, std::uint32_t detail, std::uint64_t value) {
        auto& word = machine.capability(notification).as<Notification>().word;
        word = 0;
        const abi::Exit exit{abi::ExitKind::PortIo, detail, port, 0, 0, 0, {}};
        const bool rung = ring(table, exit, value);
        EXPECT_EQ(rung, word != 0);
        return rung;
    }
};

TEST_F(DoorbellTest, port_size_and_value_must_match) {
    ASSERT_EQ(bind({0x10, 2, 1, 0xBEEF}), Error::Ok);
    ASSERT_EQ(bind({0x20, 0, 0, 0}), Error::Ok);
    EXPECT_FALSE(table.empty());
    EXPECT_TRUE(rings(0x10, output(2), 0xBEEF));
    EXPECT_TRUE(rings(0x10, output(2), 0xFFFF'BEEF)) << "the rest of RAX does not count";
    EXPECT_FALSE(rings(0x10, output(2), 0xBEEE));
    EXPECT_FALSE(rings(0x10, output(1), 0xBEEF));
    EXPECT_FALSE(rings(0x11, output(2), 0xBEEF));
    for (const unsigned size : {1U, 2U, 4U}) EXPECT_TRUE(rings(0x20, output(size), size));
    EXPECT_FALSE(rings(0x20, output(1) | abi::PortIoDetail::kIn, 0));
    EXPECT_FALSE(rings(0x20, output(1) | abi::PortIoDetail::kString, 0));
}

TEST_F(DoorbellTest, refuses_what_cannot_be) {
    EXPECT_EQ(bind({1, 3, 0, 0}), Error::InvalidArgument);
    EXPECT_EQ(bind({1, 1, 2, 0}), Error::InvalidArgument);
    EXPECT_EQ(bind({1, 1, 0, 9}), Error::InvalidArgument);
    EXPECT_EQ(bind({1, 2, 1, 0x1'0000}), Error::InvalidArgument);
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(bind({1, 1, 0, 0}), Error::Ok);
    EXPECT_EQ(bind({1, 1, 0, 0}), Error::Exists);
    for (unsigned i = 1; i < abi::hv::kMaximumDoorbells; ++i)
        EXPECT_EQ(bind({1, 1, 1, static_cast<std::uint8_t>(i)}), Error::Ok);
    EXPECT_EQ(bind({2, 1, 0, 0}), Error::NoMemory);
    EXPECT_EQ(table.unbind({9, 1, 0, 0}, dying).error(), Error::NotFound);
    EXPECT_EQ(table.unbind({1, 1, 1, 5}, dying).error(), Error::Ok);
    EXPECT_EQ(bind({2, 1, 0, 0}), Error::Ok);
    table.unbind_all(dying);
    EXPECT_FALSE(rings(2, output(1), 0));
}

TEST_F(DoorbellTest, a_revocation_silences_it_and_frees_its_place) {
    ASSERT_EQ(bind({1, 1, 0, 0}), Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::CapRevoke, {0, notification}), Error::Ok);
    EXPECT_FALSE(rings(1, output(1), 0));
    EXPECT_EQ(table.unbind({1, 1, 0, 0}, dying).error(), Error::NotFound);
    EXPECT_EQ(bind({1, 1, 0, 0}), Error::Ok);
    EXPECT_TRUE(rings(1, output(1), 0));
    table.unbind_all(dying);
}

TEST_F(DoorbellTest, the_notification_lives_as_long_as_it_is_bound) {
    ASSERT_EQ(bind({1, 1, 0, 0}), Error::Ok);
    Notification& object = machine.capability(notification).as<Notification>();
    EXPECT_EQ(machine.call(SyscallNumber::CapDelete, {0, notification}), Error::Ok);
    EXPECT_TRUE(ring(table, {abi::ExitKind::PortIo, output(1), 1, 0, 0, 0, {}}, 0));
    EXPECT_EQ(object.word, 1U);
    table.unbind_all(dying);
    EXPECT_FALSE(dying.empty());
    Budget budget;
    EXPECT_TRUE(dying.end_some(budget));
}

}  // namespace
}  // namespace redoubt::kernel::hv
