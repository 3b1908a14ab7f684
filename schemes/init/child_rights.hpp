// What a process may give to one that it starts: a part of what it has itself.
#pragma once

#include <cstddef>
#include <string_view>

#include "schemes/init/start_list.hpp"

namespace redoubt::init {

/// Whether a scheme, or that path of it, is the parent's to pass on.
inline bool may_use(const NameList& parent, std::string_view name, std::string_view path) {
    for (std::size_t i = 0; i < parent.count; ++i) {
        if (parent.names[i] == name && (parent.paths[i].empty() || parent.paths[i] == path)) {
            return true;
        }
    }
    return false;
}

/// A child gets a part of what its parent has, and the parent is its supervisor: init neither
/// restarts it nor turns the machine off after it. `given` is the sum of the limits of the
/// parent's children that run already.
inline bool permitted(const StartEntry& parent, unsigned given, const StartEntry& child) {
    const Grants& grants = child.grants;
    for (std::size_t i = 0; i < child.uses.count; ++i) {
        if (!may_use(parent.uses, child.uses.names[i], child.uses.paths[i])) {
            return false;
        }
    }
    return child.serves.count == 0 && !child.memory_rest && !child.power_off_on_exit &&
           child.restart == Restart::Never && child.priority <= parent.priority &&
           (parent.limit == 0 || (child.limit != 0 && given + child.limit <= parent.limit)) &&
           (!grants.hv || parent.grants.hv) && !grants.uart && !grants.virtio && !grants.irq &&
           !grants.boot_archive && !grants.power && !grants.spawn;
}

}  // namespace redoubt::init
