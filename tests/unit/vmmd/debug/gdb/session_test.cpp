// The remote serial protocol: what gdb asks, and what it is answered.
#include "vmmd/debug/gdb/session.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vmmd/debug/gdb/model_target.hpp"
#include "vmmd/debug/gdb/text.hpp"

namespace redoubt::vmmd::gdb {
namespace {

class GdbSessionTest : public testing::Test {
  protected:
    /// Sends raw bytes; gives what came back.
    std::string raw(std::string_view bytes) {
        sent_.clear();
        while (!bytes.empty() && session_.receive(bytes)) {
        }
        return sent_;
    }
    /// Asks, without acknowledgements; gives the data of the answer, or nothing if there is none.
    std::string ask(std::string_view packet) {
        if (!quiet_) {
            quiet_ = true;
            EXPECT_EQ(raw(make_packet("QStartNoAckMode")), "+" + make_packet("OK"));
        }
        return data(raw(make_packet(packet)));
    }
    static std::string data(std::string bytes) {
        if (bytes.empty()) return "(nothing)";
        EXPECT_EQ(bytes.front(), '$');
        return bytes.substr(1, bytes.size() - 4);
    }
    std::string stopped(const Stop& stop) {
        sent_.clear();
        session_.stopped(stop);
        return sent_;
    }

    ModelTarget target_;
    std::string sent_;
    bool quiet_ = false;
    Session session_{target_, Stop{}, [this](std::string_view bytes) { sent_ += bytes; }};
};

TEST_F(GdbSessionTest, PacketsAreAcknowledgedUntilGdbDoesNotWantIt) {
    EXPECT_EQ(raw(make_packet("?")), "+$T02thread:1;#d4");
    EXPECT_EQ(raw("-"), "$T02thread:1;#d4") << "sent again";
    EXPECT_EQ(raw("$?#00"), "-") << "damaged";
    EXPECT_EQ(ask("?"), "T02thread:1;");
    EXPECT_EQ(raw("$?#00"), "");
}

TEST_F(GdbSessionTest, WhatIsNotOfferedIsAnsweredWithNothing) {
    for (const auto* packet : {"vMustReplyEmpty", "qTStatus", "!", "QNonStop:1", "", "Z3,1000,4"}) {
        EXPECT_EQ(ask(packet), "") << packet;
    }
    EXPECT_TRUE(ask("qSupported:multiprocess+").starts_with("PacketSize=4000;"));
}

TEST_F(GdbSessionTest, TheTargetDescriptionComesInParts) {
    std::string xml;
    for (;;) {
        const auto part = ask("qXfer:features:read:target.xml:" + hex_number(xml.size()) + ",400");
        ASSERT_FALSE(part.empty());
        xml += part.substr(1);
        if (part[0] == 'l') break;
        ASSERT_EQ(part[0], 'm');
    }
    EXPECT_EQ(xml, target_description());
    EXPECT_EQ(ask("qXfer:features:read:other.xml:0,400"), "E00");
    EXPECT_EQ(ask("qXfer:features:read:target.xml:ffffff,400"), "E01");
}

TEST_F(GdbSessionTest, ThreadsAreVcpus) {
    EXPECT_EQ(ask("qfThreadInfo"), "m1,2");
    EXPECT_EQ(ask("qsThreadInfo"), "l");
    EXPECT_EQ(ask("qC"), "QC1");
    EXPECT_EQ(ask("T2"), "OK");
    EXPECT_EQ(ask("T3"), "E01");
    EXPECT_EQ(ask("Hg2"), "OK");
    EXPECT_EQ(ask("Hg3"), "E01");
    EXPECT_EQ(ask("qThreadExtraInfo,2"), to_hex(std::string_view("vCPU 1")));
    EXPECT_EQ(ask("qThreadExtraInfo,9"), "E01");
}

TEST_F(GdbSessionTest, RegistersOfTheChosenThread) {
    target_.registers[1].set(kRip, 0x1122334455667788);
    EXPECT_EQ(ask("p10"), "0000000000000000");
    EXPECT_EQ(ask("Hg2"), "OK");
    EXPECT_EQ(ask("p10"), "8877665544332211");
    EXPECT_EQ(ask("P10=0100000000000000"), "OK");
    EXPECT_EQ(target_.registers[1].value(kRip), 1U);
    auto all = ask("g");
    EXPECT_EQ(all.size(), kRegisterFileBytes * 2);
    all[0] = '5';
    EXPECT_EQ(ask("G" + all), "OK");
    EXPECT_EQ(target_.registers[1].value(kRax), 0x50U);
    EXPECT_EQ(ask("G00"), "E01");
    EXPECT_EQ(ask("P10=00"), "E01");
    EXPECT_EQ(ask("pffff"), "E01");
}

TEST_F(GdbSessionTest, MemoryInAllForms) {
    EXPECT_EQ(ask("M1000,4:0a0b0c7d"), "OK");
    EXPECT_EQ(ask("m1000,4"), "0a0b0c7d");
    EXPECT_EQ(ask("x1000,4"), std::string("b\x0a\x0b\x0c}]"));
    EXPECT_EQ(ask("X1004,2:}\x03z"), "OK");
    EXPECT_EQ(ask("m1004,2"), "237a") << "an escaped #";
    EXPECT_EQ(ask("m1fff,10"), "00") << "what can be read";
    EXPECT_EQ(ask("m2000,1"), "E14");
    EXPECT_EQ(ask("M1fff,2:0102"), "E14");
    EXPECT_EQ(ask("M1000,4:0a"), "E01");
    EXPECT_EQ(ask("m1000"), "E01");
    EXPECT_EQ(ask("m11112222333344445,1"), "E01") << "more than 64 bits";
    EXPECT_EQ(ask("m1000,ffffffffffffffff").size(), 0x2000U) << "as much as there is";
}

TEST_F(GdbSessionTest, BreakpointsOfAllKinds) {
    EXPECT_EQ(ask("Z0,1000,1"), "OK");
    EXPECT_EQ(ask("Z1,1004,1"), "OK");
    EXPECT_EQ(ask("Z2,1008,8"), "OK");
    EXPECT_EQ(ask("Z4,1010,4"), "OK");
    EXPECT_EQ(target_.breakpoints[2], (Breakpoint{BreakpointKind::WatchWrite, 0x1008, 8}));
    EXPECT_EQ(ask("Z1,2000,1"), "E28") << "no room";
    EXPECT_EQ(ask("z2,1008,8"), "OK");
    EXPECT_EQ(target_.breakpoints.size(), 3U);
    EXPECT_EQ(ask("z2,1008,8"), "OK") << "removing twice";
    EXPECT_EQ(ask("Z2,1000,ffffffff"), "E28");
    EXPECT_EQ(ask("Z0,1000"), "E01");
}

TEST_F(GdbSessionTest, GoingOnIsAnsweredByTheStop) {
    EXPECT_EQ(ask("vCont?"), "vCont;c;C;s;S");
    EXPECT_EQ(ask("vCont;s:2;c"), "(nothing)");
    EXPECT_EQ(target_.motions, (std::vector{Motion::Continue, Motion::Step}));
    EXPECT_EQ(ask("g"), "E.the guest runs");
    EXPECT_EQ(data(stopped({1, Stop::Reason::Step, 0, {}})), "T05thread:2;");
    EXPECT_EQ(ask("qC"), "QC2") << "who stopped is the current one";
    EXPECT_EQ(ask("vCont;s:1"), "(nothing)");
    EXPECT_EQ(target_.motions, (std::vector{Motion::Step, Motion::Stay}));
    EXPECT_EQ(data(stopped({0, Stop::Reason::SoftwareBreakpoint, 0, {}})), "T05thread:1;swbreak:;");
    EXPECT_EQ(ask("c"), "(nothing)");
    EXPECT_EQ(target_.motions, (std::vector{Motion::Continue, Motion::Continue}));
    EXPECT_EQ(data(stopped({0, Stop::Reason::WatchWrite, 0x1234, {}})), "T05thread:1;watch:1234;");
    EXPECT_EQ(ask("s1500"), "(nothing)");
    EXPECT_EQ(target_.registers[0].value(kRip), 0x1500U);
    EXPECT_EQ(data(stopped({0, Stop::Reason::HardwareBreakpoint, 0, {}})), "T05thread:1;hwbreak:;");
    for (const auto* bad : {"vCont", "vCont;", "vCont;t", "vCont;s:9", "vCont;c:1x", "C", "szz"}) {
        EXPECT_EQ(ask(bad), "E01") << bad;
    }
}

TEST_F(GdbSessionTest, CtrlCStopsARunningTargetOnly) {
    ask("QStartNoAckMode");
    EXPECT_EQ(raw("\x03"), "");
    EXPECT_EQ(target_.interrupts, 0U);
    ask("c");
    EXPECT_EQ(raw("\x03"), "");
    EXPECT_EQ(target_.interrupts, 1U);
    EXPECT_EQ(data(stopped({})), "T02thread:1;");
}

TEST_F(GdbSessionTest, ACrashIsToldInWords) {
    ask("c");
    EXPECT_EQ(stopped({0, Stop::Reason::Crash, 0, "oh"}),
              make_packet("O" + to_hex(std::string_view("oh\n"))) + make_packet("T06thread:1;"));
}

TEST_F(GdbSessionTest, MonitorCommands) {
    const auto monitor = [&](std::string_view text) { return ask("qRcmd," + to_hex(text)); };
    EXPECT_EQ(monitor("info"), to_hex(std::string_view("all\n")));
    EXPECT_EQ(monitor("reset"), "(nothing)");
    EXPECT_EQ(target_.resets, 1U);
    EXPECT_EQ(data(stopped({})), "OK") << "when it stands before its first instruction";
    EXPECT_NE(monitor("reset"), "(nothing)") << "refused";
    EXPECT_NE(monitor("dance"), "");
    EXPECT_EQ(ask("qRcmd,xyz"), "E01");
}

TEST_F(GdbSessionTest, DetachAndKillEndTheSession) {
    EXPECT_EQ(ask("D"), "OK");
    EXPECT_TRUE(target_.detached);
    EXPECT_FALSE(target_.killed);
    std::string_view more = "$?#3f";
    EXPECT_FALSE(session_.receive(more));
    Session other(target_, {}, [](std::string_view) {});
    const auto kill = make_packet("k");
    std::string_view bytes = kill;
    EXPECT_FALSE(other.receive(bytes));
    EXPECT_TRUE(target_.killed);
}

TEST_F(GdbSessionTest, TheEndOfTheMachineIsTheEndOfTheProcess) {
    ask("c");
    sent_.clear();
    session_.ended();
    EXPECT_EQ(sent_, make_packet("W00"));
}

TEST_F(GdbSessionTest, PacketsInPiecesTooLongAndCutOff) {
    ask("QStartNoAckMode");
    EXPECT_EQ(raw("$q"), "");
    EXPECT_EQ(raw("C#b"), "");
    EXPECT_EQ(raw("4"), make_packet("QC1"));
    EXPECT_EQ(raw("$vCont;$?#3f"), make_packet("T02thread:1;"))
        << "the unfinished one is forgotten";
    EXPECT_EQ(raw(make_packet(std::string(kPacketBytes + 1, 'm'))),
              make_packet("E.the packet is longer than PacketSize"));
    EXPECT_EQ(ask("qC"), "QC1");
}

}  // namespace
}  // namespace redoubt::vmmd::gdb
