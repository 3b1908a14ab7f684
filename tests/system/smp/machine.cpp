// Making a virtual machine, each step of which must succeed.
#include "tests/system/smp/machine.hpp"

namespace redoubt::stress {

namespace {

constexpr unsigned kMemoryBits = 16;

}  // namespace

void make_machine(Task& task, Program code) {
    constexpr auto kAll = kReadWrite | abi::MapFlags::Execute;
    const Window window{task};
    const Slot at = task.first;
    must(task, probe::create(hv_root(), "vm", at + kVm, task.pool, 16), "a VM");
    must(task, native::retype(task.pool, ObjectType::Frame, kMemoryBits, at + kMemory), "memory");
    must(task, native::copy(at + kMemory, Rights::All, at + kGuestMemory), "memory");
    must(task, native::retype(task.pool, ObjectType::Frame, 12, at + kPage), "a page");
    must(task, native::copy(at + kPage, Rights::All, at + kGuestPage), "a page");
    must(task, native::map(at + kMemory, kSpace, window.base + 0x10000, kReadWrite), "memory");
    must(task, native::map(at + kPage, kSpace, window.base + 0x30000, kReadWrite), "a page");
    must(task, native::map(at + kGuestMemory, at + kVm, kMemoryAddress, kAll), "guest memory");
    window.copy(kCodeOffset, code);
    must(task, probe::create(at + kVm, "vcpu/0", at + kVcpu, task.pool), "a vCPU");
    must(task,
         probe::request(at + kVcpu, abi::scheme::Operation::Map, 0, 4096, 0, 0, at + kState).error,
         "its state");
    abi::VcpuState& state = window.state();
    must(task,
         native::map(at + kState, kSpace, reinterpret_cast<std::uint64_t>(&state), kReadWrite),
         "its state");
    must(task, native::vcpu_control(at + kVcpu, abi::VcpuOperation::GetState), "its state");
    set_guest_state(state);
    state.deadline = abi::kNever;
}

}  // namespace redoubt::stress
