// Whatever is done with capabilities, revoking gives every byte, slot, interrupt and virtual
// machine back. A sequence (tests/rights/sequence.hpp) that shows otherwise is shrunk and printed
// as code.
//
// REDOUBT_SEQUENCES=100000 tries that many, from seed REDOUBT_FUZZ_SEED on.
#include "tests/rights/sequence.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <sstream>
#include <vector>

#include "arch/timer.hpp"
#include "fake_arch/native.hpp"
#include "kernel/sched/scheduler.hpp"
#include "tests/unit/kernel/cap/invariants.hpp"

namespace redoubt::rights {
namespace {

using kernel::Thread;
using kernel::fake::Machine;
using Sequence = std::vector<Step>;

constexpr Slot kFirstSlot = 800;
constexpr std::uint64_t kEntry = 0x40'0000;
constexpr std::uint32_t kPriority = 210;

/// A machine on which one sequence is performed.
class Performance {
  public:
    Performance() {
        kernel::fake::native_machine() = {&machine_, [this](Thread& thread) { act(thread); }};
        const abi::BootInfo& boot = machine_.boot_info();
        scene_.pool = machine_.make(ObjectType::Untyped, kSequencePoolBits);
        scene_.cnode = Machine::kCNode;
        scene_.space = Machine::kSpace;
        scene_.irq_control = machine_.mint(boot.irq_control_slot, Rights::All);
        scene_.ports = machine_.mint(boot.io_port_slot, Rights::All, kPort | kPort << 16);
        scene_.hv = machine_.mint(boot.hv_slot, Rights::All, 9);
        for (unsigned i = 0; i < 2; ++i) {
            scene_.buffers[i] = machine_.make(ObjectType::Frame, abi::kPageBits);
            const kernel::PhysicalAddress frame{machine_.capability(scene_.buffers[i]).object};
            scene_.contents[i] = kernel::direct_map<abi::IpcBuffer>(frame);
        }
        scene_.first = kFirstSlot;
        scene_.priority = kPriority;
        scene_.entry = kEntry;
        scene_.soon = 200;
    }

    using Observer = std::function<void(const Step&, Error)>;

    /// What is wrong afterwards, or nothing.
    std::string run(const Sequence& sequence, const Observer& observe = {}) {
        for (const Step& step : sequence) {
            // Whatever takes long is interrupted once.
            kernel::fake::pending_interrupt = [] { kernel::fake::advance(150); };
            const Error error = scene_.perform(step);
            if (observe) observe(step, error);
            kernel::fake::advance(20);
            machine_.reschedule();
            kernel::fake::run_until(machine_.init());
            const kernel::Invariants after{pool(), outside()};
            if (!after.broken().empty()) return after.broken();
        }
        scene_.clean();
        // What nobody waited for ends while others run.
        for (unsigned i = 0; i < 100 && !kernel::orphans().empty(); ++i) native::yield();
        return whatever_is_left();
    }

  private:
    kernel::Capability& pool() { return machine_.capability(scene_.pool); }

    std::set<const kernel::ObjectHeader*> outside() {
        const Thread& init = machine_.init();
        return {&init, init.cnode, init.space};
    }

    std::string whatever_is_left() {
        if (machine_.free_bytes(scene_.pool) != 1ULL << kSequencePoolBits) return "memory is lost";
        if (kernel::has_children(pool())) return "the pool has children";
        for (Slot slot = kFirstSlot; slot < kFirstSlot + kSequenceSlots; ++slot) {
            if (!machine_.capability(slot).empty()) return "a capability is left";
        }
        for (unsigned irq = 0; irq < kernel::kIrqSlotCount; ++irq) {
            const kernel::Irq& object = kernel::irq_object(irq);
            if (object.capability != nullptr || object.notification != nullptr)
                return "an interrupt is left";
        }
        if (kernel::hv::first_vm() != nullptr) return "a virtual machine is left";
        if (!kernel::orphans().empty()) return "an object has not ended";
        if (kernel::scheduler().best_ready >= 0) return "a thread is left";
        if (machine_.init().space->mappings != nullptr) return "a mapping is left";
        return {};
    }

    /// What a thread does that the sequence started: see kDoings.
    void act(Thread& thread) {
        kernel::UserContext& context = thread.context;
        if (context.rip != kEntry) {
            machine_.call(abi::SyscallNumber::Exit);
            return;
        }
        std::array<std::uint64_t, 6> arguments{};
        std::copy_n(context.arguments, arguments.size(), arguments.begin());
        if (context.rbx == 0) {
            // Not a call that was interrupted, and goes on.
            context.rbx = 1;
            const std::uint64_t word = arguments[0];
            const Doing& doing = kDoings[word & 0xFF];
            const std::uint64_t first = word >> 8 & 0xFFFF, second = word >> 24 & 0xFFFF;
            context.rax = static_cast<std::uint64_t>(doing.number);
            arguments = {first | second << 32, doing.second == kSoon ? context.rsp : doing.second};
            if (doing.own_slot) arguments = {0, first};
        }
        context.rip = kEntry + 2;
        machine_.call_raw(context.rax, arguments);
    }

    Machine machine_;
    Scene scene_{};
};

/// In a process of its own, which the kernel may crash. Empty if all is well.
std::string failure_of(const Sequence& sequence) {
    int pipes[2];
    if (pipe(pipes) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
        std::string failure;
        try {
            failure = Performance{}.run(sequence);
        } catch (const std::exception& error) {
            failure = error.what();
        }
        const ssize_t written = write(pipes[1], failure.data(), failure.size());
        _exit(written == static_cast<ssize_t>(failure.size()) && failure.empty() ? 0 : 1);
    }
    close(pipes[1]);
    char text[200];
    const ssize_t length = read(pipes[0], text, sizeof text);
    close(pipes[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (length > 0) return {text, static_cast<std::size_t>(length)};
    return status == 0 ? "" : "the kernel crashed";
}

/// Delta debugging: a part of a failing sequence that still fails, and none of whose steps can be
/// left out.
template <class Fails>
Sequence shrink(Sequence sequence, Fails fails) {
    for (std::size_t chunk = sequence.size() / 2; chunk > 0;) {
        bool smaller = false;
        for (std::size_t start = 0; start < sequence.size();) {
            const std::size_t end = std::min(start + chunk, sequence.size());
            Sequence rest{sequence.begin(), sequence.begin() + static_cast<long>(start)};
            rest.insert(rest.end(), sequence.begin() + static_cast<long>(end), sequence.end());
            if (fails(rest)) {
                sequence = rest;
                smaller = true;
            } else {
                start = end;
            }
        }
        if (!smaller || chunk > sequence.size()) chunk /= 2;
    }
    return sequence;
}

constexpr const char* kActionNames[] = {
    "Retype",    "RetypeInto", "Copy",        "CopyInto", "Delete",      "DeleteIn", "Revoke",
    "RevokeIn",  "Map",        "MapHere",     "Unmap",    "Configure",   "Control",  "Bind",
    "Signal",    "Poll",       "Reply",       "ClaimIrq", "ClaimMsi",    "BindIrq",  "Acknowledge",
    "MintPorts", "OpenHv",     "CreateVm",    "OpenInVm", "CreateVcpu",  "MapState", "Kick",
    "DestroyVm", "Close",      "FillBuffers", "Schedule", "SetSchedule", "Start"};
static_assert(std::size(kActionNames) == static_cast<std::size_t>(Action::Count));

std::string as_code(const Sequence& sequence) {
    std::ostringstream text;
    for (const Step& step : sequence) {
        text << "    {Action::" << kActionNames[static_cast<unsigned>(step.action)] << ", "
             << step.a << ", " << step.b << ", " << step.c << ", " << step.d << "},\n";
    }
    return text.str();
}

Sequence make_sequence(std::uint64_t seed, std::size_t steps) {
    SequenceRandom random = random_for(seed);
    Sequence sequence;
    while (sequence.size() < steps) sequence.push_back(random_step(random));
    return sequence;
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(SequenceTest, RevokeGivesBackEverythingWhateverHappenedBefore) {
    const std::uint64_t first = from_environment("REDOUBT_FUZZ_SEED", 1);
    const std::uint64_t count = from_environment("REDOUBT_SEQUENCES", 150);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const Sequence sequence = make_sequence(seed, 400);
        const std::string failure = failure_of(sequence);
        if (failure.empty()) continue;
        const auto fails = [](const Sequence& part) { return !failure_of(part).empty(); };
        const Sequence small = shrink(sequence, fails);
        FAIL() << "seed " << seed << ": " << failure << ". This is enough for \""
               << failure_of(small) << "\":\n"
               << as_code(small);
    }
}

TEST(SequenceTest, SequencesDoWhatTheyAreMeantTo) {
    // Actions that are always refused show nothing.
    unsigned done[static_cast<unsigned>(Action::Count)] = {};
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const Sequence sequence = make_sequence(seed, 400);
        Performance performance;
        performance.run(sequence, [&done](const Step& step, Error error) {
            if (error == Error::Ok) ++done[static_cast<unsigned>(step.action)];
        });
    }
    for (unsigned action = 0; action < std::size(done); ++action) {
        EXPECT_GT(done[action], 0U) << kActionNames[action];
    }
}

TEST(SequenceTest, AFailingSequenceIsShrunkToTheStepsThatMatter) {
    // As if a reply object must not be made after something was mapped and then revoked.
    const auto fails = [](const Sequence& sequence) {
        unsigned stage = 0;
        for (const Step& step : sequence) {
            if (stage == 0 && step.action == Action::Map) stage = 1;
            if (stage == 1 && step.action == Action::Revoke) stage = 2;
            if (stage == 2 && step.action == Action::Reply) return true;
        }
        return false;
    };
    const Sequence sequence = make_sequence(1, 400);
    ASSERT_TRUE(fails(sequence));
    const Sequence small = shrink(sequence, fails);
    ASSERT_EQ(small.size(), 3U) << as_code(small);
    EXPECT_EQ(small[0].action, Action::Map);
    EXPECT_EQ(small[2].action, Action::Reply);
}

}  // namespace
}  // namespace redoubt::rights
