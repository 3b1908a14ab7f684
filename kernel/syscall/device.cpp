// IrqControl and SystemInfo.
#include "abi/syscall.hpp"
#include "arch/cpu.hpp"
#include "arch/interrupt.hpp"
#include "arch/timer.hpp"
#include "kernel/cap/derivation.hpp"
#include "kernel/cap/lookup.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/syscall/random.hpp"
#include "kernel/syscall/syscall.hpp"
#include "kernel/syscall/system_constants.hpp"

namespace redoubt::kernel {

namespace {

void fill_irq(Capability& destination, unsigned slot, Capability& control) {
    make_capability(destination, &control, abi::ObjectType::Irq, abi::Rights::All,
                    reinterpret_cast<std::uint64_t>(&irq_object(slot)));
}

abi::Error claim(Thread& self, UserContext& context, Capability& control,
                 abi::IrqOperation operation) {
    Capability* destination = REDOUBT_TRY(find_empty_slots(self, 0, argument(context, 3)));
    if (operation == abi::IrqOperation::Claim) {
        const std::uint64_t gsi = argument(context, 2);
        if (gsi > 0xFFFF'FFFF) return abi::Error::InvalidArgument;
        fill_irq(*destination, REDOUBT_TRY(irq_claim_gsi(static_cast<std::uint32_t>(gsi))),
                 control);
        return abi::Error::Ok;
    }
    MsiMessage message{};
    fill_irq(*destination, REDOUBT_TRY(irq_claim_msi(message)), control);
    set_result(context, 1, message.address);
    set_result(context, 2, message.data);
    return abi::Error::Ok;
}

abi::Error bind(Thread& self, UserContext& context, Irq& irq) {
    if (argument(context, 2) == abi::kNullCapability) {
        irq_bind(irq, nullptr, 0);
        return abi::Error::Ok;
    }
    Capability* capability = REDOUBT_TRY(
        require(self, argument(context, 2), abi::ObjectType::Notification, abi::Rights::Write));
    irq_bind(irq, &capability->as<Notification>(), signal_bits(*capability));
    return abi::Error::Ok;
}

}  // namespace

abi::Error syscall_irq_control(Thread& self, UserContext& context) {
    Capability* capability =
        REDOUBT_TRY(require(self, argument(context, 0), abi::ObjectType::Irq, abi::Rights::Manage));
    const auto operation = static_cast<abi::IrqOperation>(argument(context, 1));
    const bool claims =
        operation == abi::IrqOperation::Claim || operation == abi::IrqOperation::ClaimMsi;
    if (claims != capability->has(Capability::kControl)) return abi::Error::InvalidCapability;
    if (claims) return claim(self, context, *capability, operation);
    auto& irq = capability->as<Irq>();
    switch (operation) {
        case abi::IrqOperation::Bind:
            return bind(self, context, irq);
        case abi::IrqOperation::Acknowledge:
            irq_unmask(irq_slot(irq));
            return abi::Error::Ok;
        default:
            return abi::Error::InvalidArgument;
    }
}

namespace {

abi::Error lock_statistics_of(UserContext& context) {
    const std::uint64_t processor = argument(context, 1);
    if (processor >= cpu_count()) return abi::Error::InvalidArgument;
    const LockStatistics* statistics = lock_statistics(static_cast<unsigned>(processor));
    if (statistics == nullptr) return abi::Error::NotSupported;
    set_result(context, 1, statistics->acquisitions);
    set_result(context, 2, statistics->contended);
    set_result(context, 3, statistics->held);
    set_result(context, 4, statistics->longest_hold);
    set_result(context, 5, statistics->waited);
    return abi::Error::Ok;
}

}  // namespace

std::uint64_t system_constants[4];

abi::Error syscall_system_info(Thread& self, UserContext& context) {
    const auto kind = static_cast<std::uint32_t>(argument(context, 0));
    if (kind < std::size(system_constants)) {
        set_result(context, 1, system_constants[kind]);
        return abi::Error::Ok;
    }
    switch (static_cast<abi::SystemInfoKind>(kind)) {
        case abi::SystemInfoKind::LockStatistics:
            return lock_statistics_of(context);
        case abi::SystemInfoKind::IpcBuffer:
            set_result(context, 1, self.ipc_buffer->self);
            return abi::Error::Ok;
        case abi::SystemInfoKind::Random: {
            const auto number = random_generator.next();
            if (!number) return abi::Error::NotSupported;
            set_result(context, 1, *number);
            return abi::Error::Ok;
        }
        default:
            return abi::Error::InvalidArgument;
    }
}

}  // namespace redoubt::kernel
