// Untyped memory: carving blocks and making objects in them.
#include "kernel/object/untyped.hpp"

#include <new>

#include "kernel/cap/derivation.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/object/scheduling_context.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/preemption.hpp"

namespace redoubt::kernel {

namespace {

/// Zeroed at a time, with interrupts off.
constexpr std::uint64_t kCleanStep = 64 * 1024;

std::uint64_t watermark(const Capability& untyped) {
    return has_children(untyped) ? untyped.badge : 0;
}

/// Where the next block of that size starts, relative to the Untyped (whose own alignment is at
/// least its size).
inline std::uint64_t next_offset(const Capability& untyped, unsigned size_bits) {
    const std::uint64_t mask = (std::uint64_t{1} << size_bits) - 1;
    return (watermark(untyped) + mask) & ~mask;
}

}  // namespace

std::uint64_t untyped_free_bytes(const Capability& untyped) {
    return (std::uint64_t{1} << untyped.size_bits) - watermark(untyped);
}

Result<void> untyped_can_carve(const Capability& untyped, unsigned size_bits, std::uint64_t count) {
    const std::uint64_t size = std::uint64_t{1} << untyped.size_bits;
    const std::uint64_t offset = next_offset(untyped, size_bits);
    if (offset > size || count > (size - offset) >> size_bits) return abi::Error::NoMemory;
    return {};
}

PhysicalAddress untyped_carve(Capability& untyped, unsigned size_bits) {
    const std::uint64_t offset = next_offset(untyped, size_bits);
    untyped.badge = offset + (std::uint64_t{1} << size_bits);
    untyped.clean_start = untyped.clean_end = 0;
    return PhysicalAddress{untyped.object + offset};
}

namespace {

/// Constructs the object in zeroed memory.
void construct(abi::ObjectType type, PhysicalAddress block, unsigned size_bits) {
    void* memory = direct_map<void>(block);
    switch (type) {
        case abi::ObjectType::CNode:
            new (memory) CNode{size_bits};
            break;
        case abi::ObjectType::AddressSpace:
            new (memory) AddressSpace{block, size_bits};
            break;
        case abi::ObjectType::Thread:
            new (memory) Thread{};
            break;
        case abi::ObjectType::Endpoint:
            new (memory) Endpoint{};
            break;
        case abi::ObjectType::Notification:
            new (memory) Notification{};
            break;
        case abi::ObjectType::Reply:
            new (memory) Reply{};
            break;
        case abi::ObjectType::SchedulingContext:
            new (memory) SchedulingContext{};
            break;
        default:
            break;
    }
}

}  // namespace

bool untyped_clean(Capability& untyped, unsigned size_bits, std::uint64_t count) {
    if (untyped.has(Capability::kDevice)) return true;
    const std::uint64_t start = next_offset(untyped, size_bits);
    const std::uint64_t end = start + (count << size_bits);
    if (start < untyped.clean_start || start > untyped.clean_end) {
        untyped.clean_start = untyped.clean_end = start;
    }
    while (untyped.clean_end < end) {
        const std::uint64_t left = end - untyped.clean_end;
        const std::uint64_t step = left < kCleanStep ? left : kCleanStep;
        __builtin_memset(direct_map<void>(PhysicalAddress{untyped.object + untyped.clean_end}), 0,
                         step);
        untyped.clean_end += step;
        if (untyped.clean_end < end && should_give_way()) return false;
    }
    return true;
}

void untyped_retype(Capability& untyped, abi::ObjectType type, unsigned size_bits,
                    Capability* first_slot, std::uint64_t count) {
    const bool plain = type == abi::ObjectType::Untyped || type == abi::ObjectType::Frame;
    for (std::uint64_t i = 0; i < count; ++i) {
        const PhysicalAddress block = untyped_carve(untyped, size_bits);
        construct(type, block, size_bits);
        const std::uint64_t object =
            plain ? block.value() : reinterpret_cast<std::uint64_t>(direct_map<void>(block));
        make_capability(first_slot[i], &untyped, type, abi::Rights::All, object, size_bits,
                        plain ? untyped.flags & Capability::kDevice : 0);
    }
}

}  // namespace redoubt::kernel
