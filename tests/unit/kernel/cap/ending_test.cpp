// Long ends: of CNodes full of capabilities, of deep and wide derivations, and of whoever began
// them. All of them let better threads in, and come to their end whatever those do.
#include <gtest/gtest.h>

#include "arch/timer.hpp"
#include "fake_arch/fake.hpp"
#include "kernel/cap/derivation.hpp"
#include "kernel/object/cnode.hpp"

namespace redoubt::kernel {
namespace {

using abi::Error;
using abi::ObjectType;
using abi::Rights;
using abi::SyscallNumber;
using fake::Machine;

constexpr unsigned kPoolBits = 21, kNodeBits = 18;
constexpr Machine::Slot kNodeSlots = (1U << (kNodeBits - abi::kSlotBits)) - 1;

struct EndingTest : testing::Test {
    Machine machine;
    Machine::Slot pool = machine.make(ObjectType::Untyped, kPoolBits);
    Machine::Slot other_pool = machine.make(ObjectType::Untyped, 20);
    Machine::Slot node = machine.make(ObjectType::CNode, kNodeBits, pool);
    Machine::Slot endpoint = machine.make(ObjectType::Endpoint, 0, other_pool);

    Error remove(Machine::Slot slot) { return machine.call(SyscallNumber::CapDelete, {0, slot}); }
    Error revoke(Machine::Slot slot) { return machine.call(SyscallNumber::CapRevoke, {0, slot}); }
    Error copy(Machine::Slot source, Machine::Slot cnode, Machine::Slot to) {
        return machine.call(SyscallNumber::CapCopy, {source, 0x3F, cnode, to});
    }
    void fill_node() {
        for (Machine::Slot slot = 1; slot <= kNodeSlots; ++slot) copy(endpoint, node, slot);
    }
    std::size_t full_slots() { return full_slots(machine.capability(node).as<CNode>()); }
    static std::size_t full_slots(CNode& cnode) {
        std::size_t full = 0;
        for (Machine::Slot slot = 1; slot <= kNodeSlots; ++slot) full += !cnode.slot(slot)->empty();
        return full;
    }

    /// A better thread that waits until the next operation that takes long has begun.
    Machine::NewThread better = machine.make_thread(230, false, 0, 0, other_pool);
    void let_it_wait() {
        const auto notification = machine.make(ObjectType::Notification);
        machine.call(SyscallNumber::ThreadControl, {better.slot, 0});
        ASSERT_EQ(&machine.running(), better.thread);
        machine.call(SyscallNumber::Wait, {notification, fake_ticks + 500});
        ASSERT_EQ(&machine.running(), &machine.init());
        fake::pending_interrupt = [] { fake::advance(500); };
    }
    void go_on_without_it() {
        machine.call(SyscallNumber::Exit);
        ASSERT_NE(&machine.running(), better.thread);
    }
};

TEST_F(EndingTest, ACNodesEndLetsABetterThreadInAndGoesOn) {
    fill_node();
    CNode& cnode = machine.capability(node).as<CNode>();
    let_it_wait();
    const auto ip = machine.init().context.rip;
    remove(node);
    ASSERT_EQ(&machine.running(), better.thread);
    EXPECT_GT(full_slots(cnode), kNodeSlots * 3 / 4) << "it did not have to wait long";
    EXPECT_LT(full_slots(cnode), kNodeSlots);
    EXPECT_TRUE(machine.capability(node).empty()) << "nobody can use what is about to end";
    EXPECT_EQ(machine.init().context.rip, ip - 2) << "its system call goes on";
    // Meanwhile its memory is not given out.
    EXPECT_EQ(machine.call(SyscallNumber::Retype, {pool,
                                                   static_cast<std::uint64_t>(ObjectType::Frame) |
                                                       std::uint64_t{kPoolBits} << 32,
                                                   1, 0, machine.next_slot()}),
              Error::NoMemory);
    EXPECT_LT(machine.free_bytes(pool), 1U << kPoolBits);
    go_on_without_it();
    ASSERT_EQ(&machine.running(), &machine.init());
    Thread& init = machine.init();
    ASSERT_EQ(
        machine.call_raw(init.context.rax, {init.context.arguments[0], init.context.arguments[1]}),
        Error::Ok);
    EXPECT_EQ(full_slots(cnode), 0U);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
    revoke(endpoint);
    EXPECT_FALSE(has_children(machine.capability(endpoint)));
}

TEST_F(EndingTest, RevokingTheMemoryOfWhatEndsEndsItAtOnce) {
    fill_node();
    CNode& cnode = machine.capability(node).as<CNode>();
    let_it_wait();
    remove(node);
    ASSERT_EQ(&machine.running(), better.thread);
    EXPECT_EQ(revoke(pool), Error::Ok);
    EXPECT_EQ(full_slots(cnode), 0U);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
    go_on_without_it();
    EXPECT_EQ(machine.call(SyscallNumber::CapDelete, {0, 0}), Error::InvalidArgument)
        << "nothing is left to go on with";
}

TEST_F(EndingTest, WhatADeletedThreadLeftIsEndedByWhoDeletedIt) {
    const auto worker = machine.make_thread(210, false, 0, 0, other_pool);
    fill_node();
    CNode& cnode = machine.capability(node).as<CNode>();
    let_it_wait();
    machine.call(SyscallNumber::ThreadControl, {worker.slot, 0});
    ASSERT_EQ(&machine.running(), worker.thread);
    remove(node);
    ASSERT_EQ(&machine.running(), better.thread);
    ASSERT_GT(full_slots(cnode), 0U);
    EXPECT_EQ(remove(worker.slot), Error::Ok);
    EXPECT_EQ(full_slots(cnode), 0U);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
}

TEST_F(EndingTest, WhatAStoppedThreadLeftIsEndedByTheScheduler) {
    const auto worker = machine.make_thread(210, false, 0, 0, other_pool);
    fill_node();
    CNode& cnode = machine.capability(node).as<CNode>();
    let_it_wait();
    machine.call(SyscallNumber::ThreadControl, {worker.slot, 0});
    remove(node);
    ASSERT_EQ(&machine.running(), better.thread);
    EXPECT_EQ(revoke(worker.space), Error::Ok) << "it cannot run any more";
    go_on_without_it();
    for (int i = 0; i < 1000 && full_slots(cnode) != 0; ++i) {
        machine.call(SyscallNumber::Yield);
        ASSERT_EQ(&machine.running(), &machine.init());
    }
    EXPECT_EQ(full_slots(cnode), 0U);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
}

TEST_F(EndingTest, TheCNodeOfAThreadThatExitsEnds) {
    const auto worker = machine.make_thread(210, false, 0, 0, other_pool, node);
    fill_node();
    CNode& cnode = machine.capability(node).as<CNode>();
    remove(node);
    machine.call(SyscallNumber::ThreadControl, {worker.slot, 0});
    ASSERT_EQ(&machine.running(), worker.thread);
    machine.call(SyscallNumber::Exit);
    for (int i = 0; i < 1000 && full_slots(cnode) != 0; ++i) machine.call(SyscallNumber::Yield);
    EXPECT_EQ(full_slots(cnode), 0U);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
}

TEST_F(EndingTest, CNodesInsideCNodesEndOneAfterTheOther) {
    Machine::Slot outer = node;
    for (int depth = 0; depth < 200; ++depth) {
        const auto inner = machine.make(ObjectType::CNode, 12, pool);
        ASSERT_EQ(copy(outer, inner, 5), Error::Ok);
        ASSERT_EQ(copy(inner, inner, 6), Error::Ok) << "and each holds itself";
        remove(outer);
        outer = inner;
    }
    fill_node();
    revoke(pool);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
}

TEST_F(EndingTest, ARevokerThatLivesInWhatItRevokesEndsAndTheRestCanBeRevoked) {
    const auto own = machine.make(ObjectType::CNode, 12, pool);
    const auto worker = machine.make_thread(210, false, 0, 0, pool, own);
    ASSERT_EQ(copy(pool, own, 1), Error::InvalidState)
        << "an Untyped with children stays where it is";
    // The worker reaches its memory through init's CNode.
    fill_node();
    ASSERT_EQ(copy(Machine::kCNode, own, 2), Error::Ok);
    machine.call(SyscallNumber::ThreadControl, {worker.slot, 0});
    ASSERT_EQ(&machine.running(), worker.thread);
    machine.call(SyscallNumber::CapRevoke, {2, pool});
    ASSERT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(revoke(pool), Error::Ok);
    EXPECT_EQ(machine.free_bytes(pool), 1U << kPoolBits);
    EXPECT_FALSE(has_children(machine.capability(endpoint)));
}

/// Chains and trees of copies in a CNode of their own.
struct DeepDerivationTest : EndingTest {
    Machine::NewThread worker = machine.make_thread(210, false, 0, 0, other_pool, node);
    static constexpr Machine::Slot kFirst = 1, kDepth = 4000;

    void SetUp() override {
        ASSERT_EQ(copy(endpoint, node, kFirst), Error::Ok);
        machine.call(SyscallNumber::ThreadControl, {worker.slot, 0});
        ASSERT_EQ(&machine.running(), worker.thread);
    }
    Capability& at(Machine::Slot slot) { return machine.capability(slot, worker.thread); }
    void make_chain() {
        for (Machine::Slot slot = kFirst; slot < kFirst + kDepth; ++slot) {
            ASSERT_EQ(copy(slot, 0, slot + 1), Error::Ok);
        }
    }
};

TEST_F(DeepDerivationTest, RevokeTakesExactlyWhatIsBelowItAtEveryLevel) {
    make_chain();
    for (Machine::Slot level : {kDepth - 1, kDepth / 2, kDepth / 2 - 1, 1000U, 2U, kFirst}) {
        ASSERT_EQ(revoke(level), Error::Ok);
        EXPECT_FALSE(at(level).empty());
        EXPECT_TRUE(at(level + 1).empty());
        EXPECT_FALSE(has_children(at(level)));
    }
}

TEST_F(DeepDerivationTest, DeletingInTheMiddleLeavesTheRestToWhoIsAbove) {
    make_chain();
    for (Machine::Slot slot = 2; slot < kDepth; slot += 2) ASSERT_EQ(remove(slot), Error::Ok);
    ASSERT_EQ(revoke(1001), Error::Ok);
    EXPECT_FALSE(at(1001).empty());
    EXPECT_TRUE(at(1003).empty());
    EXPECT_TRUE(at(kDepth + 1).empty());
    EXPECT_FALSE(at(999).empty());
    ASSERT_EQ(remove(kFirst), Error::Ok);
    EXPECT_FALSE(at(3).empty());
    machine.call(SyscallNumber::Exit);
    EXPECT_EQ(revoke(endpoint), Error::Ok);
    EXPECT_FALSE(has_children(machine.capability(endpoint)));
}

TEST_F(DeepDerivationTest, AWideTreeIsRevokedBranchByBranch) {
    constexpr Machine::Slot kBranches = 50, kLeaves = 60;
    const auto branch = [](Machine::Slot index) { return 2 + index * (kLeaves + 1); };
    for (Machine::Slot i = 0; i < kBranches; ++i) {
        ASSERT_EQ(copy(kFirst, 0, branch(i)), Error::Ok);
        for (Machine::Slot leaf = 1; leaf <= kLeaves; ++leaf) {
            ASSERT_EQ(copy(branch(i), 0, branch(i) + leaf), Error::Ok);
        }
    }
    ASSERT_EQ(revoke(branch(7)), Error::Ok);
    ASSERT_EQ(remove(branch(9)), Error::Ok);
    ASSERT_EQ(revoke(branch(8)), Error::Ok);
    ASSERT_EQ(revoke(branch(10)), Error::Ok);
    for (Machine::Slot i = 0; i < kBranches; ++i) {
        const bool revoked = i == 7 || i == 8 || i == 10;
        for (Machine::Slot leaf = 1; leaf <= kLeaves; ++leaf) {
            EXPECT_EQ(at(branch(i) + leaf).empty(), revoked) << i << " " << leaf;
        }
    }
    ASSERT_EQ(revoke(kFirst), Error::Ok);
    EXPECT_TRUE(at(branch(9) + 1).empty()) << "left to the parent of what was deleted";
    EXPECT_FALSE(has_children(at(kFirst)));
}

}  // namespace
}  // namespace redoubt::kernel
