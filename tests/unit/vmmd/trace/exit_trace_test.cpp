// The ring of exits: what it keeps, and that a reader never sees a mixture of two of them.
#include "vmmd/trace/exit_trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace redoubt::vmmd {
namespace {

/// An exit all of whose words tell `number`.
std::unique_ptr<abi::VcpuState> state_of(std::uint64_t number) {
    auto state = std::make_unique<abi::VcpuState>();
    state->rip = number;
    state->exit.kind = abi::ExitKind::PortIo;
    state->exit.detail = static_cast<std::uint32_t>(number);
    state->exit.info1 = number;
    state->gpr[abi::kRax] = number;
    state->gpr[abi::kRcx] = number;
    state->gpr[abi::kRdx] = number;
    return state;
}

TEST(ExitTrace, KeepsWhatHappenedAndWhatCameOfIt) {
    ExitTrace trace;
    auto state = state_of(7);
    trace.begin(*state, {1000});
    state->gpr[abi::kRax] = 0x1'0000'0060;
    state->gpr[abi::kRdx] = 2;
    trace.finish(*state, ExitOutcome::Resumed, 0, 0);
    const auto records = trace.last(10);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].number, 0U);
    EXPECT_EQ(records[0].time.count, 1000U);
    EXPECT_EQ(records[0].pc, 7U);
    EXPECT_EQ(records[0].kind, abi::ExitKind::PortIo);
    EXPECT_EQ(records[0].detail, 7U);
    EXPECT_EQ(records[0].info, 7U);
    EXPECT_EQ(records[0].first, 7U);
    EXPECT_EQ(records[0].second, 7U);
    EXPECT_EQ(records[0].third, 7U);
    EXPECT_EQ(records[0].result, 0x2'0000'0060U);
    EXPECT_EQ(records[0].outcome, ExitOutcome::Resumed);
    EXPECT_EQ(records[0].size, 0U);
    EXPECT_EQ(records[0].exception, ExitRecord::kNoException);
}

TEST(ExitTrace, ShowsAnExitThatIsStillBeingHandled) {
    ExitTrace trace;
    trace.begin(*state_of(1), {1});
    ASSERT_EQ(trace.last(1).size(), 1U);
    EXPECT_EQ(trace.last(1)[0].outcome, ExitOutcome::Pending);
    EXPECT_EQ(trace.last(1)[0].exception, ExitRecord::kNoException);
}

TEST(ExitTrace, TellsTheDeviceAccessAndTheException) {
    ExitTrace trace;
    const auto state = state_of(1);
    state->inject = abi::EventInjection::kValid | abi::EventInjection::kException |
                    abi::EventInjection::kErrorCodeValid | 14 | 0xFFFFULL << 32;
    trace.begin(*state, {1});
    trace.finish(*state, ExitOutcome::Stopped, 4, 0x1234);
    const auto record = trace.last(1).at(0);
    EXPECT_EQ(record.size, 4U);
    EXPECT_EQ(record.result, 0x1234U);
    EXPECT_EQ(record.exception, 14U);
    EXPECT_EQ(record.outcome, ExitOutcome::Stopped);
    // An interrupt is no exception.
    state->inject = abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | 14;
    trace.begin(*state, {2});
    trace.finish(*state, ExitOutcome::Resumed, 0, 0);
    EXPECT_EQ(trace.last(1).at(0).exception, ExitRecord::kNoException);
}

TEST(ExitTrace, KeepsTheNewestInTheirOrder) {
    ExitTrace trace;
    constexpr std::uint64_t kExits = 3 * ExitTrace::kRecords + 5;
    for (std::uint64_t i = 0; i < kExits; ++i) {
        trace.begin(*state_of(i), {i});
        trace.finish(*state_of(i), ExitOutcome::Resumed, 0, 0);
    }
    EXPECT_EQ(trace.exits(), kExits);
    // The slot that would be written next counts as lost.
    const auto all = trace.last(10 * ExitTrace::kRecords);
    ASSERT_EQ(all.size(), ExitTrace::kRecords - 1);
    EXPECT_EQ(all.front().number, kExits - ExitTrace::kRecords + 1);
    EXPECT_EQ(all.back().number, kExits - 1);
    const auto three = trace.last(3);
    ASSERT_EQ(three.size(), 3U);
    EXPECT_EQ(three.front().pc, kExits - 3);
}

TEST(ExitTrace, AReaderMeanwhileSeesWholeRecordsOnly) {
    ExitTrace trace;
    std::jthread writer([&](const std::stop_token& enough) {
        const auto state = state_of(0);
        for (std::uint64_t i = 0; !enough.stop_requested(); ++i) {
            state->rip = state->exit.info1 = state->gpr[abi::kRax] = i;
            state->exit.detail = static_cast<std::uint32_t>(i);
            state->gpr[abi::kRcx] = state->gpr[abi::kRdx] = i;
            trace.begin(*state, {i});
            trace.finish(*state, ExitOutcome::Resumed, 8, i);
        }
    });
    std::uint64_t seen = 0;
    while (seen < 100'000) {
        for (const auto& record : trace.last(ExitTrace::kRecords)) {
            ++seen;
            ASSERT_EQ(record.time.count, record.number);
            ASSERT_EQ(record.pc, record.number);
            ASSERT_EQ(record.detail, static_cast<std::uint32_t>(record.number));
            ASSERT_EQ(record.info, record.number);
            ASSERT_EQ(record.first, record.number);
            ASSERT_EQ(record.second, static_cast<std::uint32_t>(record.number));
            ASSERT_EQ(record.third, static_cast<std::uint32_t>(record.number));
            if (record.outcome != ExitOutcome::Pending) {
                ASSERT_EQ(record.result, record.number);
            }
        }
    }
}

}  // namespace
}  // namespace redoubt::vmmd
