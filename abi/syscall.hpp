// System call numbers and register conventions.
//
// x86-64: `syscall` with the number in rax; arguments rdi, rsi, rdx, r10, r8, r9. On return rax holds an
// abi::Error and rsi, rdx, r10, r8, r9 result values (rdi too for receives); rcx and r11 are lost.
// riscv64: `ecall` with the number in a7; arguments a0 … a5. On return a7 holds an abi::Error and a1 … a5 result
// values (a0 too for receives); a6 and t0 … t6 are lost.
// Numbers below kNativeBase are Linux's and are reflected to the thread's own handler (docs/abi.md).
#pragma once

#include <cstdint>

namespace redoubt::abi {

inline constexpr std::uint64_t kNativeBase = 0x1000;

/// riscv64 only, where a handler has no register left to return with: goes on at
/// IpcBuffer::reflect_instruction_pointer with reflect_flags in tp and reflect_number in a7.
inline constexpr std::uint64_t kReflectReturn = kNativeBase - 1;

/// "cap" arguments are CapabilityIndex in the caller's CNode.
enum class SyscallNumber : std::uint64_t {
    // -- IPC. info is a MessageInfo; mr0..mr3 travel in rdx, r10, r8, r9.
    Call = kNativeBase,  ///< (endpoint, info, mr0..3) -> info in rsi, mr0..3. Also on an HvFile: the kernel answers.
    ReplyRecv,           ///< (endpoint | reply << 32, info, mr0..3) -> badge in rdi, info in rsi, mr0..3
    Recv,                ///< (endpoint | reply << 32) -> as ReplyRecv. reply 0: the message cannot be answered
    Reply,               ///< (reply, info, mr0..3)
    // -- Notifications
    Signal,              ///< (notification): ORs the capability's badge into its word
    Wait,                ///< (notification, deadline in ticks; 0 polls) -> bits in rsi; TimedOut
    Yield,               ///< ()
    // -- Capabilities. (cnode, index) names a slot; cnode 0 is the caller's own CNode.
    Retype,              ///< (untyped, type | size_bits << 32, count, cnode, first index)
    CapCopy,             ///< (source, rights, cnode, index, badge or range): copy; mint if badge != 0. See docs/abi.md
    CapDelete,           ///< (cnode, index)
    CapRevoke,           ///< (cnode, index): deletes every capability derived from it, not itself
    CapIdentify,         ///< (cap) -> type | size_bits << 32, rights, physical address or badge, free bytes
    // -- Memory. space is an AddressSpace or a Vm capability.
    Map,                 ///< (frame, space, address, MapFlags)
    Unmap,               ///< (frame)
    // -- Threads
    ThreadConfigure,     ///< (thread): ThreadConfiguration in the IPC buffer's words
    ThreadControl,       ///< (thread, ThreadOperation, value)
    // -- Devices
    IrqControl,          ///< (irq, IrqOperation, value, destination slot) -> values
    PortIo,              ///< (ports, port, PortAccess, value) -> value in rsi
    // -- Virtual machines
    VcpuRun,             ///< (vcpu): enters the guest; returns when the state page holds an exit record
    VcpuControl,         ///< (vcpu, VcpuOperation, register groups)
    // -- Other
    SystemInfo,          ///< (SystemInfoKind) -> value in rsi
    Exit,                ///< (): ends the calling thread for good
    SchedulingControl,   ///< (scheduling context, SchedulingOperation, values) -> values
    End_,
};

/// Third argument of PortIo: size in bytes (1, 2, 4), with kPortWrite for output.
inline constexpr std::uint64_t kPortWrite = 0x100;

}  // namespace redoubt::abi
