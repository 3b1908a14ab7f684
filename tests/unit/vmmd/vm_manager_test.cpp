// The manager and its VMs over scripted guests: states, events, what ends the daemon and with what
// status.
#include "vmmd/vm_manager.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "vmmd/console/console_hub.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/model_guest.hpp"

namespace redoubt::vmmd {
namespace {

using namespace std::chrono_literals;
using Kind = VmEvent::Kind;

VmConfig config(std::string name) {
    VmConfig result;
    result.name = std::move(name);
    result.memory_bytes = 32 << 20;
    result.serial = "null:";
    result.kernel = "file:/nonexistent/kernel";
    return result;
}

/// A daemon without socket: loop in a thread, events collected.
class Daemon {
  public:
    explicit Daemon(std::vector<VmConfig> configs, bool with_hypervisor = true,
                    bool load_linux = false)
        : hypervisor_(make_model_hypervisor()) {
        VmManager::Options options;
        options.hypervisor = with_hypervisor ? hypervisor_.get() : nullptr;
        options.no_hypervisor_reason = "none here";
        options.load_linux = load_linux;
        manager = std::make_unique<VmManager>(loop, options, std::move(configs),
                                              [this](int code, const std::string& why) {
                                                  status = code;
                                                  reason = why;
                                                  loop.stop();
                                              });
        manager->set_event_handler([this](const VmEvent& event) {
            std::scoped_lock lock(mutex_);
            events_.push_back(event);
            changed_.notify_all();
        });
        loop.post([this] { manager->start_all(); });
        thread_ = std::thread([this] { loop.run(); });
    }
    ~Daemon() {
        if (thread_.joinable()) {
            loop.post([this] { manager->quit(); });
            thread_.join();
        }
        manager.reset();
    }

    /// Runs `action` where the management server would.
    template <class Action>
    auto call(Action action) {
        std::promise<std::invoke_result_t<Action>> promise;
        loop.post([&] { promise.set_value(action()); });
        return promise.get_future().get();
    }
    bool wait_for(Kind kind, unsigned count = 1) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(
            lock, 10s, [&] { return std::ranges::count(events_, kind, &VmEvent::kind) >= count; });
    }
    VmEvent last(Kind kind) {
        std::scoped_lock lock(mutex_);
        VmEvent result;
        for (const auto& event : events_) {
            if (event.kind == kind) result = event;
        }
        return result;
    }
    void type(const std::string& name, const std::string& text) {
        auto hub = call([&] { return *manager->console(name); });
        const auto bytes =
            std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
        EXPECT_EQ(hub->input(bytes), text.size());
    }
    void join() { thread_.join(); }

    EventLoop loop;
    std::unique_ptr<VmManager> manager;
    std::atomic<int> status = -1;
    std::string reason;

  private:
    std::unique_ptr<hvcall::Hypervisor> hypervisor_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<VmEvent> events_;
    std::thread thread_;
};

TEST(VmManager, GuestPowersOffAndTheDaemonEndsWithZero) {
    Daemon daemon({config("a")});
    ASSERT_TRUE(daemon.wait_for(Kind::VmStarted));
    daemon.type("a", "poweroff\n");
    daemon.join();
    EXPECT_EQ(daemon.status, 0);
    EXPECT_EQ(daemon.reason, "a: the guest powered off");
    EXPECT_TRUE(daemon.last(Kind::Shutdown).guest);
    EXPECT_FALSE(daemon.last(Kind::VmStopped).statistics.exits.empty());
}

TEST(VmManager, CrashIsStatusThree) {
    Daemon daemon({config("a")});
    ASSERT_TRUE(daemon.wait_for(Kind::VmStarted));
    daemon.type("a", "crash\n");
    daemon.join();
    EXPECT_EQ(daemon.status, 3);
    EXPECT_NE(daemon.reason.find("triple fault"), std::string::npos);
}

TEST(VmManager, OneVmStopsAndTheOtherGoesOn) {
    Daemon daemon({config("a"), config("b")});
    ASSERT_TRUE(daemon.wait_for(Kind::VmStarted, 2));
    daemon.type("a", "crash\n");
    ASSERT_TRUE(daemon.wait_for(Kind::VmStopped));
    const auto list = daemon.call([&] { return daemon.manager->list(); });
    EXPECT_EQ(list[0].state, VmState::Crashed);
    EXPECT_EQ(list[1].state, VmState::Running);
    EXPECT_EQ(daemon.status, -1);
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->start("a"); }));
    EXPECT_TRUE(daemon.wait_for(Kind::VmStarted, 3));
}

TEST(VmManager, PauseResumeResetStop) {
    Daemon daemon({config("a"), config("b")});
    ASSERT_TRUE(daemon.wait_for(Kind::VmStarted, 2));
    // The guest may still be on its way up, when it cannot be paused.
    while (!daemon.call([&] { return daemon.manager->pause("a"); }))
        std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(daemon.wait_for(Kind::Stop));
    EXPECT_EQ(daemon.call([&] { return daemon.manager->list(); })[0].state, VmState::Paused);
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->resume("a"); }));
    EXPECT_TRUE(daemon.wait_for(Kind::Resume));
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->reset("a"); }));
    EXPECT_TRUE(daemon.wait_for(Kind::Reset));
    EXPECT_FALSE(daemon.last(Kind::Reset).guest);
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->stop("a"); }));
    EXPECT_TRUE(daemon.wait_for(Kind::VmStopped));
    EXPECT_FALSE(daemon.call([&] { return daemon.manager->stop("a"); })) << "it does not run";
    EXPECT_EQ(daemon.call([&] { return daemon.manager->info("a"); })->stop_reason,
              "stopped on request");
}

TEST(VmManager, ShowsRegistersAndCodeOfRunningAndPausedVms) {
    auto several = config("a");
    several.cpus = 4;
    Daemon daemon({several, config("b")});
    ASSERT_TRUE(daemon.wait_for(Kind::VmStarted, 2));
    const auto look = [&](unsigned vcpu) {
        return daemon.call([&] { return daemon.manager->registers("a", vcpu); });
    };
    while (!look(0)) std::this_thread::sleep_for(1ms);
    for (unsigned round = 0; round < 100; ++round) {
        const auto view = look(round % 4);
        ASSERT_TRUE(view);
        EXPECT_EQ(view->text.starts_with("vCPU " + std::to_string(round % 4) + ", waits"),
                  round % 4 != 0);
        EXPECT_EQ(view->values.front().first, "rax");
    }
    EXPECT_EQ(daemon.call([&] { return daemon.manager->list(); })[0].state, VmState::Running);

    EXPECT_TRUE(daemon.call([&] { return daemon.manager->pause("a"); }));
    const auto before = look(0)->values;
    EXPECT_EQ(look(0)->values, before);
    const auto code = daemon.call([&] { return daemon.manager->code("a", {.count = 2}); });
    ASSERT_TRUE(code);
    EXPECT_EQ(code->mode, "real mode");
    EXPECT_EQ(code->code.size(), 2);
    EXPECT_EQ(daemon.call([&] { return daemon.manager->list(); })[0].state, VmState::Paused);
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->reset("a"); }));
    ASSERT_TRUE(look(0)) << "a paused VM that is reset stays paused";
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->resume("a"); }));

    EXPECT_EQ(look(4).error().description, "VM \"a\" has no vCPU 4: they are 0 to 3");
    EXPECT_TRUE(daemon.call([&] { return daemon.manager->stop("a"); }));
    EXPECT_TRUE(daemon.wait_for(Kind::VmStopped));
    EXPECT_NE(look(0).error().description.find("is stopped, not running"), std::string::npos);
}

TEST(VmManager, NamesMatter) {
    Daemon daemon({config("a"), config("b")});
    const auto nobody = daemon.call([&] { return daemon.manager->pause("c"); });
    EXPECT_EQ(nobody.error().kind, ControlError::Kind::NoSuchVm);
    const auto which = daemon.call([&] { return daemon.manager->pause(""); });
    EXPECT_EQ(which.error().kind, ControlError::Kind::Refused);
}

TEST(VmManager, MissingKernelIsStatusTwoAndAReason) {
    Daemon daemon({config("a")}, true, true);
    daemon.join();
    EXPECT_EQ(daemon.status, 2);
    EXPECT_NE(daemon.reason.find("/nonexistent/kernel"), std::string::npos);
}

TEST(VmManager, WithoutHypervisorItSaysSo) {
    Daemon daemon({config("a")}, false);
    daemon.join();
    EXPECT_EQ(daemon.status, 2);
    EXPECT_NE(daemon.reason.find("none here"), std::string::npos);
}

TEST(VmManager, QuitStopsEverything) {
    Daemon daemon({config("a"), config("b")});
    ASSERT_TRUE(daemon.wait_for(Kind::VmStarted, 2));
    daemon.call([&] {
        daemon.manager->quit();
        return 0;
    });
    daemon.join();
    EXPECT_EQ(daemon.status, 0);
}

}  // namespace
}  // namespace redoubt::vmmd
