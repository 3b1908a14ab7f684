// What every kernel object begins with.
#pragma once

#include "abi/object.hpp"
#include "kernel/cap/capability.hpp"

namespace redoubt::kernel {

/// A member of the circle of dying objects that somebody has to end (kernel/object/ending.hpp).
struct DyingLink {
    DyingLink* previous_dying = this;
    DyingLink* next_dying = this;
};

/// First member (or base) of every object that capabilities point to by kernel address. Its place
/// in the derivation tree is used from the end of its last capability until its own.
struct ObjectHeader : DerivationNode, DyingLink {
    constexpr explicit ObjectHeader(abi::ObjectType object_type) : DerivationNode{} {
        type = object_type;
        flags = kObject;
    }

    /// The oldest of the object's capabilities; nullptr: it is dying.
    Capability* capability = nullptr;
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

}  // namespace redoubt::kernel
