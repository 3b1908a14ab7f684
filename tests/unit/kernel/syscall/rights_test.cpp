// The rights table (tests/rights): every operation with every set of rights is allowed exactly when
// the table says, and changes nothing if it is refused. docs/abi.md shows the same table.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "fake_arch/native.hpp"
#include "kernel/object/cnode.hpp"
#include "tests/rights/check.hpp"

namespace redoubt {
namespace rights {
namespace {

constexpr const char* kRightNames[] = {"Read", "Write", "Execute", "Grant", "Manage", "Physical"};

std::string names_of(Rights rights) {
    std::string names;
    for (unsigned bit = 0; bit < std::size(kRightNames); ++bit) {
        if ((static_cast<unsigned>(rights) >> bit & 1) == 0) continue;
        names += (names.empty() ? "" : ", ") + std::string{kRightNames[bit]};
    }
    return names.empty() ? "–" : names;
}

std::string name_of(Sample sample) {
    constexpr const char* kNames[] = {
        "Untyped",       "Frame",    "CNode",        "AddressSpace",
        "Thread",        "Endpoint", "Notification", "Reply",
        "Irq control",   "Irq",      "IoPortRange",  "SchedulingContext",
        "HvFile (root)", "HvFile",   "Vm",           "Vm",
        "Vcpu",          "any"};
    return kNames[static_cast<unsigned>(sample)];
}

struct RightsTest : testing::Test {
    kernel::fake::Machine here;
    native::Slot pool = here.make(ObjectType::Untyped, kPoolBits);

    void SetUp() override { kernel::fake::native_machine() = {&here, {}}; }

    /// Everything that was made of the pool, and the slots of init's CNode.
    std::uint64_t fingerprint() {
        const kernel::PhysicalAddress memory{here.capability(pool).object};
        kernel::CNode& cnode = *here.init().cnode;
        std::uint64_t sum = 0;
        const auto add = [&sum](const std::uint64_t* words, std::size_t count) {
            for (std::size_t i = 0; i < count; ++i) sum += words[i] ^ i << 40;
        };
        add(kernel::direct_map<std::uint64_t>(memory), (std::size_t{1} << kPoolBits) / 8);
        add(reinterpret_cast<const std::uint64_t*>(&cnode), cnode.slot_count * 8);
        return sum;
    }
};

TEST_F(RightsTest, EveryOperationIsAllowedExactlyWithTheRightsThatTheTableNames) {
    World world{{pool, kernel::fake::Machine::kCNode, here.boot_info().irq_control_slot,
                 here.boot_info().io_port_slot, here.boot_info().hv_slot, 700}};
    ASSERT_EQ(world.build(), Error::Ok);
    // Somebody answers what is sent to the endpoint.
    const auto server = world.sample(Sample::Endpoint) | std::uint64_t{here.make(ObjectType::Reply)}
                                                             << 32;
    kernel::fake::native_machine().other_runs = [this, server](kernel::Thread&) {
        here.call(abi::SyscallNumber::ReplyRecv, {server, 0});
    };
    here.make_thread(220);
    kernel::fake::run_until(here.init());
    ASSERT_EQ(&here.running(), &here.init());
    Checker checker{world, [this] { return fingerprint(); },
                    [](const Finding& finding) {
                        ADD_FAILURE()
                            << finding.row.operation << ", " << finding.row.argument << ": "
                            << name_of(finding.with) << " with " << names_of(finding.rights)
                            << " gave error " << static_cast<unsigned>(finding.got) << ", expected "
                            << static_cast<unsigned>(finding.expected)
                            << (finding.changed ? "; something changed" : "");
                    }};
    EXPECT_GT(checker.run(), std::size(kRows) * 50);
}

TEST_F(RightsTest, OperationsBeyondThoseOfTheTableDoNotExist) {
    // An operation that is added to one of these needs a row, and a new number here.
    constexpr std::uint64_t kThreadOperations = 9, kIrqOperations = 4, kSchedulingOperations = 2;
    const auto thread = here.make(ObjectType::Thread, 0, pool);
    EXPECT_EQ(here.call(abi::SyscallNumber::ThreadControl, {thread, kThreadOperations}),
              Error::InvalidArgument);
    const auto irq = here.next_slot();
    ASSERT_EQ(native::irq_claim_msi(here.boot_info().irq_control_slot, irq).error, Error::Ok);
    EXPECT_EQ(here.call(abi::SyscallNumber::IrqControl, {irq, kIrqOperations}),
              Error::InvalidArgument);
    const auto scheduling = here.make(ObjectType::SchedulingContext, 0, pool);
    EXPECT_EQ(
        here.call(abi::SyscallNumber::SchedulingControl, {scheduling, kSchedulingOperations, 100}),
        Error::InvalidArgument);
    for (unsigned type = static_cast<unsigned>(ObjectType::SchedulingContext) + 1; type < 64;
         ++type) {
        EXPECT_EQ(here.call(abi::SyscallNumber::Retype, {pool, type, 1, 0, here.next_slot()}),
                  Error::InvalidArgument);
    }
}

/// The table as docs/abi.md has it.
std::string as_markdown() {
    std::ostringstream text;
    text << "| operation | argument | object | rights |\n|---|---|---|---|\n";
    for (const Row& row : kRows) {
        text << "| " << row.operation << " | " << row.argument << " | " << name_of(row.sample)
             << " | " << names_of(row.needed) << " |\n";
    }
    return text.str();
}

TEST(RightsTableTest, TheManualShowsIt) {
    std::ifstream file{REDOUBT_SOURCE_ROOT "/docs/abi.md"};
    std::ostringstream manual;
    manual << file.rdbuf();
    EXPECT_NE(manual.str().find(as_markdown()), std::string::npos)
        << "docs/abi.md should contain this:\n\n"
        << as_markdown();
}

}  // namespace
}  // namespace rights
}  // namespace redoubt
