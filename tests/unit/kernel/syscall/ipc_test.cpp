// IPC through system calls: rendezvous in both orders, badges, long messages, capabilities, peers
// that vanish.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "fake_arch/fake.hpp"
#include "kernel/object/address_space.hpp"

namespace redoubt::kernel {
namespace {

using abi::Error;
using abi::MessageInfo;
using abi::ObjectType;
using abi::Rights;
using abi::SyscallNumber;
using fake::Machine;

/// Init (priority 200) is the server; a client of lower priority runs whenever it waits.
struct IpcTest : testing::Test {
    Machine machine;
    Machine::Slot endpoint = machine.make(ObjectType::Endpoint);
    Machine::Slot reply = machine.make(ObjectType::Reply);
    Machine::Slot client_endpoint = machine.mint(endpoint, Rights::Write | Rights::Grant, 0x77);

    std::uint64_t receive_word() const { return endpoint | std::uint64_t{reply} << 32; }
    Error recv() { return machine.call(SyscallNumber::Recv, {receive_word()}); }
    Error call(std::uint64_t mr0 = 11, MessageInfo info = MessageInfo{5, 4}) {
        return machine.call(SyscallNumber::Call, {client_endpoint, info.raw, mr0, 12, 13, 14});
    }
    static std::uint64_t status(const Thread& thread) { return thread.context.rax; }
};

TEST_F(IpcTest, CallMeetsAWaitingReceiverAndTheReplyComesBack) {
    const auto client = machine.make_thread(100);
    recv();
    ASSERT_EQ(&machine.running(), client.thread);
    call();
    ASSERT_EQ(&machine.running(), &machine.init()) << "direct switch to the receiver";
    const UserContext& server = machine.init().context;
    EXPECT_EQ(server.rax, 0U);
    EXPECT_EQ(server.arguments[0], 0x77U);
    EXPECT_EQ(MessageInfo{server.arguments[1]}.label(), 5U);
    EXPECT_EQ(server.arguments[2], 11U);
    EXPECT_EQ(server.arguments[5], 14U);
    machine.call(SyscallNumber::ReplyRecv, {receive_word(), MessageInfo{0, 1}.raw, 99});
    ASSERT_EQ(&machine.running(), client.thread) << "direct switch back";
    EXPECT_EQ(status(*client.thread), 0U);
    EXPECT_EQ(client.thread->context.arguments[2], 99U);
    EXPECT_EQ(machine.init().state, ThreadState::Receiving);
}

TEST_F(IpcTest, NobodyCanPretendToBeTheKernel) {
    const auto client = machine.make_thread(100);
    recv();
    ASSERT_EQ(&machine.running(), client.thread);
    EXPECT_EQ(call(1, MessageInfo{abi::kNotificationLabel, 1}), Error::InvalidArgument);
    EXPECT_EQ(call(1, MessageInfo{abi::kFaultLabel, 4}), Error::InvalidArgument);
    EXPECT_EQ(call(1, MessageInfo{abi::kFaultLabel, 9}), Error::InvalidArgument);
    EXPECT_EQ(&machine.running(), client.thread);
}

TEST_F(IpcTest, CallBeforeTheReceiverWaitsInTheQueueByPriority) {
    const auto low = machine.make_thread(210, false);
    const auto high = machine.make_thread(220, false);
    machine.call(SyscallNumber::ThreadControl, {low.slot, 0});
    call(1);
    ASSERT_EQ(&machine.running(), &machine.init());
    machine.call(SyscallNumber::ThreadControl, {high.slot, 0});
    call(2);
    ASSERT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(recv(), Error::Ok);
    EXPECT_EQ(machine.result(2), 2U) << "the higher priority first";
    EXPECT_EQ(machine.call(SyscallNumber::Reply, {reply, MessageInfo{0, 0}.raw}), Error::Ok);
    EXPECT_EQ(&machine.running(), high.thread);
}

TEST_F(IpcTest, ReplyRecvTakesAQueuedCallAtOnceAndTheAnsweredCallerIsReady) {
    const auto first = machine.make_thread(100);
    const auto second = machine.make_thread(210, false);
    recv();
    call(1);
    machine.call(SyscallNumber::ThreadControl, {second.slot, 0});
    call(2);
    ASSERT_EQ(second.thread->state, ThreadState::Calling);
    EXPECT_EQ(machine.call(SyscallNumber::ReplyRecv, {receive_word(), 0, 55}), Error::Ok);
    ASSERT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(machine.result(2), 2U);
    EXPECT_EQ(first.thread->state, ThreadState::Ready);
    EXPECT_EQ(first.thread->context.arguments[2], 55U);
    machine.call(SyscallNumber::ReplyRecv, {receive_word(), 0});
    EXPECT_EQ(&machine.running(), second.thread) << "the answered caller has a higher priority";
}

TEST_F(IpcTest, AReplyObjectHoldsOneCallerAndServesOneReceiver) {
    const auto first = machine.make_thread(100);
    const auto second = machine.make_thread(90);
    recv();
    call(1);
    machine.call(SyscallNumber::Recv, {endpoint});
    ASSERT_EQ(&machine.running(), second.thread);
    call(2);
    EXPECT_EQ(status(*second.thread), static_cast<std::uint64_t>(Error::Cancelled))
        << "received without a reply object";
    recv();
    EXPECT_EQ(status(*first.thread), static_cast<std::uint64_t>(Error::Cancelled))
        << "its reply object is wanted for the next caller";
    ASSERT_NE(&machine.running(), &machine.init());
    EXPECT_EQ(recv(), Error::InvalidState) << "init receives with it already";
}

TEST_F(IpcTest, LongMessagesTravelThroughTheBuffers) {
    const auto client = machine.make_thread(100);
    recv();
    for (unsigned i = 4; i < abi::kMaximumWords; ++i) client.thread->ipc_buffer->words[i] = i * 3;
    call(1, MessageInfo{5, abi::kMaximumWords});
    EXPECT_EQ(machine.init().ipc_buffer->words[4], 12U);
    EXPECT_EQ(machine.init().ipc_buffer->words[447], 447U * 3);
    machine.init().ipc_buffer->words[4] = 4711;
    machine.call(SyscallNumber::ReplyRecv, {receive_word(), MessageInfo{0, 5}.raw});
    EXPECT_EQ(client.thread->ipc_buffer->words[4], 4711U);
    EXPECT_EQ(client.thread->ipc_buffer->words[5], 15U);
    EXPECT_EQ(call(1, MessageInfo{5, abi::kMaximumWords + 1}), Error::InvalidArgument);
    EXPECT_EQ(call(1, MessageInfo{5, 0, 5}), Error::InvalidArgument);
}

TEST_F(IpcTest, CapabilitiesTravelInBothDirections) {
    const Machine::Slot sent = machine.make(ObjectType::Notification);
    const Machine::Slot badged = machine.mint(sent, Rights::Write, 0xB);
    const Machine::Slot own_cnode = machine.make(ObjectType::CNode, 12);
    // The client has a CNode of its own with its endpoint in slot 1 and the notification in slot 2.
    machine.call(SyscallNumber::CapCopy, {client_endpoint, 0x3F, own_cnode, 1});
    machine.call(SyscallNumber::CapCopy, {badged, 0x3F, own_cnode, 2});
    const auto client = machine.make_thread(100, true, 0, 0, Machine::kUntyped, own_cnode);
    const Machine::Slot room = machine.next_slot();
    machine.init().ipc_buffer->receive_first = room;
    machine.init().ipc_buffer->receive_count = 1;
    recv();
    client.thread->ipc_buffer->send[0] = 2;
    client.thread->ipc_buffer->send[1] = 2;
    machine.call(SyscallNumber::Call, {1, MessageInfo{5, 0, 2}.raw});
    EXPECT_EQ(MessageInfo{machine.init().context.arguments[1]}.capabilities(), 1U)
        << "room for one only";
    EXPECT_EQ(machine.call(SyscallNumber::CapIdentify, {room}), Error::Ok);
    EXPECT_EQ(machine.result(1) & 0xFF, static_cast<unsigned>(ObjectType::Notification));
    EXPECT_EQ(machine.result(2), static_cast<std::uint64_t>(Rights::Write));
    EXPECT_EQ(machine.result(3), 0xBU);

    client.thread->ipc_buffer->receive_first = 10;
    client.thread->ipc_buffer->receive_count = 4;
    machine.init().ipc_buffer->send[0] = endpoint;
    machine.call(SyscallNumber::ReplyRecv, {receive_word(), MessageInfo{0, 0, 1}.raw});
    ASSERT_EQ(&machine.running(), client.thread);
    EXPECT_EQ(MessageInfo{client.thread->context.arguments[1]}.capabilities(), 1U);
    EXPECT_EQ(machine.capability(10, client.thread).type, ObjectType::Endpoint);
}

TEST_F(IpcTest, CapabilitiesNeedTheGrantRight) {
    const Machine::Slot plain = machine.mint(endpoint, Rights::Write, 1);
    EXPECT_EQ(machine.call(SyscallNumber::Call, {plain, MessageInfo{5, 0, 1}.raw}),
              Error::MissingRight);
    const Machine::Slot receive_only = machine.mint(endpoint, Rights::Read, 2);
    EXPECT_EQ(machine.call(SyscallNumber::Call, {receive_only, 0}), Error::MissingRight);
    EXPECT_EQ(machine.call(SyscallNumber::Recv, {plain}), Error::MissingRight);
    EXPECT_EQ(machine.call(SyscallNumber::Call, {reply, 0}), Error::InvalidCapability);
    EXPECT_EQ(machine.call(SyscallNumber::Call, {0, 0}), Error::InvalidCapability);
    EXPECT_EQ(machine.call(SyscallNumber::Call, {0xFFFF'FFFF, 0}), Error::InvalidCapability);
}

/// A client that calls with capabilities before anybody receives.
struct TransferTest : IpcTest {
    Machine::NewThread client = machine.make_thread(210, false);
    Machine::Slot first_received = 900;

    void send(std::vector<Machine::Slot> slots) {
        std::copy(slots.begin(), slots.end(), client.thread->ipc_buffer->send);
        machine.call(SyscallNumber::ThreadControl, {client.slot, 0});
        ASSERT_EQ(&machine.running(), client.thread);
        call(1, MessageInfo{5, 4, static_cast<unsigned>(slots.size())});
        ASSERT_EQ(&machine.running(), &machine.init());
    }
    /// How many arrive with `room` slots for them.
    unsigned receive(unsigned room) {
        machine.init().ipc_buffer->receive_first = first_received;
        machine.init().ipc_buffer->receive_count = room;
        EXPECT_EQ(recv(), Error::Ok);
        return MessageInfo{machine.init().context.arguments[1]}.capabilities();
    }
    Error remove(Machine::Slot slot) { return machine.call(SyscallNumber::CapDelete, {0, slot}); }
    Error revoke(Machine::Slot slot) { return machine.call(SyscallNumber::CapRevoke, {0, slot}); }
};

TEST_F(TransferTest, WhatArrivesIsDerivedFromWhatWasSentWithItsRightsAndBadge) {
    const auto notification = machine.make(ObjectType::Notification);
    const auto badged = machine.mint(notification, Rights::Write, 0x30);
    send({badged});
    ASSERT_EQ(receive(1), 1U);
    machine.call(SyscallNumber::CapIdentify, {first_received});
    EXPECT_EQ(machine.result(2), static_cast<std::uint64_t>(Rights::Write));
    EXPECT_EQ(machine.result(3), 0x30U);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy, {first_received, 0x3F, 0, 950, 7}),
              Error::InvalidArgument)
        << "nobody changes a badge";
    revoke(badged);
    EXPECT_TRUE(machine.capability(first_received).empty());
}

TEST_F(TransferTest, WhatIsRevokedBeforeItIsReceivedDoesNotArrive) {
    const auto notification = machine.make(ObjectType::Notification);
    const auto copy = machine.mint(notification, Rights::All);
    send({copy, notification});
    revoke(notification);
    EXPECT_EQ(receive(4), 0U) << "nor what would have come behind it";
    EXPECT_TRUE(machine.capability(first_received).empty());
}

TEST_F(TransferTest, OnlyWhatThereIsRoomForArrivesAndNothingIsOverwritten) {
    const auto notification = machine.make(ObjectType::Notification);
    ASSERT_EQ(machine.call(SyscallNumber::CapCopy, {notification, 1, 0, first_received + 1}),
              Error::Ok);
    send({endpoint, endpoint, endpoint});
    EXPECT_EQ(receive(4), 1U) << "the second slot is in use";
    EXPECT_EQ(machine.capability(first_received + 1).type, ObjectType::Notification);
    EXPECT_TRUE(machine.capability(first_received + 2).empty());
}

TEST_F(TransferTest, NoRoomAtAllLosesNothingButTheTransfer) {
    send({endpoint});
    EXPECT_EQ(receive(0), 0U);
    EXPECT_EQ(machine.init().context.arguments[2], 1U) << "the message arrives";
    EXPECT_EQ(machine.capability(endpoint).type, ObjectType::Endpoint);
}

TEST_F(TransferTest, AnEndpointMayBeSentThroughItself) {
    send({client_endpoint});
    ASSERT_EQ(receive(1), 1U);
    machine.call(SyscallNumber::CapIdentify, {first_received});
    EXPECT_EQ(machine.result(3), 0x77U);
    EXPECT_EQ(remove(client_endpoint), Error::Ok);
    EXPECT_EQ(machine.capability(first_received).type, ObjectType::Endpoint);
    revoke(endpoint);
    EXPECT_TRUE(machine.capability(first_received).empty());
}

TEST_F(IpcTest, DeletingTheEndpointCancelsEverybodyInItsQueue) {
    const auto client = machine.make_thread(210, false);
    machine.call(SyscallNumber::ThreadControl, {client.slot, 0});
    call();
    ASSERT_EQ(client.thread->state, ThreadState::Calling);
    machine.call(SyscallNumber::CapDelete, {0, client_endpoint});
    ASSERT_EQ(client.thread->state, ThreadState::Calling);
    machine.call(SyscallNumber::CapDelete, {0, endpoint});
    EXPECT_EQ(&machine.running(), client.thread);
    EXPECT_EQ(status(*client.thread), static_cast<std::uint64_t>(Error::Cancelled));
}

TEST_F(IpcTest, DeletingTheReplyObjectCancelsTheCaller) {
    const auto client = machine.make_thread(100);
    recv();
    call();
    EXPECT_EQ(machine.call(SyscallNumber::CapDelete, {0, reply}), Error::Ok);
    EXPECT_EQ(client.thread->state, ThreadState::Ready);
    EXPECT_EQ(status(*client.thread), static_cast<std::uint64_t>(Error::Cancelled));
}

TEST_F(IpcTest, ReplyAfterTheCallerDiedIsNoReasonToStopServing) {
    const auto client = machine.make_thread(100);
    recv();
    call();
    machine.call(SyscallNumber::CapDelete, {0, client.slot});
    EXPECT_EQ(machine.call(SyscallNumber::Reply, {reply, 0}), Error::InvalidState);
    const auto other = machine.make_thread(100);
    machine.call(SyscallNumber::ReplyRecv, {receive_word(), 0});
    EXPECT_EQ(&machine.running(), other.thread);
    EXPECT_EQ(machine.init().state, ThreadState::Receiving);
}

TEST_F(IpcTest, BoundNotificationEndsAReceive) {
    const Machine::Slot notification = machine.make(ObjectType::Notification);
    const Machine::Slot signal = machine.mint(notification, Rights::Write, 0x30);
    EXPECT_EQ(machine.call(SyscallNumber::ThreadControl,
                           {0, static_cast<std::uint64_t>(abi::ThreadOperation::BindNotification),
                            notification}),
              Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::Signal, {signal}), Error::Ok);
    EXPECT_EQ(recv(), Error::Ok) << "signalled before";
    EXPECT_EQ(MessageInfo{machine.result(1)}.label(), abi::kNotificationLabel);
    EXPECT_EQ(machine.result(0), 0U);
    EXPECT_EQ(machine.result(2), 0x30U);
    const auto other = machine.make_thread(100);
    recv();
    ASSERT_EQ(&machine.running(), other.thread);
    machine.call(SyscallNumber::Signal, {signal});
    EXPECT_EQ(&machine.running(), &machine.init()) << "signalled while waiting";
    EXPECT_EQ(machine.init().context.arguments[2], 0x30U);
}

TEST_F(IpcTest, AHigherPriorityThanThePeersRunsFirst) {
    const auto client = machine.make_thread(100);
    const auto busy = machine.make_thread(150, false);
    recv();
    call();
    machine.call(SyscallNumber::ThreadControl, {busy.slot, 0});
    machine.call(SyscallNumber::ReplyRecv, {receive_word(), 0});
    EXPECT_EQ(&machine.running(), busy.thread);
    EXPECT_EQ(client.thread->state, ThreadState::Ready);
}

}  // namespace
}  // namespace redoubt::kernel
