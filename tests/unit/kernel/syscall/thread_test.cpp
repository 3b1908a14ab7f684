// Threads: notifications and timed waits, priorities and slices, faults, reflection, suspension.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "arch/timer.hpp"
#include "fake_arch/fake.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/object/irq.hpp"

namespace redoubt::kernel {
namespace {

using abi::Error;
using abi::MessageInfo;
using abi::ObjectType;
using abi::Rights;
using abi::SyscallNumber;
using abi::ThreadOperation;
using fake::Machine;

std::uint64_t status(const Thread& thread) { return thread.context.rax; }
std::uint64_t number(Error error) { return static_cast<std::uint64_t>(error); }

struct ThreadTest : testing::Test {
    Machine machine;
    Error control(Machine::Slot thread, ThreadOperation operation, std::uint64_t value = 0) {
        return machine.call(SyscallNumber::ThreadControl,
                            {thread, static_cast<std::uint64_t>(operation), value});
    }
};

TEST_F(ThreadTest, InitStartsAsTheContractSays) {
    EXPECT_EQ(machine.boot_info().magic, abi::kBootInfoMagic);
    EXPECT_EQ(machine.init().context.arguments[0], abi::kBootInfoAddress);
    EXPECT_EQ(machine.init().priority, 200);
    EXPECT_EQ(machine.boot_info().module_size, 0x3000U);
    EXPECT_NE(machine.boot_info().hv_slot, 0U);
    std::uint64_t ram = 0;
    for (unsigned i = 0; i < machine.boot_info().untyped_count; ++i) {
        const abi::UntypedDescription& untyped = machine.boot_info().untyped[i];
        EXPECT_EQ(untyped.physical_address % (1ULL << untyped.size_bits), 0U);
        if (untyped.is_device == 0) ram += 1ULL << untyped.size_bits;
    }
    EXPECT_GT(ram, fake::kMemoryBytes - (2U << 20));
    machine.call(SyscallNumber::SystemInfo,
                 {static_cast<std::uint64_t>(abi::SystemInfoKind::FreeBytesAtBoot)});
    EXPECT_EQ(machine.result(1), ram);
}

TEST_F(ThreadTest, SignalsAccumulateAndWaitTakesThemAll) {
    const auto notification = machine.make(ObjectType::Notification);
    const auto a = machine.mint(notification, Rights::Write, 4);
    const auto b = machine.mint(notification, Rights::Write, 8);
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {notification, 0}), Error::TimedOut);
    machine.call(SyscallNumber::Signal, {a});
    machine.call(SyscallNumber::Signal, {b});
    machine.call(SyscallNumber::Signal, {notification});
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {notification, 0}), Error::Ok);
    EXPECT_EQ(machine.result(1), 13U) << "no badge is bit 0";
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {notification, 0}), Error::TimedOut);
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {a, 0}), Error::MissingRight);
}

TEST_F(ThreadTest, TimedWaitEndsAtItsDeadlineOrBySignal) {
    const auto notification = machine.make(ObjectType::Notification);
    const std::uint64_t start = fake_ticks;
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {notification, start + 500}), Error::TimedOut);
    EXPECT_EQ(fake_ticks, start + 500);
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {notification, fake_ticks - 1}), Error::TimedOut);
    const auto other = machine.make_thread(100);
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 500});
    ASSERT_EQ(&machine.running(), other.thread);
    machine.call(SyscallNumber::Signal, {notification});
    ASSERT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(status(machine.init()), 0U);
    fake::advance(1000);
    EXPECT_EQ(&machine.running(), &machine.init());
    EXPECT_THROW(
        machine.call(SyscallNumber::Wait, {machine.make(ObjectType::Notification), abi::kNever});
        control(other.slot, ThreadOperation::Suspend), fake::Deadlock);
}

TEST_F(ThreadTest, SeveralDeadlinesEndInTheirOrder) {
    const auto a = machine.make_thread(210, false);
    const auto b = machine.make_thread(211, false);
    const auto notification = machine.make(ObjectType::Notification);
    control(a.slot, ThreadOperation::Resume);
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 900});
    control(b.slot, ThreadOperation::Resume);
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 300});
    ASSERT_EQ(&machine.running(), &machine.init());
    fake::advance(300);
    machine.reschedule();
    EXPECT_EQ(&machine.running(), b.thread);
    EXPECT_EQ(status(*b.thread), number(Error::TimedOut));
    machine.call(SyscallNumber::Exit);
    fake::advance(600);
    machine.reschedule();
    EXPECT_EQ(&machine.running(), a.thread);
}

TEST_F(ThreadTest, EqualPrioritiesShareByTimeSlices) {
    const auto other = machine.make_thread(200);
    EXPECT_EQ(&machine.running(), &machine.init());
    machine.call(SyscallNumber::Yield);
    EXPECT_EQ(&machine.running(), other.thread);
    fake::advance(10'000);  // 10 ms
    machine.reschedule();
    EXPECT_EQ(&machine.running(), &machine.init());
    fake::advance(10'000);
    machine.reschedule();
    EXPECT_EQ(&machine.running(), other.thread);
}

TEST_F(ThreadTest, APreemptedThreadKeepsWhatIsLeftOfItsSlice) {
    const auto peer = machine.make_thread(200);
    const auto waker = machine.make_thread(210, false);
    const auto notification = machine.make(ObjectType::Notification);
    control(waker.slot, ThreadOperation::Resume);
    // A wake-up each millisecond, with nothing to do: the peers still change every 10 ms.
    std::uint64_t shares[2] = {};
    for (unsigned millisecond = 0; millisecond < 100; ++millisecond) {
        ASSERT_EQ(&machine.running(), waker.thread);
        machine.call(SyscallNumber::Wait, {notification, fake_ticks + 1000});
        ASSERT_NE(&machine.running(), waker.thread);
        ++shares[&machine.running() == peer.thread ? 1 : 0];
        fake::advance(1000);
        machine.reschedule();
    }
    EXPECT_GE(shares[0], 40U);
    EXPECT_GE(shares[1], 40U);
}

TEST_F(ThreadTest, AThreadThatGetsAnEqualByAChangeOfPrioritySharesWithIt) {
    const auto peer = machine.make_thread(100);
    control(peer.slot, ThreadOperation::SetPriority, 200);
    ASSERT_EQ(&machine.running(), &machine.init());
    fake::advance(10'000);
    machine.reschedule();
    EXPECT_EQ(&machine.running(), peer.thread);
}

TEST_F(ThreadTest, ASpinningGuestSharesTheProcessor) {
    const auto spinner = machine.make_thread(200);
    const auto better = machine.make_thread(210, false);
    const auto notification = machine.make(ObjectType::Notification);
    control(better.slot, ThreadOperation::Resume);
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 4000});
    ASSERT_EQ(&machine.running(), &machine.init());
    // A guest that never exits: only the host's timer gets the processor back.
    const std::uint64_t start = fake_ticks;
    std::vector<std::uint64_t> armed;
    const auto memory = machine.make(ObjectType::Frame, 17);
    const PhysicalAddress block{machine.capability(memory).object};
    Vm vm{block, 16, 1, 4};
    Vcpu& vcpu = *new (direct_map<void>(block + (1 << 16))) Vcpu{block + (1 << 16), vm, 0};
    vcpu.deadline = start + 1500;
    fake::guest = [&](Thread&) {
        armed.push_back(fake_timer_deadline - start);
        vcpu.deadline = abi::kNever;
        fake::advance(fake_timer_deadline - fake_ticks);
    };
    machine.init().vcpu = &vcpu;
    machine.reschedule();
    EXPECT_EQ(&machine.running(), better.thread);
    EXPECT_EQ(armed, (std::vector<std::uint64_t>{1500, 4000})) << "the nearest of all deadlines";
    machine.call(SyscallNumber::Wait, {notification, abi::kNever});
    EXPECT_EQ(&machine.running(), spinner.thread);
    EXPECT_EQ(armed.back(), 10'000U) << "what was left of its slice";
    machine.init().vcpu = nullptr;
    fake::guest = nullptr;
}

TEST_F(ThreadTest, ANotificationThatHasBitsEndsTheReceiveOfTheThreadItIsBoundTo) {
    const auto endpoint = machine.make(ObjectType::Endpoint);
    const auto notification = machine.make(ObjectType::Notification);
    const auto thread = machine.make_thread(210);
    ASSERT_EQ(&machine.running(), thread.thread);
    machine.call(SyscallNumber::Recv, {endpoint});
    machine.call(SyscallNumber::Signal, {notification});
    control(thread.slot, ThreadOperation::BindNotification, notification);
    ASSERT_EQ(&machine.running(), thread.thread);
    EXPECT_EQ(MessageInfo{thread.thread->context.arguments[1]}.label(), abi::kNotificationLabel);
}

TEST_F(ThreadTest, UserCodeCannotFloodTheConsole) {
    const auto thread = machine.make_thread(210);
    for (unsigned i = 0; i < 1000; ++i) {
        ASSERT_EQ(&machine.running(), thread.thread);
        machine.fault(0xDEAD000);
        control(thread.slot, ThreadOperation::Resume);
    }
    const auto lines = [] {
        return std::count(fake::console().begin(), fake::console().end(), '\n');
    };
    EXPECT_LT(lines(), 20);
    const auto before = lines();
    fake::advance(1'000'000);
    machine.fault(0xDEAD000);
    EXPECT_EQ(lines(), before + 1);
}

TEST_F(ThreadTest, ALowerPriorityWaitsForever) {
    machine.make_thread(100);
    machine.call(SyscallNumber::Yield);
    fake::advance(1'000'000);
    machine.reschedule();
    EXPECT_EQ(&machine.running(), &machine.init());
}

TEST_F(ThreadTest, PriorityChangesTakeEffectAtOnceAndNeverExceedTheCallersMaximum) {
    const auto other = machine.make_thread(100);
    EXPECT_EQ(control(other.slot, ThreadOperation::SetPriority, 256), Error::InvalidArgument);
    control(other.slot, ThreadOperation::SetPriority, 201);
    EXPECT_EQ(&machine.running(), other.thread);
    EXPECT_EQ(control(0, ThreadOperation::SetPriority, 101), Error::InvalidArgument);
    control(0, ThreadOperation::SetPriority, 50);
    EXPECT_EQ(&machine.running(), &machine.init());
}

TEST_F(ThreadTest, AFaultReachesItsHandlerAndAnyReplyRestartsTheThread) {
    const auto endpoint = machine.make(ObjectType::Endpoint);
    const auto reply = machine.make(ObjectType::Reply);
    const auto thread = machine.make_thread(100, true, endpoint, 0xFA);
    machine.call(SyscallNumber::Recv, {endpoint | std::uint64_t{reply} << 32});
    ASSERT_EQ(&machine.running(), thread.thread);
    const UserContext before = thread.thread->context;
    machine.fault(0xDEAD000);
    ASSERT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(machine.result(0), 0xFAU);
    EXPECT_EQ(MessageInfo{machine.result(1)}.label(), abi::kFaultLabel);
    EXPECT_EQ(machine.result(2), static_cast<std::uint64_t>(abi::FaultKind::PageFault));
    EXPECT_EQ(machine.result(3), 0xDEAD000U);
    EXPECT_EQ(machine.result(4), 0x40'0000U);
    EXPECT_EQ(machine.result(5), 2U);
    machine.call(SyscallNumber::ReplyRecv, {endpoint | std::uint64_t{reply} << 32, 0, 1, 2, 3, 4});
    ASSERT_EQ(&machine.running(), thread.thread);
    EXPECT_EQ(thread.thread->context.rax, before.rax);
    EXPECT_EQ(thread.thread->context.arguments[2], before.arguments[2])
        << "registers are untouched";
}

TEST_F(ThreadTest, AFaultWithoutHandlerStopsTheThreadWithALine) {
    const auto thread = machine.make_thread(210);
    ASSERT_EQ(&machine.running(), thread.thread);
    machine.fault(0xDEAD000);
    EXPECT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(thread.thread->state, ThreadState::Inactive);
    EXPECT_NE(fake::console().find("0xdead000"), std::string::npos) << fake::console();
}

TEST_F(ThreadTest, AFaultWhoseHandlerDiesStaysStopped) {
    const auto endpoint = machine.make(ObjectType::Endpoint);
    const auto thread = machine.make_thread(210, true, endpoint, 1);
    machine.fault(0xDEAD000);
    ASSERT_EQ(thread.thread->state, ThreadState::Calling);
    machine.call(SyscallNumber::CapRevoke, {0, Machine::kUntyped});
    EXPECT_EQ(&machine.running(), &machine.init());
}

TEST_F(ThreadTest, LinuxNumbersAreReflectedWithAllRegistersIntact) {
    const auto thread = machine.make_thread(210);
    control(0, ThreadOperation::SetReflection, 0x70'0000);
    thread.thread->context.rip = 0x40'1234;
    thread.thread->context.rflags = 0x246;
    machine.call_raw(202, {1, 2, 3, 4, 5, 6});
    ASSERT_EQ(&machine.running(), thread.thread);
    EXPECT_EQ(thread.thread->context.rip, 0x70'0000U);
    EXPECT_EQ(thread.thread->context.rax, 202U);
    EXPECT_EQ(thread.thread->context.arguments[5], 6U);
    EXPECT_EQ(thread.thread->ipc_buffer->reflect_instruction_pointer, 0x40'1234U);
    EXPECT_EQ(thread.thread->ipc_buffer->reflect_flags, 0x246U);
    EXPECT_EQ(machine.call_raw(0x5000), Error::InvalidSyscall);
    EXPECT_EQ(machine.call_raw(~0ULL), Error::InvalidSyscall);
}

TEST_F(ThreadTest, WithoutHandlerALinuxNumberIsAFault) {
    const auto thread = machine.make_thread(210);
    machine.call_raw(39);
    EXPECT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(thread.thread->state, ThreadState::Inactive);
}

TEST_F(ThreadTest, SuspensionCutsAnyBlockedCallShort) {
    const auto notification = machine.make(ObjectType::Notification);
    const auto endpoint = machine.make(ObjectType::Endpoint);
    const auto thread = machine.make_thread(210, false);
    control(thread.slot, ThreadOperation::Resume);
    machine.call(SyscallNumber::Wait, {notification, fake_ticks + 1'000'000});
    EXPECT_EQ(control(thread.slot, ThreadOperation::Suspend), Error::Ok);
    EXPECT_EQ(thread.thread->state, ThreadState::Inactive);
    control(thread.slot, ThreadOperation::Resume);
    EXPECT_EQ(status(*thread.thread), number(Error::Cancelled));
    machine.call(SyscallNumber::Recv, {endpoint});
    control(thread.slot, ThreadOperation::Suspend);
    control(thread.slot, ThreadOperation::Resume);
    EXPECT_EQ(status(*thread.thread), number(Error::Cancelled));
    machine.call(SyscallNumber::Call, {endpoint, 0});
    control(thread.slot, ThreadOperation::Suspend);
    control(thread.slot, ThreadOperation::Resume);
    EXPECT_EQ(status(*thread.thread), number(Error::Cancelled));
    control(0, ThreadOperation::Suspend);
    EXPECT_EQ(&machine.running(), &machine.init());
}

TEST_F(ThreadTest, ARunningThreadCannotBeReconfigured) {
    const auto thread = machine.make_thread(100);
    EXPECT_EQ(control(thread.slot, ThreadOperation::SetContext), Error::InvalidState);
    EXPECT_EQ(control(0, ThreadOperation::SetTlsBase, 0xFFFF'8000'0000'0000),
              Error::InvalidArgument);
    EXPECT_EQ(control(0, ThreadOperation::SetTlsBase, 0x1234000), Error::Ok);
    EXPECT_EQ(machine.init().context.fs_base, 0x1234000U);
}

TEST_F(ThreadTest, AnExitedThreadCannotBeResumed) {
    const auto thread = machine.make_thread(210);
    ASSERT_EQ(&machine.running(), thread.thread);
    machine.call(SyscallNumber::Exit);
    ASSERT_EQ(&machine.running(), &machine.init());
    EXPECT_EQ(control(thread.slot, ThreadOperation::Resume), Error::InvalidState);
}

TEST_F(ThreadTest, InterruptsAreClaimedBoundAndReleased) {
    const auto control_slot = machine.boot_info().irq_control_slot;
    const auto irq = machine.next_slot();
    const auto claim = [&](std::uint64_t gsi, Machine::Slot slot) {
        return machine.call(
            SyscallNumber::IrqControl,
            {control_slot, static_cast<std::uint64_t>(abi::IrqOperation::Claim), gsi, slot});
    };
    EXPECT_EQ(claim(4, irq), Error::Ok);
    EXPECT_EQ(claim(4, machine.next_slot()), Error::Busy);
    const auto notification = machine.make(ObjectType::Notification);
    const auto badged = machine.mint(notification, Rights::Write, 0x40);
    EXPECT_EQ(machine.call(SyscallNumber::IrqControl,
                           {irq, static_cast<std::uint64_t>(abi::IrqOperation::Bind), badged}),
              Error::Ok);
    irq_fired(4);
    EXPECT_EQ(machine.call(SyscallNumber::Wait, {notification, 0}), Error::Ok);
    EXPECT_EQ(machine.result(1), 0x40U);
    machine.call(SyscallNumber::CapDelete, {0, badged});
    machine.call(SyscallNumber::CapDelete, {0, notification});
    irq_fired(4);  // nobody listens
    machine.call(SyscallNumber::CapRevoke, {0, control_slot});
    EXPECT_EQ(claim(4, irq), Error::Ok) << "released by revocation";
}

TEST_F(ThreadTest, MessageSignalledInterruptsSayWhereTheDeviceMustWrite) {
    const auto control_slot = machine.boot_info().irq_control_slot;
    const auto irq = machine.next_slot();
    const auto irq_control = [&](Machine::Slot slot, abi::IrqOperation operation,
                                 std::uint64_t value) {
        return machine.call(SyscallNumber::IrqControl,
                            {slot, static_cast<std::uint64_t>(operation), value, irq});
    };
    EXPECT_EQ(irq_control(control_slot, abi::IrqOperation::ClaimMsi, 0), Error::Ok);
    EXPECT_EQ(machine.result(1), 0xFEE0'0000U);
    EXPECT_EQ(machine.result(2), 24U);
    EXPECT_EQ(irq_control(irq, abi::IrqOperation::Acknowledge, 0), Error::Ok);
    EXPECT_EQ(irq_control(irq, abi::IrqOperation::Bind, 0), Error::Ok);
    EXPECT_EQ(irq_control(irq, abi::IrqOperation::Claim, 0), Error::InvalidCapability);
    EXPECT_EQ(irq_control(control_slot, abi::IrqOperation::Bind, 0), Error::InvalidCapability);
    EXPECT_EQ(irq_control(irq, static_cast<abi::IrqOperation>(9), 0), Error::InvalidArgument);
}

TEST_F(ThreadTest, PortsOutsideTheRangeAreOutOfReach) {
    const auto ports = machine.next_slot();
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy,
                           {machine.boot_info().io_port_slot, 0x3F, 0, ports, 0x3F8 | 0x3FF << 16}),
              Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::PortIo, {ports, 0x3F8, 1 | abi::kPortWrite, 0x141}),
              Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::PortIo, {ports, 0x3F8, 1}), Error::Ok);
    EXPECT_EQ(machine.result(1), 0x41U);
    EXPECT_EQ(machine.call(SyscallNumber::PortIo, {ports, 0x3F7, 1}), Error::InvalidArgument);
    EXPECT_EQ(machine.call(SyscallNumber::PortIo, {ports, 0x3FF, 2}), Error::InvalidArgument);
    EXPECT_EQ(machine.call(SyscallNumber::PortIo, {ports, 0x3FC, 4}), Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::PortIo, {ports, 0x3F8, 3}), Error::InvalidArgument);
    EXPECT_EQ(machine.call(SyscallNumber::CapCopy,
                           {ports, 0x3F, 0, machine.next_slot(), 0x3F0 | 0x3FF << 16}),
              Error::InvalidArgument);
}

}  // namespace
}  // namespace redoubt::kernel
