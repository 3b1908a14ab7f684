// A capability of every kind, and what else the operations of the rights table need to succeed.
// Made by an ordinary thread from what it was granted: on the host (tests/unit) and in QEMU
// (tests/system/rights).
#pragma once

#include <cstdint>

#include "abi/hv.hpp"
#include "abi/vcpu_state.hpp"
#include "libhvcall/native/ipc.hpp"
#include "tests/rights/machine.hpp"

namespace redoubt::rights {

using abi::Error;
using abi::MapFlags;
using abi::ObjectType;
using abi::Rights;
using native::Slot;

/// What rows of the table are tried with.
enum class Sample : unsigned {
    Untyped,
    Frame,
    CNode,
    AddressSpace,
    Thread,
    Endpoint,
    Notification,
    Reply,
    IrqControl,
    Irq,
    Ports,
    Scheduling,
    Hv,      ///< the root of hv:
    HvFile,  ///< hv:/caps
    Vm,
    DoomedVm,  ///< for what ends it
    Vcpu,
    Count,
    Any = Count,  ///< rows that take every type
};
inline constexpr unsigned kSampleCount = static_cast<unsigned>(Sample::Count);

constexpr ObjectType type_of(Sample sample) {
    constexpr ObjectType kTypes[] = {
        ObjectType::Untyped,      ObjectType::Frame,       ObjectType::CNode,
        ObjectType::AddressSpace, ObjectType::Thread,      ObjectType::Endpoint,
        ObjectType::Notification, ObjectType::Reply,       ObjectType::Irq,
        ObjectType::Irq,          ObjectType::IoPortRange, ObjectType::SchedulingContext,
        ObjectType::HvFile,       ObjectType::HvFile,      ObjectType::Vm,
        ObjectType::Vm,           ObjectType::Vcpu,        ObjectType::Null};
    static_assert(sizeof kTypes / sizeof kTypes[0] == kSampleCount + 1);
    return kTypes[static_cast<unsigned>(sample)];
}

/// What the thread was granted, and where its empty slots begin.
struct Granted {
    Slot pool;  ///< Untyped, kPoolBits at least
    Slot own_cnode;
    Slot irq_control;
    Slot ports;  ///< holding kPort, where the processor has any
    Slot hv;     ///< 0 on a processor that cannot virtualize
    Slot first_empty;
};

inline constexpr unsigned kPoolBits = 19;
inline constexpr unsigned kUntypedBits = 17;
inline constexpr unsigned kVmBits = 16;
inline constexpr std::uint64_t kPort = 0x80;
inline constexpr std::uint64_t kMapAddress = 0x1000'0000;

class World {
  public:
    explicit World(const Granted& grants) : granted{grants} {}

    Granted granted;

    Slot sample(Sample which) const { return granted.first_empty + static_cast<unsigned>(which); }
    bool has(Sample which) const {
        if (which == Sample::Ports) return kHasPorts;
        return granted.hv != 0 || static_cast<unsigned>(which) < static_cast<unsigned>(Sample::Hv);
    }
    Slot extra(unsigned index) const { return granted.first_empty + kSampleCount + index; }
    Slot tested() const { return extra(0); }   ///< the capability that is tried
    Slot scratch() const { return extra(1); }  ///< empty between operations
    Slot bound() const { return extra(2); }    ///< Notification bound to this thread
    Slot quiet() const { return extra(3); }    ///< Endpoint that nobody calls
    Slot buffer() const { return extra(4); }   ///< Frame for an IPC buffer
    Slot end() const { return extra(5); }
    std::uint32_t vm_id = 0;

    /// Ok, or the first error.
    Error build() {
        const auto pool = granted.pool;
        const auto make = [&](Slot slot, ObjectType type, unsigned bits = 0) {
            if (error_ == Error::Ok) error_ = native::retype(pool, type, bits, slot);
        };
        make(sample(Sample::Untyped), ObjectType::Untyped, kUntypedBits);
        make(sample(Sample::Frame), ObjectType::Frame, abi::kPageBits);
        make(sample(Sample::CNode), ObjectType::CNode, 12);
        make(sample(Sample::AddressSpace), ObjectType::AddressSpace, 15);
        make(sample(Sample::Thread), ObjectType::Thread);
        make(sample(Sample::Endpoint), ObjectType::Endpoint);
        make(sample(Sample::Notification), ObjectType::Notification);
        make(sample(Sample::Reply), ObjectType::Reply);
        make(sample(Sample::Scheduling), ObjectType::SchedulingContext);
        make(bound(), ObjectType::Notification);
        make(quiet(), ObjectType::Endpoint);
        make(buffer(), ObjectType::Frame, abi::kPageBits);
        must(native::copy(granted.irq_control, Rights::All, sample(Sample::IrqControl)));
        must(claim_free_interrupt(granted.irq_control, sample(Sample::Irq), 0));
        if (kHasPorts)
            must(native::mint(granted.ports, Rights::All, kPort | kPort << 16,
                              sample(Sample::Ports)));
        must(native::thread_control(0, abi::ThreadOperation::BindNotification, bound()));
        if (granted.hv != 0) build_vms();
        return error_;
    }

    /// Whatever a capability of the world tells about itself.
    std::uint64_t fingerprint() const {
        std::uint64_t sum = 0;
        for (Slot slot = granted.first_empty; slot < end(); ++slot) {
            const auto [error, identity] = native::identify(slot);
            for (const std::uint64_t part :
                 {static_cast<std::uint64_t>(error), static_cast<std::uint64_t>(identity.type),
                  static_cast<std::uint64_t>(identity.rights), identity.address_or_badge,
                  identity.free_bytes}) {
                sum = (sum ^ part) * 0x100'0000'01B3ULL;
            }
        }
        return sum;
    }

  private:
    void must(Error error) {
        if (error_ == Error::Ok) error_ = error;
    }

    void build_vms() {
        using abi::scheme::OpenFlags;
        must(native::copy(granted.hv, Rights::All, sample(Sample::Hv)));
        must(native::scheme::open(granted.hv, "caps", OpenFlags::None, sample(Sample::HvFile))
                 .error);
        for (const Sample vm : {Sample::DoomedVm, Sample::Vm}) {
            const auto opened = native::scheme::open(granted.hv, "vm", OpenFlags::Create,
                                                     sample(vm), granted.pool, kVmBits);
            must(opened.error);
            vm_id = static_cast<std::uint32_t>(opened.value.size);
        }
        must(native::scheme::open(sample(Sample::Vm), "vcpu/0", OpenFlags::Create,
                                  sample(Sample::Vcpu), granted.pool)
                 .error);
    }

    Error error_ = Error::Ok;
};

}  // namespace redoubt::rights
