// Making a virtual machine, each step of which must succeed.
#include "tests/system/smp/machine.hpp"

namespace redoubt::stress {

namespace scheme = abi::scheme;

Error request(Slot target, scheme::Operation operation, std::uint64_t mr0, std::uint64_t mr1,
              std::uint64_t mr2, Slot sent, Slot received) {
    abi::IpcBuffer& buffer = native::ipc_buffer();
    buffer.send[0] = sent;
    buffer.receive_first = received;
    buffer.receive_count = received != 0 ? 1 : 0;
    native::Message message{
        abi::MessageInfo{static_cast<std::uint32_t>(operation), 8, sent != 0 ? 1U : 0U},
        {mr0, mr1, mr2, 0}};
    const Error error = native::call(target, message);
    return error != Error::Ok ? error : static_cast<Error>(message.info.label());
}

namespace {

constexpr unsigned kMemoryBits = 16;

Error create(const Task& task, Slot target, const char* path, Slot received,
             std::uint64_t size_bits) {
    auto* bytes = reinterpret_cast<char*>(&native::ipc_buffer().words[abi::kRegisterWords]);
    std::uint64_t length = 0;
    for (; path[length] != '\0'; ++length) bytes[length] = path[length];
    return request(target, scheme::Operation::Open, 1, length, size_bits, task.pool, received);
}

}  // namespace

void make_machine(Task& task, std::span<const unsigned char> code) {
    constexpr auto kAll = kReadWrite | abi::MapFlags::Execute;
    const Window window{task};
    const Slot at = task.first;
    must(task, create(task, hv_root(), "vm", at + kVm, 16), "a VM");
    must(task, native::retype(task.pool, ObjectType::Frame, kMemoryBits, at + kMemory), "memory");
    must(task, native::copy(at + kMemory, Rights::All, at + kGuestMemory), "memory");
    must(task, native::retype(task.pool, ObjectType::Frame, 12, at + kPage), "a page");
    must(task, native::copy(at + kPage, Rights::All, at + kGuestPage), "a page");
    must(task, native::map(at + kMemory, kSpace, window.base + 0x10000, kReadWrite), "memory");
    must(task, native::map(at + kPage, kSpace, window.base + 0x30000, kReadWrite), "a page");
    must(task, native::map(at + kGuestMemory, at + kVm, kMemoryAddress, kAll), "guest memory");
    window.copy(kCodeOffset, code);
    must(task, create(task, at + kVm, "vcpu/0", at + kVcpu, 0), "a vCPU");
    must(task, request(at + kVcpu, scheme::Operation::Map, 0, 4096, 0, 0, at + kState),
         "its state");
    abi::VcpuState& state = window.state();
    must(task,
         native::map(at + kState, kSpace, reinterpret_cast<std::uint64_t>(&state), kReadWrite),
         "its state");
    must(task, native::vcpu_control(at + kVcpu, abi::VcpuOperation::GetState), "its state");
    for (auto& segment : state.segments)
        segment.selector = kMemoryAddress >> 4, segment.base = kMemoryAddress;
    state.segments[abi::kEs].base = kPageAddress;
    state.rip = kCodeOffset;
    state.rflags = 2;
    state.gpr[abi::kRsp] = 0x8000;
    state.deadline = abi::kNever;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Segments);
}

}  // namespace redoubt::stress
