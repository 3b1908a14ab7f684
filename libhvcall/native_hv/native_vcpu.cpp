// A vCPU of the Redoubt kernel: the state page, running, waiting and kicking.
#include "libhvcall/native_hv/native_vcpu.hpp"

#include <string>

namespace redoubt::hvcall::native_hv {

namespace {
enum : std::uint32_t { kVcpuSlot, kPageSlot, kSignalSlot, kSlotCount };
}  // namespace

NativeVcpu::NativeVcpu(const NativeServices& services, Slot vm, unsigned index)
    : Vcpu(nullptr),
      services_(services),
      memory_(take_untyped(services, abi::kVcpuBits, "no memory for a vCPU")),
      slots_(services, kSlotCount),
      page_(services, 4096, 4096),
      notification_(services.allocate_object(abi::ObjectType::Notification)) {
    if (notification_ == 0) throw HypervisorError("no memory for a vCPU", abi::Error::NoMemory);
    try {
        const auto path = "vcpu/" + std::to_string(index);
        require(native::scheme::open(vm, path, abi::scheme::OpenFlags::Create, slots_[kVcpuSlot],
                                     memory_.get())
                    .error,
                "cannot create a vCPU");
        require(native::scheme::map(slots_[kVcpuSlot], 0, 4096, slots_[kPageSlot]),
                "cannot get a vCPU's state page");
        require(native::map(slots_[kPageSlot], kOwnAddressSpace, page_.get(),
                            abi::MapFlags::Read | abi::MapFlags::Write),
                "cannot map a vCPU's state page");
        require(native::mint(notification_, abi::Rights::Write, 1, slots_[kSignalSlot]),
                "cannot make a vCPU's wake-up signal");
    } catch (...) {
        services_.release_object(notification_);
        throw;
    }
    set_state(reinterpret_cast<abi::VcpuState*>(page_.get()));
}

NativeVcpu::~NativeVcpu() {
    native::unmap(slots_[kPageSlot]);
    services_.release_object(notification_);
}

RunResult NativeVcpu::run() {
    const auto error = native::vcpu_run(slots_[kVcpuSlot]);
    if (error == abi::Error::Ok) [[likely]] {
        return RunResult::Exited;
    }
    if (error == abi::Error::Cancelled || error == abi::Error::InvalidCapability) {
        return RunResult::Destroyed;
    }
    throw HypervisorError("cannot run a vCPU", error);
}

// A kick sets kicked_ and then looks at waiting_; a waiter sets waiting_ and then looks at kicked_:
// one of the two sees the other.
void NativeVcpu::wait(HostTicks deadline) {
    waiting_ = true;
    if (!kicked_.exchange(false)) {
        native::wait(notification_, deadline.count);
        kicked_ = false;
    }
    waiting_ = false;
}

void NativeVcpu::kick() {
    kicked_ = true;
    if (waiting_) {
        native::signal(slots_[kSignalSlot]);
    } else {
        native::vcpu_control(slots_[kVcpuSlot], abi::VcpuOperation::Kick);
    }
}

void NativeVcpu::get_state(abi::RegisterGroup groups) {
    require(native::vcpu_control(slots_[kVcpuSlot], abi::VcpuOperation::GetState, groups),
            "cannot read a vCPU's registers");
}

void NativeVcpu::set_identification(std::span<const std::byte> table) {
    require(native::scheme::call(slots_[kVcpuSlot],
                                 static_cast<std::uint64_t>(abi::hv::VcpuCall::SetIdentification),
                                 table.data(), table.size()),
            "cannot give a vCPU its identification");
}

}  // namespace redoubt::hvcall::native_hv
