// What a process is given into its CNode: memory, schemes, and grants.
#include <algorithm>
#include <cstring>

#include "abi/scheme.hpp"
#include "libhvcall/native/ipc.hpp"
#include "schemes/init/builder.hpp"
#include "schemes/init/report.hpp"

namespace redoubt::init {

using abi::ObjectType;
using abi::Rights;
using abi::StartupSlot;

bool Builder::add_name(std::string_view name, abi::GrantKind kind, native::Slot slot,
                       std::uint64_t value) {
    if (info_.namespace_count == std::size(info_.names)) {
        return fail("it has too many schemes and grants");
    }
    abi::NamespaceEntry& entry = info_.names[info_.namespace_count++];
    std::memcpy(entry.name, name.data(), std::min(name.size(), sizeof(entry.name) - 1));
    entry.slot = slot;
    entry.kind = static_cast<std::uint32_t>(kind);
    entry.value = value;
    return true;
}

/// Names what was put into next_child_slot_.
bool Builder::give(abi::Error error, std::string_view name, abi::GrantKind kind,
                   std::uint64_t value) {
    if (!native::ok(error)) {
        error_ = error;
        report(Line() << entry_.name << " is not started: it cannot be given " << name << " (error "
                      << static_cast<std::uint64_t>(error) << ")");
        return false;
    }
    return add_name(name, kind, next_child_slot_++, value);
}

bool Builder::grant_untypeds() {
    for (std::size_t i = memory_.own_roots; i < memory_.root_count; ++i) {
        const auto identity = native::identify(memory_.roots[i]);
        const unsigned bits = identity.value.size_bits;
        const bool first = i == memory_.own_roots;
        const native::Slot slot = first ? own_slot(StartupSlot::Untyped) : next_child_slot_;
        const abi::Error error =
            native::retype(memory_.roots[i], ObjectType::Untyped, bits, slot, 1, cnode_);
        if (first ? !check(error, "no memory for it to spend")
                  : !give(error, "memory", abi::GrantKind::Untyped, std::uint64_t{1} << bits)) {
            return false;
        }
    }
    return true;
}

bool Builder::grant_schemes() {
    const auto endpoint_of = [&](std::string_view name) -> native::Slot {
        for (const SchemeEndpoint& scheme : request_.schemes) {
            if (scheme.name == name) {
                return scheme.endpoint;
            }
        }
        return 0;
    };
    for (const std::string_view name : entry_.serves) {
        if (!give(native::copy(endpoint_of(name), Rights::All, next_child_slot_, cnode_), name,
                  abi::GrantKind::Serve, 0)) {
            return false;
        }
    }
    for (std::size_t i = 0; i < entry_.uses.count; ++i) {
        const std::string_view name = entry_.uses.names[i];
        const std::string_view path = entry_.uses.paths[i];
        const std::uint64_t root = path.empty() ? 0 : detail::restricted_root(path);
        const native::Slot endpoint = endpoint_of(name);
        if (endpoint == 0 && entry_.uses.is_optional(name)) {
            continue;
        }
        if (endpoint == 0) {
            report(Line() << entry_.name << " is not started: nobody serves the scheme " << name
                          << ": that it uses");
            return false;
        }
        if (!give(native::mint(endpoint, Rights::Write | Rights::Grant,
                               abi::scheme::make_badge(request_.client, root), next_child_slot_,
                               cnode_),
                  name, abi::GrantKind::Scheme, root)) {
            return false;
        }
    }
    return true;
}

bool Builder::grant_devices() {
    const abi::BootInfo& boot = resources_.boot();
    const Grants& grants = entry_.grants;
    if (grants.uart && !grant_uart()) {
        return false;
    }
    if (grants.virtio) {
        memory_.has_virtio = true;
        if (!grant_virtio()) {
            return false;
        }
    }
    if (grants.irq &&
        !give(native::copy(boot.irq_control_slot, Rights::All, next_child_slot_, cnode_), "irq",
              abi::GrantKind::IrqControl, 0)) {
        return false;
    }
    if (grants.hv && boot.hv_slot == 0) {
        report(Line() << entry_.name
                      << " runs without hv: this processor offers no virtualization");
    } else if (grants.hv && !give(native::mint(boot.hv_slot, Rights::All, request_.client,
                                               next_child_slot_, cnode_),
                                  "hv", abi::GrantKind::Hv, 0)) {
        return false;
    }
    if (grants.boot_archive) {
        if (!add_name("archive", abi::GrantKind::Frames, 0,
                      boot.module_size << 12 | boot.module_offset)) {
            return false;
        }
        for (std::uint32_t i = 0; i < boot.module_frame_count; ++i) {
            Line name;
            name << "module" << std::uint64_t{i};
            const abi::FrameDescription& frame = boot.module_frames[i];
            if (!give(native::copy(frame.slot, Rights::Read | Rights::Physical, next_child_slot_,
                                   cnode_),
                      name.text(), abi::GrantKind::Frames, std::uint64_t{1} << frame.size_bits)) {
                return false;
            }
        }
    }
    return true;
}

bool Builder::fill_cnode() {
    const auto put = [&](native::Slot source, StartupSlot slot) {
        return check(native::copy(source, Rights::All, own_slot(slot), cnode_),
                     "its CNode cannot be filled");
    };
    return put(cnode_, StartupSlot::CNode) && put(space_, StartupSlot::AddressSpace) &&
           put(thread_, StartupSlot::MainThread) &&
           check(native::mint(request_.parent_endpoint, Rights::Write | Rights::Grant,
                              request_.client, own_slot(StartupSlot::Parent), cnode_),
                 "its CNode cannot be filled") &&
           grant_untypeds() && grant_schemes() && grant_devices() && write_startup_info();
}

}  // namespace redoubt::init
