// Makes a process out of memory: loads its ELF and libposix, fills its CNode, and starts its
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "schemes/init/elf.hpp"
#include "schemes/init/resources.hpp"
#include "schemes/init/start_list.hpp"

namespace redoubt::init {

inline constexpr std::size_t kMaximumRoots = 32;

/// What a living process was given and must give back. Everything in it was made from the roots, so
/// revoking those ends it; but the parts of its program that others run, too, of which it has
/// copies.
struct ProcessMemory {
    std::array<native::Slot, kMaximumRoots> roots{};
    std::size_t root_count = 0;
    std::size_t own_roots = 0;    ///< the first ones; from the others the process may spend
    native::Slot first_slot = 0;  ///< init's capabilities for the process's own objects and frames
    std::uint32_t slot_count = 0;
    std::uint32_t shared_count = 0;  ///< the first of these slots are copies of shared frames
    bool has_virtio = false;
};

/// A scheme somebody serves, and init's unbadged capability for its endpoint.
struct SchemeEndpoint {
    std::string_view name;
    native::Slot endpoint = 0;
};

struct BuildRequest {
    const StartEntry& entry;
    std::span<const std::byte> archive;
    std::span<const SchemeEndpoint> schemes;
    native::Slot parent_endpoint;
    std::uint64_t client;  ///< its number towards schemes, and the badge of its messages to init
};

/// A failure is reported, and nothing is left behind.
abi::Error build_process(Resources& resources, const BuildRequest& request, ProcessMemory& memory);

/// Ends the process, whatever it does: its threads stop and its capabilities are gone. Its memory
/// is not reused yet. Returns the bytes that did not come back (0 unless the kernel is wrong).
std::uint64_t end_process(Resources& resources, const ProcessMemory& memory);

/// Makes the memory of an ended process available again.
void release_process(Resources& resources, ProcessMemory& memory);

}  // namespace redoubt::init
