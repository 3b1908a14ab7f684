// What libposix offers a glibc program that also wants native system calls: one table of functions.
//
// A program and libposix share one CNode, one Untyped and one address space, so they share the
// allocators too; they live in libposix. Every function may be called from any thread of the
// program.
#pragma once

#include <cstddef>
#include <cstdint>
#if __STDC_HOSTED__
#include <cstdlib>
#endif

#include "abi/object.hpp"
#include "abi/startup.hpp"

namespace redoubt::posix {

inline constexpr std::uint64_t kNativeServicesMagic = 0x7672655374627552;  // "RubtServ"

/// Address space, capability slots and memory of this process. A function that makes something
/// returns 0 when it cannot.
struct NativeServices {
    std::uint64_t magic;
    std::uint64_t version;  ///< 1
    const abi::StartupInfo* startup;

    /// `count` consecutive empty slots; the first.
    abi::CapabilityIndex (*allocate_slots)(std::uint32_t count);
    /// The slots must be empty again.
    void (*free_slots)(abi::CapabilityIndex first, std::uint32_t count);

    /// An Untyped of 2^size_bits bytes, naturally aligned (size_bits >= 12).
    abi::CapabilityIndex (*allocate_untyped)(unsigned size_bits);
    /// Revokes everything made from it and takes the memory back.
    void (*release_untyped)(abi::CapabilityIndex untyped);

    /// An Endpoint, Notification or Reply object; its slot.
    abi::CapabilityIndex (*allocate_object)(abi::ObjectType type);
    void (*release_object)(abi::CapabilityIndex object);

    /// Addresses at which nothing is mapped, for the program's own Map calls. `alignment` is a
    /// power of two.
    std::uintptr_t (*reserve_addresses)(std::size_t bytes, std::size_t alignment);
    void (*release_addresses)(std::uintptr_t address, std::size_t bytes);

    /// A file descriptor that becomes readable when `*signal` is signalled (Irq Bind, scheme Event,
    /// Signal). read() takes 8 bytes (the count 1) and makes it unreadable again. Negative: -errno.
    int (*notification_fd)(abi::CapabilityIndex* signal);

    /// The scheme capability behind a file descriptor; 0 if there is none. It stays libposix's.
    abi::CapabilityIndex (*file_capability)(int fd);

    /// The slot of the namespace entry (scheme or grant) with that name, 0 if it was not granted.
    abi::CapabilityIndex (*find_grant)(const char* name);

    /// Bytes that allocate_untyped could still give, in pieces.
    std::uint64_t (*free_bytes)();
    /// Bytes in use: what the process has of its own, and what it has taken since, by allocate_untyped
    /// or through libposix.
    std::uint64_t (*used_bytes)();
};

#if __STDC_HOSTED__
/// The services of this process, or nullptr on a Linux host.
inline const NativeServices* native_services() {
    const char* text = std::getenv("REDOUBT_SERVICES");
    if (text == nullptr) return nullptr;
    const auto* services =
        reinterpret_cast<const NativeServices*>(std::strtoull(text, nullptr, 16));
    return services->magic == kNativeServicesMagic ? services : nullptr;
}
#endif

}  // namespace redoubt::posix
