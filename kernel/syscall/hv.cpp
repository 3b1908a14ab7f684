// VcpuRun, VcpuControl, and Call on what the kernel itself serves.
#include "kernel/hv/hv.hpp"

#include "kernel/cap/lookup.hpp"
#include "kernel/syscall/message.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

abi::Error syscall_vcpu_run(Thread& self, UserContext& context) {
    Capability* capability =
        REDOUBT_TRY(require(self, argument(context, 0), abi::ObjectType::Vcpu, abi::Rights::Write));
    return hv::vcpu_run(self, capability->as<Vcpu>());
}

abi::Error syscall_vcpu_control(Thread& self, UserContext& context) {
    Capability* capability =
        REDOUBT_TRY(require(self, argument(context, 0), abi::ObjectType::Vcpu, abi::Rights::Write));
    return hv::vcpu_control(capability->as<Vcpu>(), argument(context, 1), argument(context, 2))
        .error();
}

abi::Error syscall_call_kernel(Thread& self, UserContext& context) {
    Capability* target = REDOUBT_TRY(find_any(self, argument(context, 0)));
    if (!target->is(abi::ObjectType::HvFile) && !target->is(abi::ObjectType::Vm) &&
        !target->is(abi::ObjectType::Vcpu)) {
        return abi::Error::InvalidCapability;
    }
    hv::Request request{};
    request.info = abi::MessageInfo{argument(context, 1)};
    if (!is_valid(request.info)) return abi::Error::InvalidArgument;
    DyingObjects dying;
    request.dying = &dying;
    request.buffer = self.ipc_buffer;
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) {
        request.mr[i] = message_register(context, i);
    }
    for (unsigned i = 0; i < request.info.capabilities(); ++i) {
        request.sent[i] = REDOUBT_TRY(find_any(self, self.ipc_buffer->send[i]));
    }
    if (self.ipc_buffer->receive_count != 0) {
        Capability* slot = self.cnode->slot(self.ipc_buffer->receive_first);
        if (slot != nullptr && slot->empty()) request.receive = slot;
    }
    const abi::MessageInfo reply = hv::call(*target, request);
    if (request.again) {
        restart_syscall(context);
        return kNoStatus;
    }
    set_result(context, 1, reply.raw);
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) {
        set_message_register(context, i, request.mr[i]);
    }
    return end_dying(self, context, dying);
}

}  // namespace redoubt::kernel
