// Retype, copy, mint, delete and revoke through system calls, and that revocation gives everything
// back.

#include <gtest/gtest.h>

#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "fake_arch/fake.hpp"
#include "kernel/object/address_space.hpp"

namespace redoubt::kernel {
namespace {

using abi::Error;
using abi::MapFlags;
using abi::ObjectType;
using abi::Rights;
using abi::SyscallNumber;
using fake::Machine;

constexpr std::uint64_t bits(MapFlags flags) { return static_cast<std::uint64_t>(flags); }

struct DerivationTest : testing::Test {
    Machine machine;
    Machine::Slot pool = machine.make(ObjectType::Untyped, 20);

    Error remove(Machine::Slot slot) { return machine.call(SyscallNumber::CapDelete, {0, slot}); }
    Error revoke(Machine::Slot slot) { return machine.call(SyscallNumber::CapRevoke, {0, slot}); }
    Error retype(Machine::Slot untyped, ObjectType type, unsigned size_bits, std::uint64_t count,
                 Machine::Slot first) {
        return machine.call(
            SyscallNumber::Retype,
            {untyped, static_cast<std::uint64_t>(type) | std::uint64_t{size_bits} << 32, count, 0,
             first});
    }
    Error map(Machine::Slot frame, Machine::Slot space, std::uint64_t address, MapFlags flags) {
        return machine.call(SyscallNumber::Map, {frame, space, address, bits(flags)});
    }
};

TEST_F(DerivationTest, RetypeTakesAlignedMemoryAndZeroesIt) {
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
    const auto endpoint = machine.make(ObjectType::Endpoint, 0, pool);
    EXPECT_EQ(machine.free_bytes(pool), (1U << 20) - 256);
    const auto frame = machine.make(ObjectType::Frame, 16, pool);
    EXPECT_EQ(machine.free_bytes(pool), (1U << 20) - (2U << 16)) << "aligned to its size";
    auto* words = direct_map<std::uint64_t>(PhysicalAddress{machine.capability(frame).object});
    words[5] = 42;
    remove(frame);
    EXPECT_EQ(machine.free_bytes(pool), (1U << 20) - (2U << 16)) << "something is still left";
    remove(endpoint);
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
    machine.make(ObjectType::Frame, 17, pool);
    EXPECT_EQ(words[5], 0U);
}

TEST_F(DerivationTest, RetypeRefusesWhatCannotBe) {
    const auto slot = machine.next_slot();
    const Machine::Slot slots = (Machine::Slot{1} << machine.boot_info().cnode_size_bits) / 64;
    EXPECT_EQ(retype(pool, ObjectType::Frame, 21, 1, slot), Error::NoMemory);
    EXPECT_EQ(retype(pool, ObjectType::Frame, 11, 1, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Frame, 31, 1, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Thread, 13, 1, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Vm, 16, 1, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Irq, 0, 1, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, 0, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, 1, slots), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, 1, 0), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, ~0ULL, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(pool, ObjectType::Frame, 12, 257, 700), Error::NoMemory);
    EXPECT_EQ(retype(pool, ObjectType::Frame, 12, 256, 700), Error::Ok);
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, 1, 700), Error::SlotOccupied);
    EXPECT_EQ(retype(slot, ObjectType::Endpoint, 0, 1, slot), Error::InvalidCapability);
}

TEST_F(DerivationTest, DeviceMemoryMakesOnlyFramesAndIsMappedUncached) {
    Machine::Slot device = 0;
    for (unsigned i = 0; i < machine.boot_info().untyped_count; ++i) {
        if (machine.boot_info().untyped[i].is_device != 0)
            device = machine.boot_info().untyped[i].slot;
    }
    const auto slot = machine.next_slot();
    EXPECT_EQ(retype(device, ObjectType::Endpoint, 0, 1, slot), Error::InvalidArgument);
    EXPECT_EQ(retype(device, ObjectType::Frame, 12, 1, slot), Error::Ok);
    EXPECT_EQ(map(slot, Machine::kSpace, 0x70'0000, MapFlags::Read), Error::InvalidArgument);
    EXPECT_EQ(map(slot, Machine::kSpace, 0x70'0000, MapFlags::Read | MapFlags::Uncached),
              Error::Ok);
}

TEST_F(DerivationTest, CopiesOnlyLoseRightsAndBadgesStay) {
    const auto endpoint = machine.make(ObjectType::Endpoint, 0, pool);
    const auto reader = machine.mint(endpoint, Rights::Read);
    const auto again = machine.mint(reader, Rights::All);
    machine.call(SyscallNumber::CapIdentify, {again});
    EXPECT_EQ(machine.result(2), static_cast<std::uint64_t>(Rights::Read));
    const auto badged = machine.mint(endpoint, Rights::All, 5);
    const auto copy = machine.mint(badged, Rights::All);
    machine.call(SyscallNumber::CapIdentify, {copy});
    EXPECT_EQ(machine.result(3), 5U);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy, {badged, 0x3F, 0, machine.next_slot(), 6}),
              Error::InvalidArgument);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy, {pool, 0x3F, 0, machine.next_slot()}),
              Error::InvalidState)
        << "an Untyped with children";
}

TEST_F(DerivationTest, ACopiedUntypedTakesTheMemoryWithIt) {
    const auto copy = machine.mint(pool, Rights::All);
    EXPECT_EQ(machine.free_bytes(pool), 0U);
    EXPECT_EQ(machine.free_bytes(copy), 1U << 20);
    machine.make(ObjectType::Endpoint, 0, copy);
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, 1, machine.next_slot()), Error::NoMemory);
    revoke(pool);
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
}

TEST_F(DerivationTest, DeletedParentLeavesItsChildrenToTheGrandparent) {
    const auto a = machine.make(ObjectType::Endpoint, 0, pool);
    const auto sibling = machine.mint(a, Rights::All);
    const auto b = machine.mint(a, Rights::All);
    const auto c = machine.mint(b, Rights::All, 9);
    remove(b);
    revoke(sibling);
    EXPECT_EQ(machine.capability(c).type, ObjectType::Endpoint) << "not the sibling's to revoke";
    revoke(a);
    EXPECT_TRUE(machine.capability(c).empty());
    EXPECT_TRUE(machine.capability(sibling).empty());
    EXPECT_FALSE(machine.capability(a).empty());
}

TEST_F(DerivationTest, MappingsEndWithTheirCapability) {
    const auto space = machine.make(ObjectType::AddressSpace, 16, pool);
    const auto frame = machine.make(ObjectType::Frame, 13, pool);
    auto& object = machine.capability(space).as<AddressSpace>();
    const auto pool_before = object.pool.free_count();
    EXPECT_EQ(map(frame, space, 0x1000, MapFlags::Read | MapFlags::Write | MapFlags::Execute),
              Error::InvalidArgument);
    EXPECT_EQ(map(frame, space, 0x1001, MapFlags::Read), Error::InvalidArgument);
    EXPECT_EQ(map(frame, space, 0x7FFF'FFFF'E000, MapFlags::Read), Error::InvalidArgument);
    EXPECT_EQ(map(frame, space, 0xFFFF'8000'0000'0000, MapFlags::Read), Error::InvalidArgument);
    EXPECT_EQ(map(frame, frame, 0x1000, MapFlags::Read), Error::InvalidCapability);
    EXPECT_EQ(map(frame, space, 0x1000, MapFlags::Read), Error::Ok);
    EXPECT_EQ(map(frame, space, 0x8000, MapFlags::Read), Error::AlreadyMapped);
    const auto copy = machine.mint(frame, Rights::Read);
    EXPECT_EQ(map(copy, space, 0x2000, MapFlags::Read), Error::AlreadyMapped);
    EXPECT_EQ(map(copy, space, 0x8000, MapFlags::Read | MapFlags::Write), Error::MissingRight);
    EXPECT_EQ(map(copy, space, 0x8000, MapFlags::Read), Error::Ok);
    PageMapper<UserPageFormat> mapper{object.user_tables, object.pool};
    EXPECT_TRUE(mapper.translate(VirtualAddress{0x1000}));
    revoke(frame);
    EXPECT_FALSE(mapper.translate(VirtualAddress{0x8000}));
    EXPECT_TRUE(mapper.translate(VirtualAddress{0x2000}));
    EXPECT_EQ(machine.call(SyscallNumber::Unmap, {frame}), Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::Unmap, {frame}), Error::NotMapped);
    EXPECT_FALSE(mapper.translate(VirtualAddress{0x2000}));
    EXPECT_EQ(object.pool.free_count(), pool_before);
    EXPECT_EQ(map(frame, space, 0x1000, MapFlags::Read), Error::Ok);
    remove(space);
    EXPECT_EQ(machine.call(SyscallNumber::Unmap, {frame}), Error::NotMapped)
        << "the space took the mapping with it";
}

TEST_F(DerivationTest, UnmappingInTheActiveSpaceFlushes) {
    const auto frame = machine.make(ObjectType::Frame, 12, pool);
    map(frame, Machine::kSpace, 0x70'0000, MapFlags::Read);
    EXPECT_EQ(fake_flushes, 0U);
    remove(frame);
    EXPECT_EQ(fake_flushes, 1U);
}

TEST_F(DerivationTest, RevokingTheMemoryOfARunningThreadStopsIt) {
    const auto thread = machine.make_thread(210, true, 0, 0, pool);
    ASSERT_EQ(&machine.running(), thread.thread);
    // The thread pulls the rug from under itself.
    machine.call(SyscallNumber::CapRevoke, {0, pool});
    EXPECT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
    EXPECT_TRUE(machine.capability(thread.slot).empty());
}

TEST_F(DerivationTest, LosingTheAddressSpaceStopsAThreadThatSurvives) {
    const auto thread = machine.make_thread(210, false, 0, 0, pool);
    machine.call(SyscallNumber::ThreadControl, {thread.slot, 0});
    ASSERT_EQ(&machine.running(), thread.thread);
    revoke(thread.space);
    EXPECT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(thread.thread->space, nullptr);
    EXPECT_EQ(machine.call(SyscallNumber::ThreadControl, {thread.slot, 0}), Error::InvalidState);
}

TEST_F(DerivationTest, ACNodeThatHoldsItselfStillDies) {
    const auto cnode = machine.make(ObjectType::CNode, 12, pool);
    const auto endpoint = machine.make(ObjectType::Endpoint, 0, pool);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy, {cnode, 0x3F, cnode, 1}), Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy, {endpoint, 0x3F, cnode, 2}), Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy, {endpoint, 0x3F, cnode, 64}),
              Error::InvalidArgument);
    revoke(pool);
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
}

TEST_F(DerivationTest, RevokingMuchLetsInterruptsInAndGoesOnAfterwards) {
    const auto waker = machine.make_thread(220, false);
    const auto notification = machine.make(ObjectType::Notification);
    machine.call(SyscallNumber::ThreadControl, {waker.slot, 0});
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 500});
    ASSERT_EQ(&machine.running(), &machine.init());
    constexpr Machine::Slot kFirst = 700, kCount = 200;
    ASSERT_EQ(retype(pool, ObjectType::Endpoint, 0, kCount, kFirst), Error::Ok);
    fake::pending_interrupt = [] { fake::advance(500); };
    const auto ip = machine.running().context.rip;
    revoke(pool);
    ASSERT_EQ(&machine.running(), waker.thread) << "the better thread did not have to wait";
    EXPECT_TRUE(machine.capability(kFirst + kCount - 1).empty());
    EXPECT_FALSE(machine.capability(kFirst).empty());
    EXPECT_EQ(machine.init().context.rip, ip - 2) << "makes the call again";
    EXPECT_EQ(machine.init().context.arguments[1], pool);
    // What is derived meanwhile is a sibling of the rest, not its parent.
    const auto late = machine.next_slot();
    ASSERT_EQ(retype(pool, ObjectType::Endpoint, 0, 1, late), Error::Ok);
    revoke(late);
    EXPECT_FALSE(machine.capability(kFirst).empty());
    machine.call(SyscallNumber::Exit);
    ASSERT_EQ(&machine.running(), &machine.init());
    revoke(pool);
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
}

TEST_F(DerivationTest, MakingMuchLetsInterruptsInAndNothingStaysUncleaned) {
    const auto waker = machine.make_thread(220, false);
    const auto notification = machine.make(ObjectType::Notification);
    machine.call(SyscallNumber::ThreadControl, {waker.slot, 0});
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 500});
    ASSERT_EQ(&machine.running(), &machine.init());
    auto* memory = direct_map<std::uint8_t>(PhysicalAddress{machine.capability(pool).object});
    __builtin_memset(memory, 0xAA, 1U << 20);
    const auto frame = machine.next_slot();
    fake::pending_interrupt = [] { fake::advance(500); };
    retype(pool, ObjectType::Frame, 19, 1, frame);
    ASSERT_EQ(&machine.running(), waker.thread);
    EXPECT_TRUE(machine.capability(frame).empty()) << "not before it is clean";
    EXPECT_EQ(memory[0], 0);
    EXPECT_EQ(memory[(1U << 19) - 1], 0xAA);
    // Somebody else takes, dirties and returns some of it before the call goes on.
    const auto other = machine.make(ObjectType::Untyped, 16, pool);
    const auto page = machine.make(ObjectType::Frame, 16, other);
    memory[100] = 0xBB;
    remove(page);
    remove(other);
    machine.call(SyscallNumber::Exit);
    ASSERT_EQ(&machine.running(), &machine.init());
    ASSERT_EQ(retype(pool, ObjectType::Frame, 19, 1, frame), Error::Ok);
    for (std::size_t i = 0; i < 1U << 19; ++i) ASSERT_EQ(memory[i], 0) << i;
    EXPECT_EQ(memory[1U << 19], 0xAA) << "nor more than was asked for";
    EXPECT_EQ(retype(pool, ObjectType::Endpoint, 0, 4097, 10'000), Error::InvalidArgument);
}

TEST_F(DerivationTest, AThreadMayBeConfiguredEvenIfItsOldCNodeHoldsTheCallersLife) {
    // The only capability of the caller is in a CNode that only the target keeps alive; and what
    // the target is to be configured with is in one that only the caller keeps alive.
    const auto own = machine.make(ObjectType::CNode, 12, pool);
    const auto fragile = machine.make(ObjectType::CNode, 12, pool);
    const auto fresh = machine.make(ObjectType::CNode, 12, pool);
    const auto caller = machine.make_thread(100, true, 0, 0, pool, own);
    const auto target = machine.make_thread(90, false, 0, 0, pool, fragile);
    const auto move = [&](Machine::Slot slot, Machine::Slot cnode, Machine::Slot to) {
        ASSERT_EQ(machine.call(SyscallNumber::CapCopy, {slot, 0x3F, cnode, to}), Error::Ok);
        ASSERT_EQ(remove(slot), Error::Ok);
    };
    move(target.slot, own, 1);
    move(target.space, own, 2);
    move(target.buffer, own, 3);
    move(fresh, own, 4);
    move(caller.slot, fragile, 1);
    remove(own);
    remove(fragile);
    machine.call(SyscallNumber::Wait,
                 {machine.make(ObjectType::Notification), fake_ticks + 1'000'000});
    ASSERT_EQ(&machine.running(), caller.thread);
    abi::ThreadConfiguration configuration{};
    configuration.address_space = 2;
    configuration.cnode = 4;
    configuration.ipc_buffer_frame = 3;
    configuration.ipc_buffer_address = 0x5000;
    __builtin_memcpy(caller.thread->ipc_buffer->words, &configuration, sizeof configuration);
    machine.call(SyscallNumber::ThreadConfigure, {1});
    EXPECT_EQ(&machine.running(), &machine.init()) << "the caller is gone";
    EXPECT_EQ(caller.thread->state, ThreadState::Inactive);
    revoke(pool);
    EXPECT_EQ(machine.free_bytes(pool), 1U << 20);
}

}  // namespace
}  // namespace redoubt::kernel
