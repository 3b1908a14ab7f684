// The rights table, tried by a thread that has nothing but what the table's world is made of.
#include "tests/rights/check.hpp"
#include "tests/system/rights/child.hpp"

namespace redoubt::rights {

namespace {

Slot server_endpoint, server_reply;

/// Answers whatever it is sent.
extern "C" [[noreturn]] void rights_server() {
    for (;;) native::reply_recv(server_endpoint, server_reply, {});
}
asm("rights_server_entry: call rights_server\n");
extern "C" void rights_server_entry();

/// Sub-operations that no row speaks of must not exist: a new one needs a row, and a new number
/// here.
void try_beyond(const World& world, Report& report) {
    constexpr std::uint64_t kVcpuOperations = 2, kVmCalls = 6;
    if (!world.has(Sample::Vm)) return;
    const Error vcpu = native::vcpu_control(world.sample(Sample::Vcpu),
                                            static_cast<abi::VcpuOperation>(kVcpuOperations));
    report.check(vcpu == Error::InvalidArgument, "an operation of VcpuControl without a row");
    const auto vm = native::scheme::control(world.sample(Sample::Vm), kVmCalls);
    report.check(vm.error == Error::NotSupported, "a call of a Vm without a row");
}

}  // namespace

void try_rights(Report& report) {
    Granted granted = kChildGrants;
    if (!native::identify(kChildHv)) granted.hv = 0;
    World world{granted};
    if (const Error error = world.build(); error != Error::Ok) {
        return report.add("the world is made", static_cast<std::uint64_t>(error));
    }
    Slot next = world.end();
    server_endpoint = world.sample(Sample::Endpoint);
    server_reply = next++;
    native::retype(kChildPool, ObjectType::Reply, 0, server_reply);
    start_thread(next, 1, rights_server_entry, kChildPriority + 1);
    Checker checker{world, [&world] { return world.fingerprint(); },
                    [&report](const Finding& finding) {
                        report.add(
                            finding.row.operation, static_cast<std::uint64_t>(finding.rights),
                            static_cast<std::uint64_t>(finding.expected),
                            finding.changed ? 1000 : static_cast<std::uint64_t>(finding.got));
                    }};
    report.tried += checker.run();
    try_beyond(world, report);
}

}  // namespace redoubt::rights
