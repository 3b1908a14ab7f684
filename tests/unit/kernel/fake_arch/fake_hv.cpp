// Host tests of the portable kernel: a machine without virtualization.
#include "fake_arch/fake.hpp"
#include "kernel/hv/hv.hpp"

namespace redoubt::kernel::hv {

bool available() { return false; }
bool vm_end_some(Vm&, Budget&) { return true; }
void vcpu_destroy(Vcpu&) {}
Result<void> vm_map_frame(Vm&, GuestPhysicalAddress, PhysicalAddress, std::uint64_t, PageFlags) {
    return abi::Error::NotSupported;
}
void vm_unmap(Vm&, GuestPhysicalAddress, std::uint64_t) {}
abi::Error vcpu_run(Thread&, Vcpu&) { return abi::Error::NotSupported; }
void resume_guest(Thread& thread) { fake::guest(thread); }
std::uint64_t run_deadline(const Vcpu&) { return fake::guest_deadline; }
void abandon_run(Thread& thread) { thread.vcpu = nullptr; }
Result<void> vcpu_control(Vcpu&, std::uint64_t, std::uint64_t) { return abi::Error::NotSupported; }
abi::MessageInfo call(Capability&, Request&) {
    return abi::MessageInfo{static_cast<std::uint32_t>(abi::Error::NotSupported), 0};
}

}  // namespace redoubt::kernel::hv
