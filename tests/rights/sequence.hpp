// Random sequences of everything that can be done with capabilities, by a thread and by others that
// it starts, from memory that is taken back in the end. The same seed makes the same sequence on
// the host (tests/unit, which shrinks what fails) and in QEMU (tests/system/rights).
#pragma once

#include <cstdint>

#include "tests/rights/world.hpp"

namespace redoubt::rights {

/// xorshift64*, kept apart from the library's so that both sides agree.
struct SequenceRandom {
    std::uint64_t state;

    std::uint64_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * 0x2545'F491'4F6C'DD1DULL >> 16;
    }
    std::uint16_t below(std::uint64_t limit) { return static_cast<std::uint16_t>(next() % limit); }
};

inline SequenceRandom random_for(std::uint64_t seed) {
    return {seed * 0x9E37'79B9'7F4A'7C15ULL | 1};
}

enum class Action : std::uint8_t {
    Retype,       ///< untyped, type, count, slot
    RetypeInto,   ///< untyped, type, cnode, index
    Copy,         ///< source, rights, slot, badge
    CopyInto,     ///< source, cnode, index
    Delete,       ///< slot
    DeleteIn,     ///< cnode, index
    Revoke,       ///< slot
    RevokeIn,     ///< cnode, index
    Map,          ///< frame, space, page, flags
    MapHere,      ///< frame, page: in the thread's own space
    Unmap,        ///< frame
    Configure,    ///< thread, space, cnode, fault endpoint
    Control,      ///< thread, operation, value
    Bind,         ///< thread, notification
    Signal,       ///< notification
    Poll,         ///< notification
    Reply,        ///< reply
    ClaimIrq,     ///< line, slot
    ClaimMsi,     ///< slot
    BindIrq,      ///< irq, notification
    Acknowledge,  ///< irq
    MintPorts,    ///< first, slot
    OpenHv,       ///< path, slot
    CreateVm,     ///< untyped, slot
    OpenInVm,     ///< vm, path, slot
    CreateVcpu,   ///< vm, untyped, index, slot
    MapState,     ///< vcpu, slot
    Kick,         ///< vcpu
    DestroyVm,    ///< vm
    Close,        ///< slot
    FillBuffers,  ///< slots to send, slots to receive into
    Schedule,     ///< scheduling context, weight, budget
    SetSchedule,  ///< thread, scheduling context
    Start,        ///< thread, what it does, with what, and with what else
    Count,
};

/// One of a sequence. What is a slot, a size or a choice among the numbers is said above.
struct Step {
    Action action;
    std::uint16_t a, b, c, d;
};

/// What a started thread does, once, before it ends.
struct Doing {
    abi::SyscallNumber number;
    ObjectType needs;      ///< of its first argument
    std::uint64_t second;  ///< second argument
    bool own_slot;         ///< its arguments are (0, slot)
};
inline constexpr std::uint64_t kSoon = 1;  ///< as Doing::second: the deadline it was started with
inline constexpr auto kFault = abi::SyscallNumber{};  ///< a call that nobody handles
inline constexpr Doing kDoings[] = {
    {abi::SyscallNumber::Call, ObjectType::Endpoint, abi::MessageInfo{1, 3}.raw, false},
    {abi::SyscallNumber::Call, ObjectType::Endpoint, abi::MessageInfo{1, 9, 3}.raw, false},
    {abi::SyscallNumber::Recv, ObjectType::Endpoint, 0, false},
    {abi::SyscallNumber::Call, ObjectType::Endpoint, abi::MessageInfo{1, 5, 1}.raw, false},
    {abi::SyscallNumber::Recv, ObjectType::Endpoint, 0, false},
    {abi::SyscallNumber::ReplyRecv, ObjectType::Endpoint, abi::MessageInfo{2, 9, 2}.raw, false},
    {abi::SyscallNumber::Wait, ObjectType::Notification, abi::kNever, false},
    {abi::SyscallNumber::Wait, ObjectType::Notification, kSoon, false},
    {abi::SyscallNumber::VcpuRun, ObjectType::Vcpu, 0, false},
    {kFault, ObjectType::Null, 0, false},
    {abi::SyscallNumber::CapRevoke, ObjectType::Untyped, 0, true},
    {abi::SyscallNumber::CapDelete, ObjectType::CNode, 0, true},
};
inline constexpr unsigned kDoingCount = sizeof kDoings / sizeof kDoings[0];

inline constexpr unsigned kSequencePoolBits = 20;
inline constexpr unsigned kSequenceSlots = 56;
inline constexpr std::uint64_t kSequenceWindow = 0x3000'0000;  ///< nobody else maps anything here

inline Step random_step(SequenceRandom& random) {
    // Some come often, so that there is something to use and to take away; some seldom, since they
    // always succeed.
    constexpr Action kOften[] = {Action::Retype, Action::Retype, Action::Retype,  Action::Retype,
                                 Action::Copy,   Action::Start,  Action::Map,     Action::Delete,
                                 Action::Delete, Action::Delete, Action::CopyInto};
    constexpr unsigned kOftenCount = sizeof kOften / sizeof kOften[0];
    auto action = static_cast<Action>(random.below(static_cast<unsigned>(Action::Count)));
    const bool seldom = action == Action::ClaimMsi || action == Action::ClaimIrq ||
                        action == Action::MintPorts || action == Action::OpenHv;
    if (random.below(seldom ? 8 : 2) != 0) action = kOften[random.below(kOftenCount)];
    const auto number = [&random] { return random.below(0x1'0000); };
    const std::uint16_t a = number(), b = number(), c = number(), d = number();
    return {action, a, b, c, d};
}

/// Where a sequence takes place.
struct Scene {
    Slot pool;                    ///< Untyped of kSequencePoolBits, nothing made of it
    Slot cnode, space;            ///< the thread's own
    Slot irq_control, ports, hv;  ///< copies; hv 0 if there is none
    Slot buffers[2];              ///< Frames for the IPC buffers of who sends and who receives
    abi::IpcBuffer* contents[2];  ///< the same, as the thread sees them
    Slot first;                   ///< of kSequenceSlots empty slots
    std::uint32_t priority;       ///< of started threads: better than the thread's own
    std::uint64_t entry;          ///< where they start; see begin()
    std::uint64_t soon;           ///< ticks until their deadlines

    Slot slot(unsigned number) const { return first + number % kSequenceSlots; }
    /// Mostly the next slot that holds such a thing, if there is one; now and then any.
    Slot slot(unsigned number, ObjectType type) const {
        for (unsigned i = 0; i < kSequenceSlots && number % 16 != 15; ++i) {
            const Slot candidate = slot(number + i);
            if (native::identify(candidate).value.type == type) return candidate;
        }
        return slot(number);
    }
    Slot empty(unsigned number) const { return slot(number, ObjectType::Null); }
    /// Half of the time the pool itself.
    Slot memory(unsigned number) const {
        return number % 2 == 0 ? pool : slot(number / 2, ObjectType::Untyped);
    }

    Error perform(const Step& step) const;
    /// Takes everything back. What is left then is wrong.
    void clean() const {
        for (const Slot root : {pool, irq_control, ports, hv}) {
            if (root != 0) native::revoke(root);
        }
    }

  private:
    Error retype(Slot untyped, unsigned type, unsigned count, Slot to, Slot into) const;
    Error open(Slot target, const char* path, Slot to, bool create = false, Slot passed = 0) const;
    Error start(const Step& step) const;
    /// What is an endpoint might not answer.
    template <class Function>
    static Error call_kernel(Slot target, Function function) {
        const ObjectType type = native::identify(target).value.type;
        if (type == ObjectType::Endpoint) return Error::NotSupported;
        return function(target);
    }
};

inline Error Scene::retype(Slot untyped, unsigned type, unsigned count, Slot to, Slot into) const {
    struct Made {
        ObjectType type;
        unsigned bits;
    };
    constexpr Made kMade[] = {{ObjectType::Untyped, 17},     {ObjectType::Untyped, 14},
                              {ObjectType::Frame, 12},       {ObjectType::Frame, 14},
                              {ObjectType::CNode, 12},       {ObjectType::AddressSpace, 15},
                              {ObjectType::Thread, 0},       {ObjectType::Thread, 0},
                              {ObjectType::Endpoint, 0},     {ObjectType::Endpoint, 0},
                              {ObjectType::Notification, 0}, {ObjectType::Reply, 0},
                              {ObjectType::Notification, 0}, {ObjectType::SchedulingContext, 0}};
    const Made& made = kMade[type % (sizeof kMade / sizeof kMade[0])];
    return native::retype(untyped, made.type, made.bits, to, count % 4 == 0 ? 3 : 1, into);
}

inline Error Scene::open(Slot target, const char* path, Slot to, bool create, Slot passed) const {
    using abi::scheme::OpenFlags;
    const OpenFlags flags = create ? OpenFlags::Create : OpenFlags::None;
    return call_kernel(target, [&](Slot file) {
        return native::scheme::open(file, path, flags, to, passed, kVmBits).error;
    });
}

/// The argument says what it does: number in kDoings, first slot << 8, second slot << 24.
inline Error Scene::start(const Step& step) const {
    const Slot thread = slot(step.a, ObjectType::Thread);
    const auto doing = step.b % kDoingCount;
    const bool receives = kDoings[doing].number == abi::SyscallNumber::Recv ||
                          kDoings[doing].number == abi::SyscallNumber::ReplyRecv;
    const Slot fault = step.d % 4 == 0 ? slot(step.d / 4, ObjectType::Endpoint) : 0;
    Error error = native::thread_configure(
        thread, {space, cnode, buffers[receives], fault, step.c, 0x1000, 0, priority, priority});
    if (error != Error::Ok) return error;
    // Now and then a thread revokes all that it itself was made of.
    const bool revokes = kDoings[doing].number == abi::SyscallNumber::CapRevoke;
    const Slot target = revokes && step.c % 16 == 0 ? pool : slot(step.c, kDoings[doing].needs);
    const std::uint64_t argument =
        doing | std::uint64_t{target} << 8 | std::uint64_t{slot(step.d, ObjectType::Reply)} << 24;
    error = native::thread_set_context(thread, {entry, native::ticks() + soon, argument, 0});
    if (error != Error::Ok) return error;
    return native::thread_control(thread, abi::ThreadOperation::Resume);
}

inline Error Scene::perform(const Step& step) const {
    const auto [action, a, b, c, d] = step;
    using enum ObjectType;
    switch (action) {
        case Action::Retype:
            return retype(memory(a), b, c, empty(d), 0);
        case Action::RetypeInto:
            return retype(memory(a), b, 0, 1 + d % 60, slot(c, CNode));
        case Action::Copy:
            return native::mint(slot(a), static_cast<Rights>(b % 4 == 0 ? b / 4 % 64 : 63),
                                d % 8 < 3 ? d % 8 : 0, empty(c));
        case Action::CopyInto:
            return native::copy(slot(a), Rights::All, 1 + c % 8, slot(b, CNode));
        case Action::Delete:
            return native::delete_capability(slot(a));
        case Action::DeleteIn:
            return native::delete_capability(1 + b % 8, slot(a, CNode));
        case Action::Revoke:
            return native::revoke(b % 4 == 0 ? pool : slot(a));
        case Action::RevokeIn:
            return native::revoke(1 + b % 8, slot(a, CNode));
        case Action::Map:
            return native::map(slot(a, Frame), slot(b, d % 3 == 0 ? Vm : AddressSpace),
                               c % 64 * 0x1000ULL,
                               static_cast<MapFlags>(d % 8 < 4 ? 1 + d % 4 * 2 : 1));
        case Action::MapHere:
            return native::map(slot(a, Frame), space, kSequenceWindow + b % 64 * 0x1000ULL,
                               MapFlags::Read);
        case Action::Unmap:
            return native::unmap(slot(a, Frame));
        case Action::Configure:
            return native::thread_configure(
                slot(a, Thread), {slot(b, AddressSpace), slot(c, CNode), buffers[0],
                                  d % 2 == 0 ? slot(d / 2, Endpoint) : 0, d, 0x1000, 0, 1, 1});
        case Action::Control:
            // Whatever runs without having been started has nothing to execute.
            return native::thread_control(
                slot(a, Thread),
                b % 2 == 0 ? abi::ThreadOperation::Suspend : abi::ThreadOperation::SetPriority,
                c % priority);
        case Action::Bind:
            return native::thread_control(slot(a, Thread), abi::ThreadOperation::BindNotification,
                                          b % 4 == 0 ? 0 : slot(b / 4, Notification));
        case Action::Signal:
            return native::signal(slot(a, Notification));
        case Action::Poll:
            return native::wait(slot(a, Notification), 0).error;
        case Action::Reply:
            return native::reply(slot(a, Reply), {});
        case Action::ClaimIrq:
            return native::irq_claim(irq_control, kFreeLine, empty(a));
        case Action::ClaimMsi:
            return native::irq_claim_msi(irq_control, empty(a)).error;
        case Action::BindIrq:
            return native::irq_bind(slot(a, Irq), b % 4 == 0 ? 0 : slot(b / 4, Notification));
        case Action::Acknowledge:
            return native::irq_acknowledge(slot(a, Irq));
        case Action::MintPorts:
            return native::mint(ports, Rights::All, kPort | kPort << 16, empty(a));
        case Action::OpenHv:
            return open(hv, a % 2 == 0 ? "caps" : "vm", empty(b));
        case Action::CreateVm:
            return open(hv, "vm", empty(b), true, memory(a));
        case Action::OpenInVm:
            return open(slot(a, Vm), b % 2 == 0 ? "memory" : "vcpu/0", empty(c));
        case Action::CreateVcpu:
            return open(slot(a, Vm), c % 2 == 0 ? "vcpu/0" : "vcpu/1", empty(d), true, memory(b));
        case Action::MapState:
            return call_kernel(slot(a, Vcpu), [&](Slot target) {
                return native::scheme::map(target, 0, 4096, empty(b));
            });
        case Action::Kick:
            return native::vcpu_control(slot(a, Vcpu), abi::VcpuOperation::Kick);
        case Action::DestroyVm:
            return call_kernel(slot(a, Vm), [](Slot target) {
                const auto code = static_cast<std::uint64_t>(abi::hv::VmCall::Destroy);
                return native::scheme::control(target, code).error;
            });
        case Action::Close:
            return call_kernel(slot(a), [](Slot target) { return native::scheme::close(target); });
        case Action::FillBuffers:
            for (unsigned i = 0; i < abi::kMaximumCapabilities; ++i) {
                contents[0]->send[i] = contents[1]->send[i] = slot(a + i * b);
            }
            for (abi::IpcBuffer* buffer : contents) {
                buffer->receive_first = empty(c);
                buffer->receive_count = d % 5;
            }
            return Error::Ok;
        case Action::Schedule:
            return native::scheduling_configure(slot(a, SchedulingContext), b % 1001, c % 4, soon);
        case Action::SetSchedule:
            return native::thread_control(slot(a, Thread), abi::ThreadOperation::SetScheduling,
                                          slot(b, SchedulingContext));
        case Action::Start:
            return start(step);
        case Action::Count:
            break;
    }
    return Error::InvalidArgument;
}

}  // namespace redoubt::rights
