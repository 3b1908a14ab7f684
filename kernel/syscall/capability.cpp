// Retype, CapCopy, CapDelete, CapRevoke and CapIdentify.
#include "kernel/cap/capability.hpp"

#include "kernel/cap/derivation.hpp"
#include "kernel/cap/lookup.hpp"
#include "kernel/object/io_port.hpp"
#include "kernel/object/untyped.hpp"
#include "kernel/sched/preemption.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

namespace {

/// How many one Retype makes at most: they are made with interrupts off.
constexpr std::uint64_t maximum_count(abi::ObjectType type) {
    const bool large = type == abi::ObjectType::Thread || type == abi::ObjectType::CNode ||
                       type == abi::ObjectType::AddressSpace;
    return large ? 64 : 512;
}

/// log2 of the size of an object that Retype is asked for.
Result<unsigned> object_size_bits(abi::ObjectType type, unsigned wanted) {
    const auto within = [wanted](unsigned low, unsigned high) -> Result<unsigned> {
        if (wanted < low || wanted > high) return abi::Error::InvalidArgument;
        return wanted;
    };
    const auto fixed = [wanted](unsigned bits) -> Result<unsigned> {
        if (wanted != 0) return abi::Error::InvalidArgument;
        return bits;
    };
    switch (type) {
        case abi::ObjectType::Untyped:
            return within(abi::kPageBits, 47);
        case abi::ObjectType::Frame:
            return within(abi::kPageBits, 30);
        case abi::ObjectType::CNode:
            return within(abi::kPageBits, 24);
        case abi::ObjectType::AddressSpace:
            return within(14, 24);
        case abi::ObjectType::Thread:
            return fixed(abi::kThreadBits);
        case abi::ObjectType::Endpoint:
        case abi::ObjectType::Notification:
        case abi::ObjectType::Reply:
        case abi::ObjectType::SchedulingContext:
            return fixed(abi::kSmallObjectBits);
        default:
            return abi::Error::InvalidArgument;
    }
}

Result<void> check_badge(const Capability& source, std::uint64_t badge) {
    switch (source.type) {
        case abi::ObjectType::Endpoint:
        case abi::ObjectType::Notification:
        case abi::ObjectType::HvFile:
            if (source.badge != 0) return abi::Error::InvalidArgument;
            return {};
        case abi::ObjectType::IoPortRange:
            if (!PortRange{source.object}.contains(PortRange{badge})) {
                return abi::Error::InvalidArgument;
            }
            return {};
        default:
            return abi::Error::InvalidArgument;
    }
}

}  // namespace

abi::Error end_dying(Thread& self, UserContext& context, DyingObjects& dying) {
    if (&self == current_thread()) dying.take(self.dying);
    for (;;) {
        Budget budget;
        const bool done = dying.end_some(budget);
        if (&self != current_thread()) {
            orphans().take(dying);
            return kNoStatus;
        }
        if (done) return abi::Error::Ok;
        if (should_give_way()) {
            self.dying.take(dying);
            restart_syscall_as(context, abi::SyscallNumber::CapDelete);
            return kNoStatus;
        }
    }
}

abi::Error syscall_retype(Thread& self, UserContext& context) {
    Capability* untyped = find(self, argument(context, 0), abi::ObjectType::Untyped);
    if (untyped == nullptr) return abi::Error::InvalidCapability;
    const auto type = static_cast<abi::ObjectType>(argument(context, 1));
    const unsigned size_bits =
        REDOUBT_TRY(object_size_bits(type, static_cast<unsigned>(argument(context, 1) >> 32)));
    if (untyped->has(Capability::kDevice) && type != abi::ObjectType::Untyped &&
        type != abi::ObjectType::Frame) {
        return abi::Error::InvalidArgument;
    }
    const std::uint64_t count = argument(context, 2);
    if (count > maximum_count(type)) return abi::Error::InvalidArgument;
    Capability* first =
        REDOUBT_TRY(find_empty_slots(self, argument(context, 3), argument(context, 4), count));
    REDOUBT_TRY(untyped_can_carve(*untyped, size_bits, count));
    // An Untyped's memory is zeroed when something is made of it.
    if (type != abi::ObjectType::Untyped && !untyped_clean(*untyped, size_bits, count)) {
        restart_syscall(context);
        return kNoStatus;
    }
    untyped_retype(*untyped, type, size_bits, first, count);
    return abi::Error::Ok;
}

abi::Error syscall_cap_copy(Thread& self, UserContext& context) {
    Capability* source = REDOUBT_TRY(find_any(self, argument(context, 0)));
    const auto rights = static_cast<abi::Rights>(argument(context, 1));
    Capability* destination =
        REDOUBT_TRY(find_empty_slots(self, argument(context, 2), argument(context, 3)));
    const std::uint64_t badge = argument(context, 4);
    if (badge != 0) REDOUBT_TRY(check_badge(*source, badge));
    REDOUBT_TRY(can_copy(*source));
    copy_capability(*source, *destination, rights, badge);
    return abi::Error::Ok;
}

abi::Error syscall_cap_delete(Thread& self, UserContext& context) {
    DyingObjects dying;
    // Slot 0 of its own CNode: goes on with what was interrupted.
    const bool goes_on =
        !self.dying.empty() && argument(context, 0) == 0 && argument(context, 1) == 0;
    if (!goes_on) {
        Capability* slot = REDOUBT_TRY(find_slot(self, argument(context, 0), argument(context, 1)));
        if (slot->empty()) return abi::Error::InvalidCapability;
        delete_capability(*slot, dying);
    }
    return end_dying(self, context, dying);
}

abi::Error syscall_cap_revoke(Thread& self, UserContext& context) {
    Capability* slot = REDOUBT_TRY(find_slot(self, argument(context, 0), argument(context, 1)));
    if (slot->empty()) return abi::Error::InvalidCapability;
    DyingObjects dying;
    dying.take(self.dying);
    for (bool done = false; !done;) {
        Budget budget;
        done = revoke_some(*slot, budget, dying) && dying.end_some(budget);
        // A thread that loses what it runs on does not come back to go on with this.
        if (&self != current_thread()) break;
        if (!done && should_give_way()) {
            self.dying.take(dying);
            restart_syscall(context);
            return kNoStatus;
        }
    }
    return end_dying(self, context, dying);
}

abi::Error syscall_cap_identify(Thread& self, UserContext& context) {
    const Capability& capability = *REDOUBT_TRY(find_any(self, argument(context, 0)));
    std::uint64_t value = 0;
    std::uint64_t free_bytes = 0;
    switch (capability.type) {
        case abi::ObjectType::Untyped:
            free_bytes = untyped_free_bytes(capability);
            [[fallthrough]];
        case abi::ObjectType::Frame:
            if (capability.allows(abi::Rights::Physical)) value = capability.object;
            break;
        case abi::ObjectType::IoPortRange:
            value = capability.object;
            break;
        default:
            value = capability.badge;
            break;
    }
    set_result(
        context, 1,
        static_cast<std::uint64_t>(capability.type) | std::uint64_t{capability.size_bits} << 32);
    set_result(context, 2, static_cast<std::uint64_t>(capability.rights));
    set_result(context, 3, value);
    set_result(context, 4, free_bytes);
    return abi::Error::Ok;
}

}  // namespace redoubt::kernel
