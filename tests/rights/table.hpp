// Which rights every operation of the kernel needs of every capability it is given. The one source
// of the tests on the host and in QEMU, and of the table in docs/abi.md.
#pragma once

#include <cstdint>

#include "tests/rights/operations.hpp"

namespace redoubt::rights {

using Syscall = abi::SyscallNumber;

/// One capability argument of one operation.
struct Row {
    Syscall call;
    const char* operation;  ///< as docs/abi.md names it
    const char* argument;
    Sample sample;  ///< whose type the argument must have
    Rights needed;
    /// Makes the operation with `tested` as this argument, and undoes it. Everything else about it
    /// is as it must be, so that it succeeds with the rights alone.
    Error (*perform)(World& world, Slot tested);
    /// What the operation says when the rights suffice.
    Error allowed = Error::Ok;
    /// Types other than the sample's that the call knows something to do with.
    std::uint32_t also_takes = 0;
};

constexpr std::uint32_t types(std::initializer_list<ObjectType> list) {
    std::uint32_t mask = 0;
    for (const ObjectType type : list) mask |= 1U << static_cast<unsigned>(type);
    return mask;
}

/// Call does what the type of its target says.
inline constexpr std::uint32_t kTargets =
    types({ObjectType::Endpoint, ObjectType::HvFile, ObjectType::Vm, ObjectType::Vcpu});
inline constexpr std::uint32_t kSpaces = types({ObjectType::AddressSpace, ObjectType::Vm});

inline constexpr Rights kNone = Rights::None;

inline constexpr Row kRows[] = {
    // ---- IPC
    {Syscall::Call, "Call", "endpoint", Sample::Endpoint, Rights::Write, operations::call_endpoint,
     Error::Ok, kTargets},
    {Syscall::Call, "Call, carrying capabilities", "endpoint", Sample::Endpoint,
     Rights::Write | Rights::Grant, operations::call_carrying_capabilities_endpoint, Error::Ok,
     kTargets},
    {Syscall::Recv, "Recv", "endpoint", Sample::Endpoint, Rights::Read, operations::recv_endpoint},
    {Syscall::Recv, "Recv", "reply", Sample::Reply, Rights::Write, operations::recv_reply},
    {Syscall::ReplyRecv, "ReplyRecv", "endpoint", Sample::Endpoint, Rights::Read,
     operations::reply_recv_endpoint},
    {Syscall::ReplyRecv, "ReplyRecv", "reply", Sample::Reply, Rights::Write,
     operations::reply_recv_reply},
    {Syscall::Reply, "Reply", "reply", Sample::Reply, Rights::Write, operations::reply_reply,
     Error::InvalidState},
    // ---- notifications
    {Syscall::Signal, "Signal", "notification", Sample::Notification, Rights::Write,
     operations::signal_notification},
    {Syscall::Wait, "Wait", "notification", Sample::Notification, Rights::Read,
     operations::wait_notification},
    // ---- capabilities
    {Syscall::Retype, "Retype", "untyped", Sample::Untyped, kNone, operations::retype_untyped},
    {Syscall::Retype, "Retype", "cnode", Sample::CNode, Rights::Manage, operations::retype_cnode},
    {Syscall::CapCopy, "CapCopy", "source", Sample::Any, kNone, operations::cap_copy_source},
    {Syscall::CapCopy, "CapCopy", "cnode", Sample::CNode, Rights::Manage,
     operations::cap_copy_cnode},
    {Syscall::CapDelete, "CapDelete", "capability", Sample::Any, kNone,
     operations::cap_delete_capability},
    {Syscall::CapDelete, "CapDelete", "cnode", Sample::CNode, Rights::Manage,
     operations::cap_delete_cnode},
    {Syscall::CapRevoke, "CapRevoke", "capability", Sample::Any, kNone,
     operations::cap_revoke_capability},
    {Syscall::CapRevoke, "CapRevoke", "cnode", Sample::CNode, Rights::Manage,
     operations::cap_revoke_cnode},
    {Syscall::CapIdentify, "CapIdentify", "capability", Sample::Any, kNone,
     operations::cap_identify_capability},
    // ---- memory
    {Syscall::Map, "Map", "frame", Sample::Frame, Rights::Read, operations::map_frame},
    {Syscall::Map, "Map, writable", "frame", Sample::Frame, Rights::Read | Rights::Write,
     operations::map_writable_frame},
    {Syscall::Map, "Map, executable", "frame", Sample::Frame, Rights::Read | Rights::Execute,
     operations::map_executable_frame},
    {Syscall::Map, "Map", "space", Sample::AddressSpace, Rights::Manage, operations::map_space,
     Error::Ok, kSpaces},
    {Syscall::Map, "Map", "space", Sample::Vm, Rights::Manage, operations::map_space_vm, Error::Ok,
     kSpaces},
    {Syscall::Unmap, "Unmap", "frame", Sample::Frame, kNone, operations::unmap_frame,
     Error::NotMapped},
    // ---- threads
    {Syscall::ThreadConfigure, "ThreadConfigure", "thread", Sample::Thread, Rights::Manage,
     operations::thread_configure_thread},
    {Syscall::ThreadConfigure, "ThreadConfigure", "address_space", Sample::AddressSpace,
     Rights::Manage, operations::thread_configure_address_space},
    {Syscall::ThreadConfigure, "ThreadConfigure", "cnode", Sample::CNode, Rights::Manage,
     operations::thread_configure_cnode},
    {Syscall::ThreadConfigure, "ThreadConfigure", "ipc_buffer_frame", Sample::Frame,
     Rights::Read | Rights::Write, operations::thread_configure_ipc_buffer_frame},
    {Syscall::ThreadConfigure, "ThreadConfigure", "fault_endpoint", Sample::Endpoint, Rights::Write,
     operations::thread_configure_fault_endpoint},
    {Syscall::ThreadControl, "ThreadControl Resume", "thread", Sample::Thread, Rights::Manage,
     operations::thread_control_resume_thread},
    {Syscall::ThreadControl, "ThreadControl Suspend", "thread", Sample::Thread, Rights::Manage,
     operations::thread_control_suspend_thread},
    {Syscall::ThreadControl, "ThreadControl SetContext", "thread", Sample::Thread, Rights::Manage,
     operations::thread_control_set_context_thread},
    {Syscall::ThreadControl, "ThreadControl SetPriority", "thread", Sample::Thread, Rights::Manage,
     operations::thread_control_set_priority_thread},
    {Syscall::ThreadControl, "ThreadControl BindNotification", "thread", Sample::Thread,
     Rights::Manage, operations::thread_control_bind_notification_thread},
    {Syscall::ThreadControl, "ThreadControl BindNotification", "notification", Sample::Notification,
     Rights::Read, operations::thread_control_bind_notification_notification},
    {Syscall::ThreadControl, "ThreadControl SetTlsBase", "thread", Sample::Thread, Rights::Manage,
     operations::thread_control_set_tls_base_thread},
    {Syscall::ThreadControl, "ThreadControl SetReflection", "thread", Sample::Thread,
     Rights::Manage, operations::thread_control_set_reflection_thread},
    {Syscall::ThreadControl, "ThreadControl SetAffinity", "thread", Sample::Thread, Rights::Manage,
     operations::thread_control_set_affinity_thread},
    {Syscall::ThreadControl, "ThreadControl SetScheduling", "thread", Sample::Thread,
     Rights::Manage, operations::thread_control_set_scheduling_thread},
    {Syscall::ThreadControl, "ThreadControl SetScheduling", "scheduling", Sample::Scheduling,
     Rights::Manage, operations::thread_control_set_scheduling_scheduling},
    // ---- processor time
    {Syscall::SchedulingControl, "SchedulingControl Configure", "scheduling", Sample::Scheduling,
     Rights::Write, operations::scheduling_control_configure_scheduling},
    {Syscall::SchedulingControl, "SchedulingControl Read", "scheduling", Sample::Scheduling,
     Rights::Read, operations::scheduling_control_read_scheduling},
    // ---- devices
    {Syscall::IrqControl, "IrqControl Claim", "control", Sample::IrqControl, Rights::Manage,
     operations::irq_control_claim_control},
    {Syscall::IrqControl, "IrqControl ClaimMsi", "control", Sample::IrqControl, Rights::Manage,
     operations::irq_control_claim_msi_control,
     kHasMessageInterrupts ? Error::Ok : Error::NotSupported},
    {Syscall::IrqControl, "IrqControl Bind", "irq", Sample::Irq, Rights::Manage,
     operations::irq_control_bind_irq},
    {Syscall::IrqControl, "IrqControl Bind", "notification", Sample::Notification, Rights::Write,
     operations::irq_control_bind_notification},
    {Syscall::IrqControl, "IrqControl Acknowledge", "irq", Sample::Irq, Rights::Manage,
     operations::irq_control_acknowledge_irq},
    {Syscall::PortIo, "PortIo, reading", "ports", Sample::Ports, Rights::Read,
     operations::port_io_reading_ports},
    {Syscall::PortIo, "PortIo, writing", "ports", Sample::Ports, Rights::Write,
     operations::port_io_writing_ports},
    // ---- virtual machines
    {Syscall::VcpuRun, "VcpuRun", "vcpu", Sample::Vcpu, Rights::Write, operations::vcpu_run_vcpu},
    {Syscall::VcpuControl, "VcpuControl Kick", "vcpu", Sample::Vcpu, Rights::Write,
     operations::vcpu_control_kick_vcpu},
    {Syscall::VcpuControl, "VcpuControl GetState", "vcpu", Sample::Vcpu, Rights::Write,
     operations::vcpu_control_get_state_vcpu},
    // ---- hv: paths
    {Syscall::Call, "Open `caps`", "hv:", Sample::Hv, Rights::Read, operations::open_caps_hv,
     Error::Ok, kTargets},
    {Syscall::Call, "Open `vm`", "hv:", Sample::Hv, Rights::Read, operations::open_vm_hv, Error::Ok,
     kTargets},
    {Syscall::Call, "Open `vm`, Create", "hv:", Sample::Hv, Rights::Write,
     operations::open_vm_create_hv, Error::Ok, kTargets},
    {Syscall::Call, "Open `vm`, Create", "untyped", Sample::Untyped, kNone,
     operations::open_vm_create_untyped},
    {Syscall::Call, "Open `vm/<id>`", "hv:", Sample::Hv, Rights::Write,
     operations::open_vm_by_id_hv, Error::Ok, kTargets},
    {Syscall::Call, "Open `vm/<id>/vcpu/<n>`", "hv:", Sample::Hv, Rights::Write,
     operations::open_vcpu_by_id_hv, Error::Ok, kTargets},
    {Syscall::Call, "Open `vm/<id>/memory`", "hv:", Sample::Hv, Rights::Read,
     operations::open_memory_by_id_hv, Error::Ok, kTargets},
    {Syscall::Call, "Read", "hv: file", Sample::HvFile, Rights::Read, operations::read_hv_file,
     Error::Ok, kTargets},
    {Syscall::Call, "List", "hv: file", Sample::HvFile, Rights::Read, operations::list_hv_file,
     Error::Ok, kTargets},
    {Syscall::Call, "Stat", "hv: file", Sample::HvFile, kNone, operations::stat_hv_file, Error::Ok,
     kTargets},
    {Syscall::Call, "Close", "hv: file", Sample::HvFile, kNone, operations::close_hv_file,
     Error::Ok, kTargets},
    {Syscall::Call, "Open `vcpu/<n>`, Create", "vm", Sample::Vm, Rights::Manage,
     operations::open_vcpu_create_vm, Error::Ok, kTargets},
    {Syscall::Call, "Open `vcpu/<n>`, Create", "untyped", Sample::Untyped, kNone,
     operations::open_vcpu_create_untyped},
    {Syscall::Call, "Open `vcpu/<n>`", "vm", Sample::Vm, Rights::Manage | Rights::Write,
     operations::open_vcpu_vm, Error::Ok, kTargets},
    {Syscall::Call, "Open `memory`", "vm", Sample::Vm, Rights::Read, operations::open_memory_vm,
     Error::Ok, kTargets},
    {Syscall::Call, "Read", "vm", Sample::Vm, Rights::Read, operations::read_vm, Error::Ok,
     kTargets},
    {Syscall::Call, "List", "vm", Sample::Vm, Rights::Read, operations::list_vm, Error::Ok,
     kTargets},
    {Syscall::Call, "Stat", "vm", Sample::Vm, kNone, operations::stat_vm, Error::Ok, kTargets},
    {Syscall::Call, "Close", "vm", Sample::Vm, kNone, operations::close_vm, Error::Ok, kTargets},
    {Syscall::Call, "Call Destroy", "vm", Sample::DoomedVm, Rights::Manage,
     operations::call_destroy_vm, Error::Ok, kTargets},
    {Syscall::Call, "Call Statistics", "vm", Sample::Vm, Rights::Read,
     operations::call_statistics_vm, Error::Ok, kTargets},
    {Syscall::Call, "Call BindDoorbell", "vm", Sample::Vm, Rights::Manage,
     operations::call_bind_doorbell_vm, kHasDoorbells ? Error::Ok : Error::NotSupported, kTargets},
    {Syscall::Call, "Call BindDoorbell", "notification", Sample::Notification, Rights::Write,
     operations::call_bind_doorbell_notification, kHasDoorbells ? Error::Ok : Error::NotSupported},
    {Syscall::Call, "Call UnbindDoorbell", "vm", Sample::Vm, Rights::Manage,
     operations::call_unbind_doorbell_vm, kHasDoorbells ? Error::Ok : Error::NotFound, kTargets},
    {Syscall::Call, "Call Protect", "vm", Sample::Vm, Rights::Manage, operations::call_protect_vm,
     Error::NotMapped, kTargets},
    {Syscall::Call, "Call Protect", "frame", Sample::Frame, Rights::Read,
     operations::call_protect_frame, Error::NotMapped},
    {Syscall::Call, "Call SetIdentification", "vcpu", Sample::Vcpu, Rights::Write,
     operations::call_set_identification_vcpu, kHasIdentification ? Error::Ok : Error::NotSupported,
     kTargets},
    {Syscall::Call, "Map", "vcpu", Sample::Vcpu, Rights::Write, operations::map_vcpu, Error::Ok,
     kTargets},
    {Syscall::Call, "Stat", "vcpu", Sample::Vcpu, kNone, operations::stat_vcpu, Error::Ok,
     kTargets},
    {Syscall::Call, "Close", "vcpu", Sample::Vcpu, kNone, operations::close_vcpu, Error::Ok,
     kTargets},
};

/// Calls that take no capability: what they do concerns the caller alone.
inline constexpr abi::SyscallNumber kWithoutCapabilities[] = {
    abi::SyscallNumber::Yield, abi::SyscallNumber::SystemInfo, abi::SyscallNumber::Exit};

constexpr bool is_covered(abi::SyscallNumber number) {
    for (const abi::SyscallNumber call : kWithoutCapabilities) {
        if (call == number) return true;
    }
    for (const Row& row : kRows) {
        if (row.call == number) return true;
    }
    return false;
}

constexpr bool every_call_is_covered() {
    for (auto number = abi::kNativeBase;
         number < static_cast<std::uint64_t>(abi::SyscallNumber::End_); ++number) {
        if (!is_covered(static_cast<abi::SyscallNumber>(number))) return false;
    }
    return true;
}
static_assert(every_call_is_covered(), "a system call without a row: say what rights it needs");

}  // namespace redoubt::rights
