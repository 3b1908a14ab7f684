// The model provider keeps the promises of the interface that it stands in for.
#include <gtest/gtest.h>

#include <thread>

#include "libhvcall/error.hpp"
#include "libhvcall/model/x86_64/exits.hpp"

namespace redoubt::hvcall::model {
namespace {

using namespace std::chrono_literals;

TEST(Model, PlaysItsScriptThenLoops) {
    ModelHypervisor hypervisor({exits::halt(), exits::cpuid(1, 2)});
    const auto vm = hypervisor.create_vm(2 << 20);
    const auto vcpu = vm->create_vcpu(0);
    EXPECT_EQ(vcpu->run(), RunResult::Exited);
    EXPECT_EQ(vcpu->state().exit.kind, abi::ExitKind::Halt);
    EXPECT_EQ(vcpu->run(), RunResult::Exited);
    EXPECT_EQ(vcpu->state().gpr[abi::kRcx], 2U);
    vcpu->state().deadline = hypervisor.ticks_now().count + 5'000'000;
    EXPECT_EQ(vcpu->run(), RunResult::Exited);
    EXPECT_EQ(vcpu->state().exit.kind, abi::ExitKind::Deadline);
    EXPECT_GE(hypervisor.ticks_now().count, vcpu->state().deadline);
}

TEST(Model, ADoorbellRingsInsteadOfAnExit) {
    ModelHypervisor hypervisor({exits::port_out(5, 1, 7), exits::port_out(5, 1, 8), exits::halt()});
    const auto vm = hypervisor.create_vm(2 << 20);
    const auto vcpu = vm->create_vcpu(0);
    auto bell = vm->bind_doorbell({5, 1, 1, 7});
    EXPECT_THROW(vm->bind_doorbell({5, 1, 1, 7}), HypervisorError);
    EXPECT_FALSE(bell->wait({0}));
    EXPECT_EQ(vcpu->run(), RunResult::Exited);
    EXPECT_EQ(vcpu->state().gpr[abi::kRax], 8U);
    EXPECT_TRUE(bell->wait({0}));
    EXPECT_FALSE(bell->wait({hypervisor.ticks_now().count + 1000}));
    bell.reset();
    bell = vm->bind_doorbell({5, 1, 1, 7});
    EXPECT_EQ(vcpu->run(), RunResult::Exited);
    EXPECT_EQ(vcpu->state().exit.kind, abi::ExitKind::Halt);
}

TEST(Model, KickBeforeARunEndsIt) {
    ModelHypervisor hypervisor;
    const auto vm = hypervisor.create_vm(2 << 20);
    const auto vcpu = vm->create_vcpu(0);
    vcpu->state().deadline = ~0ULL;
    vcpu->kick();
    EXPECT_EQ(vcpu->run(), RunResult::Exited);
    EXPECT_EQ(vcpu->state().exit.kind, abi::ExitKind::Interrupted);
}

TEST(Model, KickEndsAWait) {
    ModelHypervisor hypervisor;
    const auto vm = hypervisor.create_vm(2 << 20);
    const auto vcpu = vm->create_vcpu(0);
    std::thread kicker([&] {
        std::this_thread::sleep_for(5ms);
        vcpu->kick();
    });
    vcpu->wait({~0ULL});
    kicker.join();
}

TEST(Model, DestroyEndsARunFromAnotherThread) {
    ModelHypervisor hypervisor;
    const auto vm = hypervisor.create_vm(2 << 20);
    const auto vcpu = vm->create_vcpu(0);
    vcpu->state().deadline = ~0ULL;
    std::thread destroyer([&] {
        std::this_thread::sleep_for(5ms);
        vm->destroy();
    });
    EXPECT_EQ(vcpu->run(), RunResult::Destroyed);
    destroyer.join();
}

TEST(Model, MemoryBeyondTheLimitIsAnError) {
    ModelHypervisor hypervisor;
    hypervisor.set_memory_limit(4 << 20);
    const auto vm = hypervisor.create_vm(8 << 20);
    vm->add_memory(GuestPhysicalAddress{0}, 2 << 20);
    try {
        vm->add_memory(GuestPhysicalAddress{2 << 20}, 6 << 20);
        FAIL();
    } catch (const HypervisorError& error) {
        EXPECT_EQ(error.code(), abi::Error::NoMemory);
        EXPECT_STREQ(error.what(), "cannot get guest memory: not enough memory");
    }
}

}  // namespace
}  // namespace redoubt::hvcall::model
