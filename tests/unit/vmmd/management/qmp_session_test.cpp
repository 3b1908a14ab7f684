// The protocol, as a QMP client sees it, without a socket.
#include "vmmd/management/qmp_session.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/vmmd/management/model_control.hpp"

namespace redoubt::vmmd {
namespace {

using nlohmann::json;
using Outcome = QmpSession::Outcome;

class QmpSessionTest : public testing::Test {
  protected:
    /// What one request is answered with: exactly one line.
    json ask(std::string_view request) {
        sent_.clear();
        outcome_ = session_.receive(request);
        EXPECT_EQ(std::ranges::count(sent_, '\n'), 1) << sent_;
        return json::parse(sent_);
    }
    json ask_negotiated(std::string_view request) {
        ask(R"({"execute":"qmp_capabilities"})");
        return ask(request);
    }
    static std::string error_class(const json& reply) { return reply.at("error").at("class"); }
    static std::string description(const json& reply) { return reply.at("error").at("desc"); }

    ModelControl control_{{"web"}};
    std::string sent_;
    Outcome outcome_ = Outcome::Continue;
    LocalExecutor executor_{control_};
    QmpSession session_{executor_, [this](std::string_view bytes) { sent_ += bytes; }};
};

TEST_F(QmpSessionTest, GreetsWithVersionAndNoCapabilities) {
    const json greeting = json::parse(sent_);
    EXPECT_EQ(greeting["QMP"]["version"]["qemu"]["major"], 7);
    EXPECT_EQ(greeting["QMP"]["capabilities"], json::array());
}

TEST_F(QmpSessionTest, RefusesCommandsBeforeNegotiation) {
    const json reply = ask(R"({"execute":"query-version","id":7})");
    EXPECT_EQ(error_class(reply), "CommandNotFound");
    EXPECT_EQ(description(reply), "Expecting capabilities negotiation with 'qmp_capabilities'");
    EXPECT_EQ(reply["id"], 7);
}

TEST_F(QmpSessionTest, NegotiatesOnceAndOffersNothing) {
    EXPECT_EQ(error_class(ask(R"({"execute":"qmp_capabilities","arguments":{"enable":["oob"]}})")),
              "GenericError");
    EXPECT_EQ(ask(R"({"execute":"qmp_capabilities","arguments":{"enable":[]}})"),
              json::parse(R"({"return":{}})"));
    EXPECT_EQ(error_class(ask(R"({"execute":"qmp_capabilities"})")), "CommandNotFound");
}

TEST_F(QmpSessionTest, EchoesAnyId) {
    EXPECT_EQ(ask_negotiated(R"({"execute":"query-status","id":{"a":[1,null]}})")["id"],
              json::parse(R"({"a":[1,null]})"));
}

TEST_F(QmpSessionTest, SaysWhatIsWrongWithARequest) {
    EXPECT_EQ(description(ask_negotiated("[]")), "QMP input must be a JSON object");
    EXPECT_EQ(description(ask("{}")), "QMP input lacks member 'execute'");
    EXPECT_EQ(description(ask(R"({"execute":1})")), "QMP input member 'execute' must be a string");
    EXPECT_EQ(description(ask(R"({"execute":"stop","arguments":[]})")),
              "QMP input member 'arguments' must be an object");
    EXPECT_EQ(description(ask(R"({"execute":"stop","extra":1})")),
              "QMP input member 'extra' is unexpected");
    EXPECT_EQ(error_class(ask(R"({"execute":"fly"})")), "CommandNotFound");
    EXPECT_EQ(description(ask(R"({"execute":"stop","arguments":{"nam":"web"}})")),
              "Parameter 'nam' is unexpected");
    EXPECT_EQ(description(ask(R"({"execute":"stop","arguments":{"name":1}})")),
              "Invalid parameter type for 'name', expected: string");
    EXPECT_EQ(error_class(ask(R"({"execute":"stop","arguments":{"name":"db"}})")),
              "DeviceNotFound");
    EXPECT_TRUE(control_.asked.empty());
}

TEST_F(QmpSessionTest, AnswersGarbageAndGoesOn) {
    EXPECT_EQ(error_class(ask_negotiated("{\"execute\" \"x\"}")), "GenericError");
    EXPECT_EQ(error_class(ask("\xff\xfe garbage \n")), "GenericError");
    EXPECT_EQ(error_class(ask("{\"a\":\"\xff\"}")), "GenericError");
    EXPECT_TRUE(ask(R"({"execute":"query-version"})").contains("return"));
}

TEST_F(QmpSessionTest, ClosesAfterARequestThatIsTooLong) {
    EXPECT_EQ(error_class(ask("{\"a\":\"" + std::string(2 << 20, 'x'))), "GenericError");
    EXPECT_EQ(outcome_, Outcome::Close);
}

TEST_F(QmpSessionTest, ListsEveryCommandItKnows) {
    const json names = ask_negotiated(R"({"execute":"query-commands"})")["return"];
    EXPECT_EQ(names.size(), 22u);
    for (const json& entry : names) {
        const std::string name = entry["name"];
        if (name == "vm-attach" || name == "vm-gdb") continue;
        const json reply = ask(json{{"execute", name}}.dump());
        const bool negotiation = name == "qmp_capabilities";
        EXPECT_EQ(reply.contains("return"), !negotiation) << reply;
    }
}

TEST_F(QmpSessionTest, AnswersAsQemuDoes) {
    EXPECT_EQ(ask_negotiated(R"({"execute":"query-status"})")["return"],
              json::parse(R"({"running":true,"singlestep":false,"status":"running"})"));
    const json cpus = ask(R"({"execute":"query-cpus-fast"})")["return"];
    ASSERT_EQ(cpus.size(), 2u);
    EXPECT_EQ(cpus[1]["cpu-index"], 1);
    EXPECT_EQ(cpus[1]["target"], "x86_64");
    EXPECT_EQ(ask(R"({"execute":"query-name"})")["return"]["name"], "web");
}

TEST_F(QmpSessionTest, TellsTheLastExits) {
    const json exits =
        ask_negotiated(R"({"execute":"vm-trace","arguments":{"vcpu":1,"count":1}})")["return"];
    ASSERT_EQ(exits.size(), 1u);
    EXPECT_EQ(exits[0], json::parse(R"({"vcpu":1,"number":41,"time_ns":1500000,"kind":"port_io",
        "rip":18446744071578845184,"detail":0,"info":1016,"result":0,
        "text":"out 0x3f8 byte 0x41","handler":"serial"})"));
    for (const char* wrong : {R"({"vcpu":-1})", R"({"count":1.5})", R"({"vcpu":"0"})",
                              R"({"count":99999999999})", R"({"after_ns":null})"}) {
        const json reply = ask(std::string(R"({"execute":"vm-trace","arguments":)") + wrong + "}");
        EXPECT_EQ(error_class(reply), "GenericError") << wrong;
    }
}

TEST_F(QmpSessionTest, ActsOnTheOnlyVmOrTheNamedOne) {
    ask_negotiated(R"({"execute":"stop"})");
    ask(R"({"execute":"cont","arguments":{"name":"web"}})");
    ask(R"({"execute":"system_reset"})");
    ask(R"({"execute":"system_powerdown"})");
    ask(R"({"execute":"vm-stop"})");
    ask(R"({"execute":"vm-start"})");
    ask(R"({"execute":"quit"})");
    EXPECT_EQ(control_.asked,
              (std::vector<std::string>{"pause web", "resume web", "reset web", "powerdown web",
                                        "stop web", "start web", "quit"}));
}

TEST_F(QmpSessionTest, WantsANameWhenThereAreSeveralVms) {
    control_.machines["db"];
    EXPECT_EQ(error_class(ask_negotiated(R"({"execute":"stop"})")), "GenericError");
    EXPECT_TRUE(ask(R"({"execute":"stop","arguments":{"name":"db"}})").contains("return"));
}

TEST_F(QmpSessionTest, TellsListInfoAndStatistics) {
    const json list = ask_negotiated(R"({"execute":"vm-list"})")["return"];
    EXPECT_EQ(list, json::parse(R"([{"name":"web","state":"running","cpus":2,"memory":268435456,
                                     "uptime_ms":1234}])"));
    EXPECT_EQ(ask(R"({"execute":"vm-info"})")["return"]["cmdline"], "console=ttyS0");
    const json statistics = ask(R"({"execute":"vm-stats"})")["return"];
    EXPECT_EQ(statistics["exits"], json::parse(R"({"hlt":3,"port_io":12})"));
    EXPECT_EQ(statistics["run_time_ms"], 1500);
    EXPECT_EQ(statistics["vcpus"], json::parse(R"([{"vcpu":0,
        "time_ns":{"guest":5,"kernel":4,"monitor":3,"waiting":2,"paused":1},
        "exits":{"hlt":3,"port_io":12},"exits_in_kernel":7,
        "interrupts":{"0xec":30},"nmis":1,"exceptions":2}])"));
    EXPECT_EQ(statistics["memory"],
              json::parse(R"({"guest":1048576,"kernel":65536,"kernel_used":32768,
                              "monitor":524288,"monitor_heap":262144})"));
}

TEST_F(QmpSessionTest, ShowsRegistersAndCode) {
    EXPECT_EQ(ask_negotiated(R"({"execute":"vm-registers","arguments":{"vcpu":1}})")["return"],
              json::parse(R"({"vcpu":1,"registers":{"rax":1,"rip":4096},"text":"rax and rip\n"})"));
    EXPECT_EQ(ask(R"({"execute":"vm-code","arguments":{"address":8192}})")["return"],
              json::parse(R"({"vcpu":0,"mode":"64-bit","address":8192,"before":[],
                  "code":[{"address":8192,"bytes":[15,11],"text":"ud2"}],"problem":"the end"})"));
    EXPECT_EQ(error_class(ask(R"({"execute":"vm-code","arguments":{"count":257}})")),
              "GenericError");
    EXPECT_EQ(error_class(ask(R"({"execute":"vm-code","arguments":{"address":"rip"}})")),
              "GenericError");
}

TEST_F(QmpSessionTest, AnAnswerForWhichThereIsNoMemoryIsAnError) {
    control_.out_of_memory = true;
    const auto reply = ask_negotiated(R"({"execute":"vm-registers","id":7})");
    EXPECT_EQ(error_class(reply), "GenericError");
    EXPECT_EQ(reply["id"], 7);
    control_.out_of_memory = false;
    EXPECT_TRUE(ask(R"({"execute":"vm-registers"})").contains("return"));
}

TEST_F(QmpSessionTest, SendsEventsOnlyAfterNegotiation) {
    sent_.clear();
    const VmEvent event{.kind = VmEvent::Kind::Shutdown,
                        .name = "web",
                        .reason = "guest powered off",
                        .guest = true};
    session_.send_event(event_line(event));
    EXPECT_TRUE(sent_.empty());
    ask(R"({"execute":"qmp_capabilities"})");
    sent_.clear();
    session_.send_event(event_line(event));
    const json sent = json::parse(sent_);
    EXPECT_EQ(sent["event"], "SHUTDOWN");
    EXPECT_EQ(sent["data"],
              json::parse(R"({"guest":true,"reason":"guest powered off","name":"web"})"));
    EXPECT_GT(sent["timestamp"]["seconds"], 1'000'000'000);
    EXPECT_LT(sent["timestamp"]["microseconds"], 1'000'000);
}

TEST_F(QmpSessionTest, AttachLeavesTheRestOfTheInputToTheConsole) {
    ask(R"({"execute":"qmp_capabilities"})");
    std::string_view bytes = "{\"execute\":\"vm-attach\",\"arguments\":{\"replay\":false}}ls\n";
    sent_.clear();
    EXPECT_EQ(session_.receive(bytes), Outcome::Stream);
    EXPECT_EQ(bytes, "ls\n");
    EXPECT_EQ(json::parse(sent_), json::parse(R"({"return":{}})"));
    EXPECT_EQ(session_.effects().attach, control_.machines["web"].console);
    EXPECT_FALSE(session_.effects().replay);
}

}  // namespace
}  // namespace redoubt::vmmd
