// The report of a crash: complete, and of bounded length.
#include "vmmd/trace/crash_report.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "libhvcall/model/x86_64/exits.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

namespace exits = hvcall::model::exits;

TEST(CrashReport, RegistersCodeAndExits) {
    std::deque<GuestMachine::Step> script(40, exits::port_in(0x3FD, 1));
    script.push_back([](abi::VcpuState& state, const hvcall::GuestMemory& memory) {
        exits::shutdown()(state, memory);
        state.rip = 0x2000;
        state.gpr[abi::kRbx] = 0x1234'5678'9ABC'DEF0;
        state.cs_base = state.segments[abi::kCs].base = 0;
        state.segments[abi::kFs].base = 0x7777'0000;
        static_cast<void>(
            memory.write(hvcall::GuestPhysicalAddress{0x2000}, std::uint16_t{0x0B0F}));
    });
    GuestMachine guest(std::move(script));
    const auto end = guest.run();
    ASSERT_EQ(end.cause, LoopEnd::Cause::Crash);
    const auto report = crash_report(guest.machine(), end.vcpu);
    EXPECT_NE(report.find("rbx 123456789abcdef0"), std::string::npos) << report;
    EXPECT_NE(report.find("fs 0000 base 0000000077770000"), std::string::npos) << report;
    EXPECT_NE(report.find("code (real mode"), std::string::npos) << report;
    EXPECT_NE(report.find("> 0000000000002000  0f 0b"), std::string::npos) << report;
    EXPECT_NE(report.find("shutdown (triple fault), the end"), std::string::npos) << report;
    EXPECT_NE(report.find("in 0x3fd byte = 0x60 → serial"), std::string::npos) << report;
    EXPECT_LE(std::ranges::count(report, '\n'), 50);
}

TEST(CrashReport, CodeThatCannotBeRead) {
    GuestMachine guest({[](abi::VcpuState& state, const hvcall::GuestMemory& memory) {
        exits::shutdown()(state, memory);
        state.rip = 0x8000;
        state.cs_base = state.segments[abi::kCs].base = 0x3000'0000;
    }});
    const auto end = guest.run();
    const auto report = crash_report(guest.machine(), end.vcpu);
    EXPECT_NE(report.find("is guest-physical 0x30008000, where there is no memory"),
              std::string::npos)
        << report;
}

}  // namespace
}  // namespace redoubt::vmmd
