// Words for exits, and which device is named for them.
#include "vmmd/trace/describe.hpp"

#include <gtest/gtest.h>

#include "libhvcall/model/x86_64/exits.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

namespace exits = hvcall::model::exits;

ExitRecord record_of(abi::ExitKind kind) {
    ExitRecord record;
    record.kind = kind;
    record.outcome = ExitOutcome::Resumed;
    return record;
}

TEST(DescribeExit, PortIo) {
    auto record = record_of(abi::ExitKind::PortIo);
    record.info = 0x3F8;
    record.first = 0xFFFF'FF41;
    record.detail = 1U << abi::PortIoDetail::kSizeShift;
    EXPECT_EQ(describe(record), "out 0x3f8 byte 0x41");
    record.detail = 4U << abi::PortIoDetail::kSizeShift | abi::PortIoDetail::kIn;
    record.result = 0x2'1234'5678;
    EXPECT_EQ(describe(record), "in 0x3f8 dword = 0x12345678");
    record.outcome = ExitOutcome::Pending;
    EXPECT_EQ(describe(record), "in 0x3f8 dword");
    record.detail |= abi::PortIoDetail::kString | abi::PortIoDetail::kRepeat;
    EXPECT_EQ(describe(record), "rep ins 0x3f8 dword");
}

TEST(DescribeExit, Mmio) {
    auto record = record_of(abi::ExitKind::Mmio);
    record.info = 0xFEE0'0380;
    record.detail = abi::MmioDetail::kWrite;
    record.size = 4;
    record.result = 77;
    EXPECT_EQ(describe(record), "write 0xfee00380 dword 0x4d");
    record.detail = 0;
    EXPECT_EQ(describe(record), "read 0xfee00380 dword = 0x4d");
    record.size = 0;
    EXPECT_EQ(describe(record), "read 0xfee00380");
    record.detail = abi::MmioDetail::kFetch;
    record.outcome = ExitOutcome::Stopped;
    EXPECT_EQ(describe(record), "fetch from 0xfee00380, the end");
}

TEST(DescribeExit, MsrsHaveNamesAndExceptions) {
    auto record = record_of(abi::ExitKind::Msr);
    record.second = 0x6E0;
    record.detail = 1;
    record.first = 0xFFFF'FFFF'0000'0005;
    record.third = 1;
    EXPECT_EQ(describe(record), "wrmsr 0x6e0 TSC_DEADLINE 0x100000005");
    record.detail = 0;
    record.result = 0x100'0000'0005;
    EXPECT_EQ(describe(record), "rdmsr 0x6e0 TSC_DEADLINE = 0x10000000005");
    record.second = 0x9999;
    record.exception = 13;
    EXPECT_EQ(describe(record), "rdmsr 0x9999, #GP");
}

TEST(DescribeExit, OtherKinds) {
    auto record = record_of(abi::ExitKind::Cpuid);
    record.first = 0x8000'0008;
    record.second = 1;
    record.result = 0x3028;
    EXPECT_EQ(describe(record), "cpuid 0x80000008.1 = 0x3028 …");
    record = record_of(abi::ExitKind::ControlRegister);
    record.detail = 8;
    record.info = 1;
    EXPECT_EQ(describe(record), "write cr8");
    record = record_of(abi::ExitKind::Instruction);
    record.detail = static_cast<std::uint32_t>(abi::InterceptedInstruction::Wbinvd);
    EXPECT_EQ(describe(record), "wbinvd");
    record.detail = 99;
    EXPECT_EQ(describe(record), "intercepted instruction");
    record = record_of(abi::ExitKind::Exception);
    record.detail = 9;
    EXPECT_EQ(describe(record), "exception 9 error code 0");
    EXPECT_EQ(describe(record_of(abi::ExitKind::Interrupted)), "interrupted");
    EXPECT_EQ(describe(record_of(static_cast<abi::ExitKind>(99))), "unknown");
}

TEST(DescribeExit, ALine) {
    TraceEntry entry;
    entry.vcpu = 3;
    entry.time = {12'345'678'901};
    entry.record.pc = 0xFFFF'FFFF'8100'0000;
    entry.text = "hlt";
    EXPECT_EQ(to_line(entry), "   12.345678 cpu3 rip ffffffff81000000 hlt");
    entry.handler = "serial";
    EXPECT_EQ(to_line(entry), "   12.345678 cpu3 rip ffffffff81000000 hlt → serial");
}

TEST(SelectExits, ByProcessorTimeAndCount) {
    std::vector<TraceEntry> entries(4);
    for (unsigned i = 0; i < 4; ++i) {
        entries[i].vcpu = i % 2;
        entries[i].time = {100 - i};
    }
    const auto all = select(entries, {});
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all.front().time.count, 97U);
    EXPECT_EQ(select(entries, {.vcpu = 1}).size(), 2U);
    EXPECT_EQ(select(entries, {.vcpu = 5}).size(), 0U);
    EXPECT_EQ(select(entries, {.after = Nanoseconds{98}}).size(), 2U);
    const auto newest = select(entries, {.count = 1});
    ASSERT_EQ(newest.size(), 1U);
    EXPECT_EQ(newest[0].time.count, 100U);
}

TEST(MachineTrace, NamesTheDevicesThatAnswered) {
    GuestMachine guest({exits::port_in(0x3FD, 1), exits::port_out(0x9999, 2, 5),
                        exits::read_msr(0x9999), exits::shutdown()});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Crash);
    const auto trace = guest.machine().trace({});
    ASSERT_EQ(trace.size(), 4U);
    EXPECT_EQ(trace[0].text, "in 0x3fd byte = 0x60");
    EXPECT_EQ(trace[0].handler, "serial");
    EXPECT_EQ(trace[1].text, "out 0x9999 word 0x5");
    EXPECT_EQ(trace[1].handler, "");
    EXPECT_EQ(trace[2].text, "rdmsr 0x9999, #GP");
    EXPECT_EQ(trace[3].text, "shutdown (triple fault), the end");
    EXPECT_LE(trace[0].time, trace[3].time);
}

}  // namespace
}  // namespace redoubt::vmmd
