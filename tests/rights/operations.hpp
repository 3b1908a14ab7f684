// The operations that the rights table speaks of, each with `t` as the capability that is tried and
// all else as it must be, so that it succeeds with the rights alone. What it does is undone.
#pragma once

#include "tests/rights/world.hpp"

namespace redoubt::rights::operations {

/// Deletes what an operation made, if it did, and gives its error.
inline Error undo(Error error, Slot slot, Slot cnode = 0) {
    if (error == Error::Ok) native::delete_capability(slot, cnode);
    return error;
}

inline Error undo_map(Error error, Slot frame) {
    if (error == Error::Ok) native::unmap(frame);
    return error;
}

/// A receive that finds the bound notification's bits.
inline Error receive(World& world, Slot endpoint, Slot reply, bool answer) {
    native::signal(world.bound());
    const native::Received received =
        answer ? native::reply_recv(endpoint, reply, {}) : native::recv(endpoint, reply);
    native::wait(world.bound(), 0);
    return received.error;
}

inline Error open(World& world, Slot target, const char* path,
                  abi::scheme::OpenFlags flags = abi::scheme::OpenFlags::None, Slot passed = 0,
                  std::uint64_t size_bits = 0) {
    const auto opened =
        native::scheme::open(target, path, flags, world.scratch(), passed, size_bits);
    return undo(opened.error, world.scratch());
}

/// hv:/vm/<id> and what follows.
inline Error open_vm(World& world, Slot target, const char* rest) {
    char path[48] = "vm/", digits[12];
    unsigned length = 3, count = 0;
    for (std::uint32_t id = world.vm_id; id != 0; id /= 10) digits[count++] = '0' + id % 10;
    while (count != 0) path[length++] = digits[--count];
    while (*rest != '\0') path[length++] = *rest++;
    path[length] = '\0';
    return open(world, target, path);
}

inline Error configure(World& world, Slot thread, Slot space, Slot cnode, Slot buffer,
                       Slot endpoint) {
    const Error error =
        native::thread_configure(thread, {space, cnode, buffer, endpoint, 7, kMapAddress, 0, 1, 1});
    if (error != Error::Ok) return error;
    // What it holds is derived from what was given: the next configuration drops it.
    return native::thread_configure(
        world.sample(Sample::Thread),
        {world.sample(Sample::AddressSpace), world.sample(Sample::CNode), world.buffer(), 0, 0,
         kMapAddress, 0, 1, 1});
}

inline Error control_thread(Slot thread, abi::ThreadOperation operation, std::uint64_t value = 0) {
    native::ipc_buffer().words[0] = native::ipc_buffer().words[1] = 0;
    native::ipc_buffer().words[2] = native::ipc_buffer().words[3] = 0;
    return native::thread_control(thread, operation, value);
}

// ---- IPC

inline Error call_endpoint(World&, Slot t) {
    native::Message message{abi::MessageInfo{1, 0}, {}};
    return native::call(t, message);
}

inline Error call_carrying_capabilities_endpoint(World& w, Slot t) {
    native::ipc_buffer().send[0] = w.sample(Sample::Frame);
    native::Message message{abi::MessageInfo{1, 0, 1}, {}};
    return native::call(t, message);
}

inline Error recv_endpoint(World& w, Slot t) {
    return receive(w, t, w.sample(Sample::Reply), false);
}

inline Error recv_reply(World& w, Slot t) { return receive(w, w.quiet(), t, false); }

inline Error reply_recv_endpoint(World& w, Slot t) {
    return receive(w, t, w.sample(Sample::Reply), true);
}

inline Error reply_recv_reply(World& w, Slot t) { return receive(w, w.quiet(), t, true); }

/// Nobody waits for the answer.
inline Error reply_reply(World&, Slot t) { return native::reply(t, {}); }

// ---- notifications

inline Error signal_notification(World& w, Slot t) {
    const Error error = native::signal(t);
    // It arrives exactly if it was allowed.
    const bool arrived = native::wait(w.sample(Sample::Notification), 0).error == Error::Ok;
    return arrived == (error == Error::Ok) ? error : Error::InvalidState;
}

inline Error wait_notification(World& w, Slot t) {
    native::signal(w.sample(Sample::Notification));
    const Error error = native::wait(t, 0).error;
    native::wait(w.sample(Sample::Notification), 0);
    return error;
}

// ---- capabilities

inline Error retype_untyped(World& w, Slot t) {
    return undo(native::retype(t, ObjectType::Endpoint, 0, w.scratch()), w.scratch());
}

inline Error retype_cnode(World& w, Slot t) {
    return undo(native::retype(w.sample(Sample::Untyped), ObjectType::Endpoint, 0, 5, 1, t), 5,
                w.sample(Sample::CNode));
}

inline Error cap_copy_source(World& w, Slot t) {
    return undo(native::copy(t, Rights::All, w.scratch()), w.scratch());
}

inline Error cap_copy_cnode(World& w, Slot t) {
    return undo(native::copy(w.sample(Sample::Frame), Rights::All, 5, t), 5,
                w.sample(Sample::CNode));
}

inline Error cap_delete_capability(World&, Slot t) { return native::delete_capability(t); }

inline Error cap_delete_cnode(World& w, Slot t) {
    native::copy(w.sample(Sample::Frame), Rights::All, 5, w.sample(Sample::CNode));
    const Error error = native::delete_capability(5, t);
    native::delete_capability(5, w.sample(Sample::CNode));
    return error;
}

inline Error cap_revoke_capability(World&, Slot t) { return native::revoke(t); }

inline Error cap_revoke_cnode(World& w, Slot t) {
    native::copy(w.sample(Sample::Frame), Rights::All, 5, w.sample(Sample::CNode));
    const Error error = native::revoke(5, t);
    native::delete_capability(5, w.sample(Sample::CNode));
    return error;
}

inline Error cap_identify_capability(World&, Slot t) { return native::identify(t).error; }

// ---- memory

inline Error map_frame(World& w, Slot t) {
    return undo_map(native::map(t, w.sample(Sample::AddressSpace), kMapAddress, MapFlags::Read), t);
}

inline Error map_writable_frame(World& w, Slot t) {
    return undo_map(native::map(t, w.sample(Sample::AddressSpace), kMapAddress,
                                MapFlags::Read | MapFlags::Write),
                    t);
}

inline Error map_executable_frame(World& w, Slot t) {
    return undo_map(native::map(t, w.sample(Sample::AddressSpace), kMapAddress,
                                MapFlags::Read | MapFlags::Execute),
                    t);
}

inline Error map_space(World& w, Slot t) {
    return undo_map(native::map(w.sample(Sample::Frame), t, kMapAddress, MapFlags::Read),
                    w.sample(Sample::Frame));
}

inline Error map_space_vm(World& w, Slot t) {
    return undo_map(native::map(w.sample(Sample::Frame), t, 0x1000, MapFlags::Read),
                    w.sample(Sample::Frame));
}

/// What has no rights cannot be mapped in the first place.
inline Error unmap_frame(World&, Slot t) { return native::unmap(t); }

// ---- threads

inline Error thread_configure_thread(World& w, Slot t) {
    return configure(w, t, w.sample(Sample::AddressSpace), w.sample(Sample::CNode), w.buffer(), 0);
}

inline Error thread_configure_address_space(World& w, Slot t) {
    return configure(w, w.sample(Sample::Thread), t, w.sample(Sample::CNode), w.buffer(), 0);
}

inline Error thread_configure_cnode(World& w, Slot t) {
    return configure(w, w.sample(Sample::Thread), w.sample(Sample::AddressSpace), t, w.buffer(), 0);
}

inline Error thread_configure_ipc_buffer_frame(World& w, Slot t) {
    return configure(w, w.sample(Sample::Thread), w.sample(Sample::AddressSpace),
                     w.sample(Sample::CNode), t, 0);
}

inline Error thread_configure_fault_endpoint(World& w, Slot t) {
    return configure(w, w.sample(Sample::Thread), w.sample(Sample::AddressSpace),
                     w.sample(Sample::CNode), w.buffer(), t);
}

/// It has been configured by now, and starts with a fault.
inline Error thread_control_resume_thread(World& w, Slot t) {
    const Error error = control_thread(t, abi::ThreadOperation::Resume);
    control_thread(w.sample(Sample::Thread), abi::ThreadOperation::Suspend);
    return error;
}

inline Error thread_control_suspend_thread(World&, Slot t) {
    return control_thread(t, abi::ThreadOperation::Suspend);
}

inline Error thread_control_set_context_thread(World&, Slot t) {
    return control_thread(t, abi::ThreadOperation::SetContext);
}

inline Error thread_control_set_priority_thread(World&, Slot t) {
    return control_thread(t, abi::ThreadOperation::SetPriority, 1);
}

inline Error thread_control_bind_notification_thread(World& w, Slot t) {
    const Error error =
        control_thread(t, abi::ThreadOperation::BindNotification, w.sample(Sample::Notification));
    control_thread(w.sample(Sample::Thread), abi::ThreadOperation::BindNotification, 0);
    return error;
}

inline Error thread_control_bind_notification_notification(World& w, Slot t) {
    const Error error =
        control_thread(w.sample(Sample::Thread), abi::ThreadOperation::BindNotification, t);
    control_thread(w.sample(Sample::Thread), abi::ThreadOperation::BindNotification, 0);
    return error;
}

inline Error thread_control_set_tls_base_thread(World&, Slot t) {
    return control_thread(t, abi::ThreadOperation::SetTlsBase, 0x1000);
}

inline Error thread_control_set_reflection_thread(World&, Slot t) {
    return control_thread(t, abi::ThreadOperation::SetReflection, 0x1000);
}

inline Error thread_control_set_affinity_thread(World&, Slot t) {
    return control_thread(t, abi::ThreadOperation::SetAffinity, 1);
}

/// Configured anew, the thread has none again.
inline Error set_scheduling(World& w, Slot thread, Slot scheduling) {
    const Error error = control_thread(thread, abi::ThreadOperation::SetScheduling, scheduling);
    if (error != Error::Ok) return error;
    return configure(w, w.sample(Sample::Thread), w.sample(Sample::AddressSpace),
                     w.sample(Sample::CNode), w.buffer(), 0);
}

inline Error thread_control_set_scheduling_thread(World& w, Slot t) {
    return set_scheduling(w, t, w.sample(Sample::Scheduling));
}

inline Error thread_control_set_scheduling_scheduling(World& w, Slot t) {
    return set_scheduling(w, w.sample(Sample::Thread), t);
}

// ---- processor time

inline Error scheduling_control_configure_scheduling(World&, Slot t) {
    return native::scheduling_configure(t, 200);
}

inline Error scheduling_control_read_scheduling(World&, Slot t) {
    return native::scheduling_read(t).error;
}

// ---- devices

inline Error irq_control_claim_control(World& w, Slot t) {
    return undo(native::irq_claim(t, kFreeLine, w.scratch()), w.scratch());
}

inline Error irq_control_claim_msi_control(World& w, Slot t) {
    return undo(native::irq_claim_msi(t, w.scratch()).error, w.scratch());
}

inline Error irq_control_bind_irq(World& w, Slot t) {
    const Error error = native::irq_bind(t, w.sample(Sample::Notification));
    native::irq_bind(w.sample(Sample::Irq), 0);
    return error;
}

inline Error irq_control_bind_notification(World& w, Slot t) {
    const Error error = native::irq_bind(w.sample(Sample::Irq), t);
    native::irq_bind(w.sample(Sample::Irq), 0);
    return error;
}

inline Error irq_control_acknowledge_irq(World&, Slot t) { return native::irq_acknowledge(t); }

inline Error port_io_reading_ports(World&, Slot t) { return native::port_in(t, kPort, 1).error; }

inline Error port_io_writing_ports(World&, Slot t) { return native::port_out(t, kPort, 1, 0); }

// ---- virtual machines

/// The guest has no memory, which is an exit.
inline Error vcpu_run_vcpu(World&, Slot t) { return native::vcpu_run(t); }

inline Error vcpu_control_kick_vcpu(World&, Slot t) {
    return native::vcpu_control(t, abi::VcpuOperation::Kick);
}

inline Error vcpu_control_get_state_vcpu(World&, Slot t) {
    return native::vcpu_control(t, abi::VcpuOperation::GetState);
}

// ---- hv: paths

inline Error open_caps_hv(World& w, Slot t) { return open(w, t, "caps"); }

inline Error open_vm_hv(World& w, Slot t) { return open(w, t, "vm"); }

inline Error open_vm_create_hv(World& w, Slot t) {
    return open(w, t, "vm", abi::scheme::OpenFlags::Create, w.sample(Sample::Untyped), kVmBits);
}

inline Error open_vm_create_untyped(World& w, Slot t) {
    return open(w, w.sample(Sample::Hv), "vm", abi::scheme::OpenFlags::Create, t, kVmBits);
}

inline Error open_vm_by_id_hv(World& w, Slot t) { return open_vm(w, t, ""); }

inline Error open_vcpu_by_id_hv(World& w, Slot t) { return open_vm(w, t, "/vcpu/0"); }

inline Error open_memory_by_id_hv(World& w, Slot t) { return open_vm(w, t, "/memory"); }

inline Error read_hv_file(World&, Slot t) { return native::scheme::read_in_place(t, 0, 64).error; }

inline Error list_hv_file(World&, Slot t) { return native::scheme::list_in_place(t, 0).error; }

inline Error stat_hv_file(World&, Slot t) { return native::scheme::stat(t).error; }

inline Error close_hv_file(World&, Slot t) { return native::scheme::close(t); }

inline Error open_vcpu_create_vm(World& w, Slot t) {
    return open(w, t, "vcpu/1", abi::scheme::OpenFlags::Create, w.sample(Sample::Untyped));
}

inline Error open_vcpu_create_untyped(World& w, Slot t) {
    return open(w, w.sample(Sample::Vm), "vcpu/1", abi::scheme::OpenFlags::Create, t);
}

inline Error open_vcpu_vm(World& w, Slot t) { return open(w, t, "vcpu/0"); }

inline Error open_memory_vm(World& w, Slot t) { return open(w, t, "memory"); }

inline Error read_vm(World&, Slot t) { return native::scheme::read_in_place(t, 0, 64).error; }

inline Error list_vm(World&, Slot t) { return native::scheme::list_in_place(t, 0).error; }

inline Error stat_vm(World&, Slot t) { return native::scheme::stat(t).error; }

inline Error close_vm(World&, Slot t) { return native::scheme::close(t); }

inline Error call_destroy_vm(World&, Slot t) {
    return native::scheme::control(t, static_cast<std::uint64_t>(abi::hv::VmCall::Destroy)).error;
}

inline Error call_statistics_vm(World&, Slot t) {
    return native::scheme::control(t, static_cast<std::uint64_t>(abi::hv::VmCall::Statistics))
        .error;
}

constexpr abi::hv::Doorbell kDoorbell{0x500, 1, 0, 0};
inline Error call_doorbell(Slot vm, abi::hv::VmCall code, Slot notification = 0) {
    return native::scheme::call(vm, static_cast<std::uint64_t>(code), &kDoorbell, sizeof kDoorbell,
                                notification);
}
inline Error unbind(World& w) {
    return call_doorbell(w.sample(Sample::Vm), abi::hv::VmCall::UnbindDoorbell);
}

inline Error call_bind_doorbell_vm(World& w, Slot t) {
    const Error error =
        call_doorbell(t, abi::hv::VmCall::BindDoorbell, w.sample(Sample::Notification));
    unbind(w);
    return error;
}

inline Error call_bind_doorbell_notification(World& w, Slot t) {
    const Error error = call_doorbell(w.sample(Sample::Vm), abi::hv::VmCall::BindDoorbell, t);
    unbind(w);
    return error;
}

inline Error call_unbind_doorbell_vm(World& w, Slot t) {
    call_doorbell(w.sample(Sample::Vm), abi::hv::VmCall::BindDoorbell,
                  w.sample(Sample::Notification));
    const Error error = call_doorbell(t, abi::hv::VmCall::UnbindDoorbell);
    unbind(w);
    return error;
}

/// Of a frame that is not mapped in the VM.
inline Error protect(Slot vm, Slot frame) {
    constexpr abi::hv::Protection kProtection{0, MapFlags::Read, 0};
    return native::scheme::call(vm, static_cast<std::uint64_t>(abi::hv::VmCall::Protect),
                                &kProtection, sizeof kProtection, frame);
}
inline Error call_protect_vm(World& w, Slot t) { return protect(t, w.sample(Sample::Frame)); }
inline Error call_protect_frame(World& w, Slot t) { return protect(w.sample(Sample::Vm), t); }

inline Error call_set_identification_vcpu(World&, Slot t) {
    return native::scheme::call(t, static_cast<std::uint64_t>(abi::hv::VcpuCall::SetIdentification),
                                nullptr, 0);
}

inline Error map_vcpu(World& w, Slot t) {
    return undo(native::scheme::map(t, 0, 4096, w.scratch()), w.scratch());
}

inline Error stat_vcpu(World&, Slot t) { return native::scheme::stat(t).error; }

inline Error close_vcpu(World&, Slot t) { return native::scheme::close(t); }

}  // namespace redoubt::rights::operations
