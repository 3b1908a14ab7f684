// The life of a VM over the lives of its monitors, which are sockets of this process here: starts,
// ends of every kind, restarts, and what clients are told.
#include "vmmd/manager/managed_vm.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <vector>

#include "tests/unit/vmmd/console/socket_client.hpp"
#include "vmmd/exit_status.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/management/server.hpp"

namespace redoubt::vmmd {
namespace {

using namespace std::chrono_literals;

/// What a monitor answers with; nothing: it does not.
struct Manners final : CommandExecutor {
    bool silent = false;

    void execute(const Command& command, const Json&, Done done) override {
        if (silent) return;
        if (command.name != "vm-list") return done({{"return", Json::object()}}, {});
        done({{"return", {{{"state", "stopped"}, {"uptime_ms", 0}}}}}, {});
    }
};

/// Its monitors are servers on the loop; they end when the test says so, or are killed.
class FakeSpawner final : public Spawner {
  public:
    explicit FakeSpawner(EventLoop& loop) : loop_(loop) {}

    void set_ended(Ended ended) override { ended_ = std::move(ended); }
    std::expected<MonitorId, std::string> spawn(const VmConfig& config) override {
        ++spawned;
        if (!refusal.empty()) return std::unexpected(refusal);
        if (listens) {
            server = std::make_unique<ManagementServer>(loop_, manners);
            EXPECT_TRUE(server->listen(socket_of(config.name)));
        }
        return last_ = spawned;
    }
    void kill(MonitorId id) override {
        ++killed;
        end(id, {"was killed by signal 9"});
    }
    std::vector<FoundMonitor> find() override { return {}; }
    std::string socket_of(const std::string& name) const override { return directory_.file(name); }
    std::uint64_t free_bytes() const override { return 0; }

    void end(const MonitorEnd& how) { end(last_, how); }
    void say(const Json& event) { server->spread(event.dump() + "\r\n"); }

    unsigned spawned = 0, killed = 0;
    std::string refusal;
    bool listens = true;
    Manners manners;
    std::unique_ptr<ManagementServer> server;

  private:
    void end(MonitorId id, const MonitorEnd& how) {
        loop_.post([this, id, how] {
            server.reset();
            ended_(id, how);
        });
    }

    EventLoop& loop_;
    TemporaryDirectory directory_;
    Ended ended_;
    MonitorId last_ = 0;
};

const MonitorEnd kCrash{"was killed by signal 11"};
const MonitorEnd kClean{"ended with status 0", kStatusClean};

class ManagedVmTest : public testing::Test {
  protected:
    ManagedVmTest() {
        config_.name = "web";
        patience_ = {.start = 20s, .answer = 20s, .end = 20s};
    }

    void make(RestartPolicy policy = RestartPolicy::Never, unsigned limit = 0) {
        config_.restart = policy;
        config_.restart_limit = limit;
        ManagedVm::Surroundings surroundings;
        surroundings.loop = &loop_;
        surroundings.spawner = &spawner_;
        surroundings.patience = patience_;
        surroundings.emit = [this](const Json& event) { events_.push_back(event); };
        surroundings.stopped = [this] { ++stopped_; };
        vm_.emplace(config_, surroundings);
        spawner_.set_ended([this](MonitorId id, const MonitorEnd& end) {
            if (vm_->monitor() == id) vm_->monitor_ended(end);
        });
    }
    /// Runs the loop until something holds.
    template <class Condition>
    bool reach(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            loop_.context().restart();
            loop_.context().run_one_for(10ms);
        }
        return condition();
    }
    /// For something that must not happen, and would within that time.
    void let_pass(std::chrono::milliseconds time) {
        loop_.context().restart();
        loop_.context().run_for(time);
    }
    ManagedVm::Reply reply() {
        answer_ = nullptr;
        return [this](Json got) { answer_ = std::move(got); };
    }
    /// The answer of what was asked with reply().
    Json answer() {
        EXPECT_TRUE(reach([this] { return !answer_.is_null(); }));
        return answer_;
    }
    std::string refusal() { return answer().value("/error/desc"_json_pointer, std::string()); }
    bool starts() {
        vm_->start(reply());
        return answer().contains("return");
    }
    /// The `count`th event of that name has come.
    bool told(std::string_view name, unsigned count = 1) {
        return reach([&] { return of(name).size() >= count; });
    }
    /// The data of all events of that name.
    std::vector<Json> of(std::string_view name) const {
        std::vector<Json> found;
        for (const Json& event : events_) {
            if (event["event"] == name) found.push_back(event["data"]);
        }
        return found;
    }
    bool stays_stopped() {
        if (!reach([this] { return stopped_ != 0; })) return false;
        const unsigned spawned = spawner_.spawned;
        let_pass(2 * RestartBackoff::kFirstDelay);
        return vm_->stopped() && spawner_.spawned == spawned && !vm_->monitor();
    }

    EventLoop loop_;
    FakeSpawner spawner_{loop_};
    VmConfig config_;
    Patience patience_;
    std::optional<ManagedVm> vm_;
    std::vector<Json> events_;
    Json answer_;
    unsigned stopped_ = 0;
};

TEST_F(ManagedVmTest, StartsWhenItsMonitorSaysSo) {
    make();
    vm_->start(reply());
    EXPECT_EQ(vm_->state(), VmState::Running) << "it is on its way";
    EXPECT_TRUE(vm_->can_be_asked());
    EXPECT_TRUE(answer().contains("return"));
    EXPECT_EQ(vm_->monitor(), MonitorId{1});
    vm_->start(reply());
    EXPECT_EQ(refusal(), "VM \"web\" runs already");
    EXPECT_EQ(spawner_.spawned, 1U);
}

TEST_F(ManagedVmTest, AMonitorThatCannotBeMadeIsAFailedStart) {
    make();
    spawner_.refusal = "out of memory";
    vm_->start(reply());
    EXPECT_EQ(refusal(), "VM \"web\" cannot start: out of memory");
    EXPECT_EQ(vm_->last_end(), VmEnd::FailedToStart);
    EXPECT_EQ(vm_->state(), VmState::Crashed);
    EXPECT_TRUE(stays_stopped());
    spawner_.refusal.clear();
    EXPECT_TRUE(starts());
}

TEST_F(ManagedVmTest, AMonitorThatDiesDuringItsStartIsAFailure) {
    make();
    spawner_.listens = false;
    vm_->start(reply());
    spawner_.end({"ended with status 2", kStatusCannotStart});
    EXPECT_EQ(refusal(), "VM \"web\" cannot start: its monitor ended with status 2");
    EXPECT_EQ(vm_->last_end(), VmEnd::FailedToStart);
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(spawner_.killed, 0U);
}

TEST_F(ManagedVmTest, OneThatDiesDuringItsStartIsStartedAgain) {
    make(RestartPolicy::OnFailure);
    spawner_.manners.silent = true;  // it listens, but has not said yet that the guest runs
    vm_->start(reply());
    let_pass(50ms);
    spawner_.end(kCrash);
    EXPECT_EQ(refusal(), "VM \"web\" cannot start: its monitor was killed by signal 11");
    EXPECT_EQ(vm_->state(), VmState::Restarting);
    spawner_.manners.silent = false;
    const auto starts = [this] { return vm_->monitor() == MonitorId{2}; };
    EXPECT_TRUE(reach(starts));
    vm_->forward({.name = "query-status", .parameters = {}, .run = nullptr}, Json::object(),
                 reply());
    EXPECT_TRUE(answer().contains("return")) << "asked meanwhile, answered when it runs";
}

TEST_F(ManagedVmTest, AMonitorThatNeverListensIsEnded) {
    patience_.start = 50ms;
    make();
    spawner_.listens = false;
    vm_->start(reply());
    EXPECT_EQ(refusal(), "VM \"web\" cannot start: its monitor does not answer");
    EXPECT_EQ(spawner_.killed, 1U);
    EXPECT_EQ(vm_->last_end(), VmEnd::Crashed);
    EXPECT_TRUE(stays_stopped());
}

TEST_F(ManagedVmTest, WithoutAPolicyACrashIsTheEnd) {
    make();
    ASSERT_TRUE(starts());
    vm_->forward({.name = "query-status", .parameters = {}, .run = nullptr}, Json::object(),
                 reply());
    spawner_.manners.silent = true;
    spawner_.end(kCrash);
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(vm_->last_end(), VmEnd::Crashed);
    ASSERT_EQ(of("VM_STOPPED").size(), 1U);
    EXPECT_EQ(of("VM_STOPPED")[0]["result"], to_string(VmEnd::Crashed));
    EXPECT_EQ(of("VM_STOPPED")[0]["reason"], "its monitor was killed by signal 11");
    EXPECT_TRUE(of("VM_RESTARTED").empty());
    EXPECT_FALSE(answer().is_null()) << "whoever asked is told";
}

TEST_F(ManagedVmTest, ACrashIsFollowedByRestartsThatWaitLongerEachTime) {
    make(RestartPolicy::OnFailure, 3);
    ASSERT_TRUE(starts());
    for (unsigned crash = 1; crash <= 3; ++crash) {
        spawner_.end(kCrash);
        ASSERT_TRUE(told("VM_RESTARTED", crash));
        EXPECT_EQ(vm_->state(), VmState::Restarting);
        EXPECT_EQ(of("VM_RESTARTED").back()["attempt"], crash);
        EXPECT_EQ(of("VM_RESTARTED").back()["delay_ms"], 100U << (crash - 1));
        ASSERT_TRUE(reach([&] { return spawner_.spawned == crash + 1; }));
    }
    EXPECT_EQ(vm_->summary()["restarts"], 3U);
    EXPECT_EQ(stopped_, 0U);
    spawner_.end(kCrash);
    EXPECT_TRUE(stays_stopped()) << "the limit is reached";
    EXPECT_EQ(of("VM_RESTARTED").size(), 3U);
    // By hand, and with all its attempts again.
    EXPECT_TRUE(starts());
    spawner_.end(kCrash);
    ASSERT_TRUE(told("VM_RESTARTED", 4));
    EXPECT_EQ(of("VM_RESTARTED").back()["attempt"], 1U);
}

TEST_F(ManagedVmTest, APowerOffIsNoFailure) {
    make(RestartPolicy::OnFailure);
    ASSERT_TRUE(starts());
    spawner_.say(make_event("VM_STOPPED", {{"name", "somebody else"},
                                           {"reason", "the guest powered off"},
                                           {"result", to_string(VmEnd::Clean)},
                                           {"summary", {{"run_time_ms", 7}}}}));
    ASSERT_TRUE(reach([this] { return !vm_->can_be_asked(); }));
    EXPECT_TRUE(of("VM_STOPPED").empty()) << "not before its memory is back";
    spawner_.end(kClean);
    EXPECT_TRUE(stays_stopped());
    ASSERT_EQ(of("VM_STOPPED").size(), 1U);
    EXPECT_EQ(of("VM_STOPPED")[0]["name"], "web");
    EXPECT_EQ(of("VM_STOPPED")[0]["reason"], "the guest powered off");
    EXPECT_EQ(vm_->last_statistics()["run_time_ms"], 7U);
}

TEST_F(ManagedVmTest, AlwaysMeansAfterAPowerOffToo) {
    make(RestartPolicy::Always);
    ASSERT_TRUE(starts());
    spawner_.end(kClean);
    ASSERT_TRUE(told("VM_RESTARTED"));
    EXPECT_TRUE(reach([this] { return spawner_.spawned == 2; }));
}

TEST_F(ManagedVmTest, StoppingWhileItWaitsForARestartIsTheEnd) {
    make(RestartPolicy::Always);
    ASSERT_TRUE(starts());
    spawner_.end(kCrash);
    ASSERT_TRUE(told("VM_RESTARTED"));
    EXPECT_EQ(stopped_, 0U);
    vm_->stop(reply());
    EXPECT_TRUE(answer().contains("return"));
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(stopped_, 1U);
    vm_->stop(reply());
    EXPECT_NE(refusal().find("not running"), std::string::npos);
}

TEST_F(ManagedVmTest, StartingWhileItWaitsForARestartIsAtOnce) {
    make(RestartPolicy::Always);
    ASSERT_TRUE(starts());
    spawner_.end(kCrash);
    ASSERT_TRUE(told("VM_RESTARTED"));
    vm_->start(reply());
    EXPECT_EQ(spawner_.spawned, 2U) << "without the delay";
    EXPECT_TRUE(answer().contains("return"));
    let_pass(2 * RestartBackoff::kFirstDelay);
    EXPECT_EQ(spawner_.spawned, 2U) << "and once only";
}

TEST_F(ManagedVmTest, StoppingDuringTheStartEndsTheMonitor) {
    make(RestartPolicy::Always);
    spawner_.listens = false;
    Json started;
    vm_->start([&](Json got) { started = std::move(got); });
    vm_->stop(reply());
    EXPECT_TRUE(answer().contains("return"));
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(spawner_.killed, 1U);
    EXPECT_TRUE(started.contains("error")) << started;
    EXPECT_EQ(vm_->last_end(), VmEnd::Clean);
}

TEST_F(ManagedVmTest, StoppingIsTheMonitorsBusinessIfItListens) {
    make(RestartPolicy::Always);
    ASSERT_TRUE(starts());
    vm_->stop(reply());
    EXPECT_TRUE(answer().contains("return"));
    spawner_.end(kClean);
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(spawner_.killed, 0U);
}

TEST_F(ManagedVmTest, ADeafMonitorIsEnded) {
    patience_.end = 50ms;
    make(RestartPolicy::Always);
    ASSERT_TRUE(starts());
    spawner_.manners.silent = true;
    vm_->stop(reply());
    EXPECT_TRUE(answer().contains("return"));
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(spawner_.killed, 1U);
    EXPECT_EQ(vm_->stop_reason(), "stopped on request; its monitor did not answer");
    EXPECT_EQ(vm_->last_end(), VmEnd::Clean);
}

TEST_F(ManagedVmTest, OneThatStaysAfterItsGuestStoppedIsEndedToo) {
    patience_.end = 50ms;
    make();
    ASSERT_TRUE(starts());
    vm_->stop(reply());
    EXPECT_TRUE(answer().contains("return"));
    EXPECT_TRUE(stays_stopped());
    EXPECT_EQ(spawner_.killed, 1U);
}

TEST_F(ManagedVmTest, WhoeverAttachesWhileItEndsIsToldThatItHas) {
    make();
    ASSERT_TRUE(starts());
    spawner_.manners.silent = true;
    const Command attach{"vm-attach", {}, nullptr, true};
    std::vector<Json> answers;
    const auto got = [&answers](Json answer, const std::shared_ptr<StreamSource>& stream) {
        EXPECT_EQ(stream, nullptr);
        answers.push_back(std::move(answer));
    };
    vm_->open_stream(attach, Json::object(), got);  // will be heard, and not answered
    let_pass(50ms);
    spawner_.server.reset();
    vm_->open_stream(attach, Json::object(), got);  // nobody is there any more
    let_pass(50ms);
    EXPECT_TRUE(answers.empty());
    spawner_.end(kClean);
    ASSERT_TRUE(reach([&] { return answers.size() == 2; }));
    for (const Json& answer : answers) {
        EXPECT_EQ(answer["error"]["desc"], "VM \"web\" stopped: its monitor ended with status 0");
    }
}

TEST_F(ManagedVmTest, WhoeverAttachesToAMonitorThatSaysNothingIsTold) {
    patience_.answer = 50ms;
    make();
    ASSERT_TRUE(starts());
    spawner_.manners.silent = true;
    answer_ = nullptr;
    vm_->open_stream(
        {"vm-attach", {}, nullptr, true}, Json::object(),
        [this](Json answer, const std::shared_ptr<StreamSource>&) { answer_ = std::move(answer); });
    EXPECT_EQ(refusal(), "the monitor of VM \"web\" does not answer");
}

TEST_F(ManagedVmTest, WhoeverRetiresIsNotStartedAgain) {
    make(RestartPolicy::Always);
    ASSERT_TRUE(starts());
    vm_->retire();
    spawner_.end(kCrash);
    EXPECT_TRUE(stays_stopped());
}

TEST_F(ManagedVmTest, NonsenseEndsTheMonitorAndTheVmIsStartedAgain) {
    make(RestartPolicy::OnFailure);
    ASSERT_TRUE(starts());
    spawner_.server->spread("no JSON\r\n");
    ASSERT_TRUE(told("VM_RESTARTED"));
    EXPECT_EQ(spawner_.killed, 1U);
    EXPECT_EQ(of("VM_RESTARTED")[0]["reason"], "its monitor sent nonsense");
}

TEST_F(ManagedVmTest, AnAdoptedMonitorThatHasEndedIsAnEndLikeAnother) {
    make(RestartPolicy::OnFailure);
    vm_->adopt({.id = 9, .name = "web", .running = false, .end = kCrash});
    ASSERT_TRUE(told("VM_RESTARTED"));
    EXPECT_TRUE(reach([this] { return spawner_.spawned == 1; }));
}

}  // namespace
}  // namespace redoubt::vmmd
