// A doorbell of the Redoubt kernel: a Notification of its own, and the binding in the VM.
#pragma once

#include "libhvcall/doorbell.hpp"
#include "libhvcall/native_hv/resources.hpp"

namespace redoubt::hvcall::native_hv {

class NativeDoorbell final : public Doorbell {
  public:
    NativeDoorbell(const NativeServices& services, Slot vm, const abi::hv::Doorbell& where)
        : services_(services),
          vm_(vm),
          where_(where),
          notification_(services.allocate_object(abi::ObjectType::Notification)) {
        if (notification_ == 0)
            throw HypervisorError("no memory for a doorbell", abi::Error::NoMemory);
        const auto error =
            native::scheme::call(vm_, static_cast<std::uint64_t>(abi::hv::VmCall::BindDoorbell),
                                 &where_, sizeof where_, notification_);
        if (error == abi::Error::Ok) return;
        services_.release_object(notification_);
        throw HypervisorError("cannot bind a doorbell", error);
    }
    ~NativeDoorbell() override {
        native::scheme::call(vm_, static_cast<std::uint64_t>(abi::hv::VmCall::UnbindDoorbell),
                             &where_, sizeof where_);
        services_.release_object(notification_);
    }
    NativeDoorbell(const NativeDoorbell&) = delete;
    NativeDoorbell& operator=(const NativeDoorbell&) = delete;

    bool wait(HostTicks deadline) override {
        return native::wait(notification_, deadline.count).error == abi::Error::Ok;
    }

  private:
    const NativeServices& services_;
    Slot vm_;
    abi::hv::Doorbell where_;
    Slot notification_;
};

}  // namespace redoubt::hvcall::native_hv
