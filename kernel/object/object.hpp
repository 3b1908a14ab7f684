// What every kernel object begins with, and how objects end.
#pragma once

#include "abi/error.hpp"
#include "abi/object.hpp"
#include "kernel/cap/capability.hpp"

namespace redoubt::kernel {

/// First member (or base) of every object that capabilities point to by kernel address.
struct ObjectHeader {
    explicit ObjectHeader(abi::ObjectType object_type) : type{object_type} {}

    Capability* capability =
        nullptr;  ///< the first of the object's capabilities; nullptr: it is dead
    ObjectHeader* next_dead = nullptr;
    abi::ObjectType type;
};

/// Base of AddressSpace and Vm: something that frames are mapped in.
struct SpaceObject : ObjectHeader {
    using ObjectHeader::ObjectHeader;

    Capability* mappings = nullptr;  ///< frames mapped here, linked by Capability::next_mapping
};

/// The object that a capability refers to, or nullptr for Untyped, Frame, IoPortRange, HvFile and
/// the Irq control.
inline ObjectHeader* object_header(const Capability& capability) {
    switch (capability.type) {
        case abi::ObjectType::Null:
        case abi::ObjectType::Untyped:
        case abi::ObjectType::Frame:
        case abi::ObjectType::IoPortRange:
        case abi::ObjectType::HvFile:
            return nullptr;
        case abi::ObjectType::Irq:
            return capability.has(Capability::kControl) ? nullptr : &capability.as<ObjectHeader>();
        default:
            return &capability.as<ObjectHeader>();
    }
}

/// Objects whose last capability was deleted; they end when the operation that killed them is
/// otherwise complete, so that ending one (a CNode full of capabilities) never recurses.
class Reaper {
  public:
    Reaper() = default;
    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;
    ~Reaper() { run(); }

    void add(ObjectHeader& object) {
        object.next_dead = first_;
        first_ = &object;
    }
    void run();

  private:
    ObjectHeader* first_ = nullptr;
};

/// Makes every frame mapped in `space` forget it, without touching page tables: for the end of a
/// space, and for kernel/hv when a VM is destroyed before its capabilities are.
void forget_mappings(SpaceObject& space);

}  // namespace redoubt::kernel
