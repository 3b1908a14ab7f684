// Every native system call as an inline function. Usable from freestanding code and from glibc
// programs.
//
// Nothing here allocates or throws: results are values, errors are abi::Error. With
// REDOUBT_NATIVE_FAKE defined (unit tests) the calls go to a function the test provides instead of
// into the kernel.
#pragma once

#include <cstdint>

#include "abi/error.hpp"
#include "abi/ipc.hpp"
#include "abi/object.hpp"
#include "abi/rights.hpp"
#include "abi/syscall.hpp"
#include "abi/vcpu_state.hpp"
#include "libhvcall/native/registers.hpp"

#if !defined(REDOUBT_NATIVE_FAKE) && defined(__riscv)
#include "libhvcall/native/riscv64/invoke.hpp"
#elif !defined(REDOUBT_NATIVE_FAKE)
#include "libhvcall/native/x86_64/invoke.hpp"
#endif

namespace redoubt::native {

using Slot = abi::CapabilityIndex;

#ifdef REDOUBT_NATIVE_FAKE
abi::Error invoke(abi::SyscallNumber number, Registers& registers);
inline abi::Error invoke(abi::SyscallNumber number, std::uint64_t argument) {
    Registers registers{.a0 = argument};
    return invoke(number, registers);
}
abi::IpcBuffer& ipc_buffer();
std::uint64_t ticks();
#endif

/// A value, valid only if `error` is Ok.
template <class T>
struct Outcome {
    abi::Error error = abi::Error::Ok;
    T value{};

    constexpr explicit operator bool() const { return error == abi::Error::Ok; }
};

constexpr bool ok(abi::Error error) { return error == abi::Error::Ok; }

// ---- IPC
// ------------------------------------------------------------------------------------------------

/// What travels in registers. Words beyond the fourth are in ipc_buffer().words.
struct Message {
    abi::MessageInfo info;
    std::uint64_t mr[abi::kRegisterWords] = {};
};

struct Received {
    abi::Error error = abi::Error::Ok;
    std::uint64_t badge = 0;
    Message message;
};

namespace detail {
inline Registers load(std::uint64_t first, const Message& m) {
    return {first, m.info.raw, m.mr[0], m.mr[1], m.mr[2], m.mr[3]};
}
inline void store(const Registers& r, Message& m) {
    m.info = abi::MessageInfo{r.a1};
    m.mr[0] = r.a2;
    m.mr[1] = r.a3;
    m.mr[2] = r.a4;
    m.mr[3] = r.a5;
}
}  // namespace detail

/// Sends `message` and waits for the reply, which replaces it. On error `message` is unspecified.
inline abi::Error call(Slot endpoint, Message& message) {
    Registers r = detail::load(endpoint, message);
    const abi::Error error = invoke(abi::SyscallNumber::Call, r);
    detail::store(r, message);
    return error;
}

/// Waits for a message on `endpoint`; the right to answer it goes into the Reply object `reply` (0:
/// none).
inline Received recv(Slot endpoint, Slot reply) {
    Registers r{.a0 = endpoint | std::uint64_t{reply} << 32};
    Received received;
    received.error = invoke(abi::SyscallNumber::Recv, r);
    received.badge = r.a0;
    detail::store(r, received.message);
    return received;
}

/// Answers the caller held in `reply`, then receives as recv does, in one system call.
inline Received reply_recv(Slot endpoint, Slot reply, const Message& answer) {
    Registers r = detail::load(endpoint | std::uint64_t{reply} << 32, answer);
    Received received;
    received.error = invoke(abi::SyscallNumber::ReplyRecv, r);
    received.badge = r.a0;
    detail::store(r, received.message);
    return received;
}

inline abi::Error reply(Slot reply_object, const Message& answer) {
    Registers r = detail::load(reply_object, answer);
    return invoke(abi::SyscallNumber::Reply, r);
}

// ---- Notifications
// --------------------------------------------------------------------------------------

/// ORs the capability's badge into the notification's word and wakes a waiter.
inline abi::Error signal(Slot notification) {
    Registers r{.a0 = notification};
    return invoke(abi::SyscallNumber::Signal, r);
}

/// Waits until a bit is set and takes all bits. `deadline` is in ticks; 0 polls, abi::kNever waits
/// for good.
inline Outcome<std::uint64_t> wait(Slot notification, std::uint64_t deadline = abi::kNever) {
    Registers r{.a0 = notification, .a1 = deadline};
    const abi::Error error = invoke(abi::SyscallNumber::Wait, r);
    return {error, r.a1};
}

inline void yield() {
    Registers r;
    invoke(abi::SyscallNumber::Yield, r);
}

// ---- Capabilities. cnode 0 is the caller's own
// ----------------------------------------------------------

/// Makes `count` objects in consecutive slots from `first`. Fixed-size types take size_bits 0.
inline abi::Error retype(Slot untyped, abi::ObjectType type, unsigned size_bits, Slot first,
                         std::uint64_t count = 1, Slot cnode = 0) {
    Registers r{.a0 = untyped,
                .a1 = static_cast<std::uint64_t>(type) | std::uint64_t{size_bits} << 32,
                .a2 = count,
                .a3 = cnode,
                .a4 = first};
    return invoke(abi::SyscallNumber::Retype, r);
}

inline abi::Error copy(Slot source, abi::Rights rights, Slot destination, Slot cnode = 0) {
    Registers r{
        .a0 = source, .a1 = static_cast<std::uint64_t>(rights), .a2 = cnode, .a3 = destination};
    return invoke(abi::SyscallNumber::CapCopy, r);
}

/// Copies with a badge (Endpoint, Notification) or a narrower range (IoPortRange: first | last <<
/// 16).
inline abi::Error mint(Slot source, abi::Rights rights, std::uint64_t badge, Slot destination,
                       Slot cnode = 0) {
    Registers r{.a0 = source,
                .a1 = static_cast<std::uint64_t>(rights),
                .a2 = cnode,
                .a3 = destination,
                .a4 = badge};
    return invoke(abi::SyscallNumber::CapCopy, r);
}

/// Empties a slot; the object dies with its last capability.
inline abi::Error delete_capability(Slot index, Slot cnode = 0) {
    Registers r{.a0 = cnode, .a1 = index};
    return invoke(abi::SyscallNumber::CapDelete, r);
}

/// Deletes everything derived from the capability, not the capability itself.
inline abi::Error revoke(Slot index, Slot cnode = 0) {
    Registers r{.a0 = cnode, .a1 = index};
    return invoke(abi::SyscallNumber::CapRevoke, r);
}

struct Identity {
    abi::ObjectType type = abi::ObjectType::Null;
    unsigned size_bits = 0;
    abi::Rights rights = abi::Rights::None;
    std::uint64_t address_or_badge = 0;  ///< physical address (needs Rights::Physical) or badge
    std::uint64_t free_bytes = 0;        ///< of an Untyped
};

inline Outcome<Identity> identify(Slot capability) {
    Registers r{.a0 = capability};
    const abi::Error error = invoke(abi::SyscallNumber::CapIdentify, r);
    return {error,
            {static_cast<abi::ObjectType>(r.a1 & 0xFFFF'FFFF), static_cast<unsigned>(r.a1 >> 32),
             static_cast<abi::Rights>(r.a2), r.a3, r.a4}};
}

// ---- Memory
// ---------------------------------------------------------------------------------------------

/// Maps a Frame into an AddressSpace, or into a Vm at a guest-physical address.
inline abi::Error map(Slot frame, Slot space, std::uint64_t address, abi::MapFlags flags) {
    Registers r{.a0 = frame, .a1 = space, .a2 = address, .a3 = static_cast<std::uint64_t>(flags)};
    return invoke(abi::SyscallNumber::Map, r);
}

inline abi::Error unmap(Slot frame) {
    Registers r{.a0 = frame};
    return invoke(abi::SyscallNumber::Unmap, r);
}

// ---- Threads
// --------------------------------------------------------------------------------------------

namespace detail {
/// Copies an argument structure into the IPC buffer's words.
template <class T>
inline void put_argument(const T& argument) {
    auto* to = reinterpret_cast<unsigned char*>(ipc_buffer().words);
    const auto* from = reinterpret_cast<const unsigned char*>(&argument);
    for (unsigned i = 0; i < sizeof(T); ++i) to[i] = from[i];
}
}  // namespace detail

inline abi::Error thread_configure(Slot thread, const abi::ThreadConfiguration& configuration) {
    detail::put_argument(configuration);
    Registers r{.a0 = thread};
    return invoke(abi::SyscallNumber::ThreadConfigure, r);
}

inline abi::Error thread_control(Slot thread, abi::ThreadOperation operation,
                                 std::uint64_t value = 0) {
    Registers r{.a0 = thread, .a1 = static_cast<std::uint64_t>(operation), .a2 = value};
    return invoke(abi::SyscallNumber::ThreadControl, r);
}

inline abi::Error thread_set_context(Slot thread, const abi::ThreadStart& start) {
    detail::put_argument(start);
    return thread_control(thread, abi::ThreadOperation::SetContext);
}

/// Ends the calling thread for good.
[[noreturn]] inline void exit_thread() {
    for (;;) {
        Registers r;
        invoke(abi::SyscallNumber::Exit, r);
    }
}

// ---- Processor time
// --------------------------------------------------------------------------------------------

/// A budget of 0 is no limit; else ticks in each period, which is in ticks too.
inline abi::Error scheduling_configure(Slot context, std::uint32_t weight, std::uint64_t budget = 0,
                                       std::uint64_t period = 0) {
    Registers r{.a0 = context,
                .a1 = static_cast<std::uint64_t>(abi::SchedulingOperation::Configure),
                .a2 = weight,
                .a3 = budget,
                .a4 = period};
    return invoke(abi::SyscallNumber::SchedulingControl, r);
}

/// Times in ticks.
struct SchedulingState {
    std::uint64_t consumed = 0;
    std::uint64_t throttled = 0;  ///< periods whose budget did not suffice
};

inline Outcome<SchedulingState> scheduling_read(Slot context) {
    Registers r{.a0 = context, .a1 = static_cast<std::uint64_t>(abi::SchedulingOperation::Read)};
    const abi::Error error = invoke(abi::SyscallNumber::SchedulingControl, r);
    return {error, {r.a1, r.a2}};
}

// ---- Devices
// --------------------------------------------------------------------------------------------

inline abi::Error irq_claim(Slot irq_control, unsigned gsi, Slot destination) {
    Registers r{.a0 = irq_control,
                .a1 = static_cast<std::uint64_t>(abi::IrqOperation::Claim),
                .a2 = gsi,
                .a3 = destination};
    return invoke(abi::SyscallNumber::IrqControl, r);
}

struct MsiMessage {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
};

inline Outcome<MsiMessage> irq_claim_msi(Slot irq_control, Slot destination) {
    Registers r{.a0 = irq_control,
                .a1 = static_cast<std::uint64_t>(abi::IrqOperation::ClaimMsi),
                .a3 = destination};
    const abi::Error error = invoke(abi::SyscallNumber::IrqControl, r);
    return {error, {r.a1, static_cast<std::uint32_t>(r.a2)}};
}

inline abi::Error irq_bind(Slot irq, Slot notification) {
    Registers r{
        .a0 = irq, .a1 = static_cast<std::uint64_t>(abi::IrqOperation::Bind), .a2 = notification};
    return invoke(abi::SyscallNumber::IrqControl, r);
}

inline abi::Error irq_acknowledge(Slot irq) {
    Registers r{.a0 = irq, .a1 = static_cast<std::uint64_t>(abi::IrqOperation::Acknowledge)};
    return invoke(abi::SyscallNumber::IrqControl, r);
}

/// Reads `size` (1, 2, 4) bytes from an I/O port.
inline Outcome<std::uint32_t> port_in(Slot ports, std::uint16_t port, unsigned size) {
    Registers r{.a0 = ports, .a1 = port, .a2 = size};
    const abi::Error error = invoke(abi::SyscallNumber::PortIo, r);
    return {error, static_cast<std::uint32_t>(r.a1)};
}

inline abi::Error port_out(Slot ports, std::uint16_t port, unsigned size, std::uint32_t value) {
    Registers r{.a0 = ports, .a1 = port, .a2 = size | abi::kPortWrite, .a3 = value};
    return invoke(abi::SyscallNumber::PortIo, r);
}

// ---- Virtual machines
// -----------------------------------------------------------------------------------

/// Enters the guest; returns when the state page holds an exit record.
inline abi::Error vcpu_run(Slot vcpu) { return invoke(abi::SyscallNumber::VcpuRun, vcpu); }

inline abi::Error vcpu_control(Slot vcpu, abi::VcpuOperation operation,
                               abi::RegisterGroup groups = abi::RegisterGroup::All) {
    Registers r{.a0 = vcpu,
                .a1 = static_cast<std::uint64_t>(operation),
                .a2 = static_cast<std::uint64_t>(groups)};
    return invoke(abi::SyscallNumber::VcpuControl, r);
}

// ---- Other
// ----------------------------------------------------------------------------------------------

/// 0 if the kernel does not know the selector.
inline std::uint64_t system_info(abi::SystemInfoKind kind) {
    Registers r{.a0 = static_cast<std::uint64_t>(kind)};
    return invoke(abi::SyscallNumber::SystemInfo, r) == abi::Error::Ok ? r.a1 : 0;
}

}  // namespace redoubt::native
