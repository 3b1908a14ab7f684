// Which events are injected, put back, or dropped.
#include "kernel/hv/svm/inject.hpp"

#include <gtest/gtest.h>

#include "abi/x86_64/vcpu_state.hpp"

namespace redoubt::kernel::svm {
namespace {

using abi::EventInjection;
constexpr std::uint64_t kValid = EventInjection::kValid;

TEST(Injection, accepts_what_the_processor_defines) {
    EXPECT_TRUE(is_valid_injection(kValid | 0x20));
    EXPECT_TRUE(is_valid_injection(kValid | EventInjection::kNmi | 2));
    EXPECT_TRUE(is_valid_injection(kValid | EventInjection::kException |
                                   EventInjection::kErrorCodeValid | 14 |
                                   6ULL << EventInjection::kErrorCodeShift));
    EXPECT_TRUE(is_valid_injection(kValid | EventInjection::kSoftwareInterrupt | 0x80));
}

TEST(Injection, refuses_everything_else) {
    EXPECT_FALSE(is_valid_injection(0x20));
    EXPECT_FALSE(is_valid_injection(kValid | EventInjection::kNmi | 3));
    EXPECT_FALSE(is_valid_injection(kValid | EventInjection::kException | 2));
    EXPECT_FALSE(is_valid_injection(kValid | EventInjection::kException | 32));
    EXPECT_FALSE(is_valid_injection(kValid | 0x20 | EventInjection::kErrorCodeValid));
    EXPECT_FALSE(is_valid_injection(kValid | 0x20 | 1 << 12));
    for (const std::uint64_t type : {1U, 5U, 6U, 7U})
        EXPECT_FALSE(is_valid_injection(kValid | type << 8 | 0x20));
}

TEST(Injection, an_interrupted_delivery_is_put_back) {
    EXPECT_EQ(interrupted_event(0), 0U);
    EXPECT_EQ(interrupted_event(kValid | 0x30), kValid | 0x30);
    const std::uint64_t fault =
        kValid | EventInjection::kException | EventInjection::kErrorCodeValid | 14 | 2ULL << 32;
    EXPECT_EQ(interrupted_event(fault), fault);
}

TEST(Injection, what_the_instruction_will_raise_again_is_dropped) {
    EXPECT_EQ(interrupted_event(kValid | EventInjection::kSoftwareInterrupt | 0x80), 0U);
    EXPECT_EQ(interrupted_event(kValid | EventInjection::kException | 3), 0U);
    EXPECT_EQ(interrupted_event(kValid | EventInjection::kException | 4), 0U);
}

TEST(Injection, reflected_exceptions_carry_their_error_code) {
    VmcbControlArea control{};
    control.exit_code = static_cast<ExitCode>(0x40 + kDebugVector);
    EXPECT_EQ(reflected_exception(control), kValid | EventInjection::kException | kDebugVector);
    control.exit_code = static_cast<ExitCode>(0x40 + kAlignmentCheckVector);
    EXPECT_TRUE(is_valid_injection(reflected_exception(control)));
    EXPECT_NE(reflected_exception(control) & EventInjection::kErrorCodeValid, 0U);
}

TEST(Injection, the_window_is_asked_for_and_withdrawn_without_a_trace) {
    VmcbControlArea control{};
    control.interrupt_control = InterruptControl::kMasking | 5;
    set_interrupt_window(control, true);
    EXPECT_NE(control.intercepts1 & Intercept1::kVintr, 0U);
    EXPECT_NE(control.interrupt_control & InterruptControl::kIrqPending, 0U);
    set_interrupt_window(control, false);
    EXPECT_EQ(control.intercepts1, 0U);
    EXPECT_EQ(control.interrupt_control, InterruptControl::kMasking | 5);
}

}  // namespace
}  // namespace redoubt::kernel::svm
