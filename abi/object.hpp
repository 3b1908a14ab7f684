// Kernel object types, their sizes, and the arguments of the calls that make and configure them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::abi {

/// Index of a slot in the calling thread's CNode. Slot 0 is always empty.
using CapabilityIndex = std::uint32_t;
inline constexpr CapabilityIndex kNullCapability = 0;

/// `size_bits` of retype is log2 of the object's size in bytes; fixed-size types take 0.
enum class ObjectType : std::uint32_t {
    Null = 0,
    Untyped = 1,  ///< any size_bits in 12..47; a source of further objects
    Frame = 2,    ///< any size_bits in 12..30; memory that can be mapped
    CNode = 3,    ///< size_bits in 12..24; holds 2^size_bits / 64 slots
    AddressSpace =
        4,  ///< size_bits in 14..24; the object, its root table and the pool of its page tables
    Thread = 5,        ///< fixed
    Endpoint = 6,      ///< fixed
    Notification = 7,  ///< fixed
    Reply = 8,         ///< fixed
    Irq = 9,  ///< never retyped: copied from the boot Irq control, see SyscallNumber::IrqControl
    IoPortRange = 10,  ///< never retyped: minted with a narrower range from the boot capability
    Vm = 11,           ///< made through hv:/vm only; size_bits in 16..24
    Vcpu = 12,         ///< made through hv:/vm/<id>/vcpu/<n> only
    HvFile = 13,       ///< an open hv: path; the boot capability is the root hv:
    SchedulingContext = 14,  ///< fixed; processor time for the threads bound to it
};

inline constexpr unsigned kPageBits = 12;
inline constexpr unsigned kSlotBits = 6;  ///< a capability slot is 64 bytes
inline constexpr unsigned kThreadBits =
    13;  ///< memory one Thread takes from its Untyped (FPU state included)
inline constexpr unsigned kVcpuBits =
    15;  ///< memory one Vcpu takes (control block, state page, FPU state)
inline constexpr unsigned kSmallObjectBits =
    8;  ///< Endpoint, Notification, Reply and SchedulingContext

/// Flags of SyscallNumber::Map beyond the rights (which may only narrow the frame capability's
/// own).
enum class MapFlags : std::uint32_t {
    None = 0,
    Read = 1U << 0,
    Write = 1U << 1,
    Execute = 1U << 2,
    Uncached = 1U << 3,  ///< device memory; required and only permitted for device frames
    WriteCombining = 1U << 4,
};
constexpr MapFlags operator|(MapFlags a, MapFlags b) {
    return static_cast<MapFlags>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool has(MapFlags set, MapFlags bit) {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(bit)) != 0;
}

/// Thread priorities: 0 (idle) … 255 (highest). A thread may not set one above its own maximum.
inline constexpr unsigned kPriorityCount = 256;

/// Argument of ThreadConfigure, in the caller's IPC buffer at `words`.
struct ThreadConfiguration {
    CapabilityIndex address_space;
    CapabilityIndex cnode;
    CapabilityIndex ipc_buffer_frame;  ///< a 4 KiB Frame the kernel keeps a reference to
    CapabilityIndex fault_endpoint;    ///< 0: a fault stops the thread for good
    std::uint64_t fault_badge;         ///< badge of the fault message
    std::uint64_t
        ipc_buffer_address;  ///< where user space mapped that frame; becomes the GS base on x86-64
    std::uint64_t reflect_handler;  ///< entry of the Linux-ABI handler, 0 for none; see docs/abi.md
                                    ///< "Reflection"
    std::uint32_t priority;
    std::uint32_t maximum_priority;
};
static_assert(sizeof(ThreadConfiguration) == 48);

/// Argument of ThreadControl/SetContext, in the caller's IPC buffer at `words`.
struct ThreadStart {
    std::uint64_t instruction_pointer;
    std::uint64_t stack_pointer;
    std::uint64_t argument;  ///< first argument register (rdi)
    std::uint64_t tls_base;  ///< FS base on x86-64
};
static_assert(sizeof(ThreadStart) == 32);

/// Operations of ThreadControl (second argument).
enum class ThreadOperation : std::uint32_t {
    Resume = 0,
    Suspend = 1,
    SetContext = 2,        ///< takes a ThreadStart; the thread must be suspended
    SetPriority = 3,       ///< third argument: priority
    BindNotification = 4,  ///< third argument: Notification capability (0 unbinds)
    SetTlsBase = 5,        ///< third argument: the FS base; permitted on the calling thread with
                           ///< capability index 0
    SetReflection = 6,     ///< third argument: handler entry
    SetAffinity = 7,       ///< third argument: the processors it may run on, bit by bit; 0: all
    SetScheduling = 8,     ///< third argument: SchedulingContext capability. InvalidState if the
                           ///< caller itself is bound to one
};

/// Operations of SchedulingControl (second argument).
enum class SchedulingOperation : std::uint32_t {
    /// Third to fifth argument: weight, budget and period. A budget of 0 is no limit, otherwise it
    /// is in ticks per period and for all processors together; the period is in ticks, from a
    /// thousandth of a second to a second.
    Configure = 0,
    /// Values: ticks consumed, number of periods whose budget did not suffice.
    Read = 1,
};

/// Weights of SchedulingContexts: 1 … 1000. That of a new one, and of threads that have none.
inline constexpr std::uint32_t kNormalWeight = 100;
inline constexpr std::uint32_t kMaximumWeight = 1000;

/// Operations of IrqControl (second argument). See docs/abi.md "Interrupts".
enum class IrqOperation : std::uint32_t {
    Claim = 0,  ///< on the boot Irq control: third argument GSI, fourth destination slot -> Irq
                ///< capability
    ClaimMsi =
        1,     ///< on the boot Irq control: fourth destination slot; values: MSI address, MSI data
    Bind = 2,  ///< third argument: Notification capability; its badge is signalled
    Acknowledge = 3,  ///< unmask after handling (level-triggered lines); no effect on MSI
};

/// Selectors of SystemInfo.
enum class SystemInfoKind : std::uint32_t {
    TicksPerSecond =
        0,  ///< frequency of the counter that deadlines are given in (TSC, CNTVCT, time)
    ProcessorCount = 1,
    BootRealTime = 2,  ///< seconds since 1970 at tick 0
    FreeBytesAtBoot = 3,
    /// Second argument: a processor. Values, times in ticks: how often it took the kernel lock, how
    /// often it had to wait, how long it held it in all and at most, how long it waited.
    /// NotSupported unless the kernel was started with `lock-statistics`.
    LockStatistics = 4,
    IpcBuffer = 5,  ///< user address of the calling thread's IPC buffer
    /// A number that nobody can guess. NotSupported where neither the firmware's device tree has a
    /// seed nor user space needs the kernel for it (x86).
    Random = 6,
};

/// A deadline that never comes.
inline constexpr std::uint64_t kNever = ~std::uint64_t{0};

}  // namespace redoubt::abi
