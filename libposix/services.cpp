// The table of native services (native_services.hpp).
#include <linux/errno.h>

#include <new>

#include "libposix/file/fd_table.hpp"
#include "libposix/file/local_files.hpp"
#include "libposix/process.hpp"
#include "libposix/syscall/syscalls.hpp"
#include "libposix/thread/own_thread_pointer.hpp"

namespace redoubt::posix {
namespace {

/// The program calls with its own thread pointer where libposix has one of its own.
class ServiceCall {
    [[no_unique_address]] const OwnThreadPointer pointer_;
    const ProcessLock lock_{process().lock};
};

abi::CapabilityIndex allocate_slots(std::uint32_t count) {
    const ServiceCall call;
    return process().slots.allocate(count);
}

void free_slots(abi::CapabilityIndex first, std::uint32_t count) {
    const ServiceCall call;
    process().slots.free(first, count);
}

abi::CapabilityIndex allocate_untyped(unsigned size_bits) {
    const ServiceCall call;
    return process().untyped.allocate(size_bits < abi::kPageBits ? abi::kPageBits : size_bits);
}

void release_untyped(abi::CapabilityIndex untyped) {
    const ServiceCall call;
    process().untyped.release(untyped);
}

abi::CapabilityIndex allocate_object(abi::ObjectType type) {
    if (type != abi::ObjectType::Endpoint && type != abi::ObjectType::Notification &&
        type != abi::ObjectType::Reply) {
        return 0;
    }
    const ServiceCall call;
    return process().objects.allocate(type);
}

void release_object(abi::CapabilityIndex object) {
    const ServiceCall call;
    process().objects.release(object);
}

std::uintptr_t reserve_addresses(std::size_t bytes, std::size_t alignment) {
    const ServiceCall call;
    if (alignment < kPageSize) alignment = kPageSize;
    return process().memory.reserve(pages_for(bytes) * kPageSize, alignment);
}

void release_addresses(std::uintptr_t address, std::size_t bytes) {
    const ServiceCall call;
    process().memory.release(address, pages_for(bytes) * kPageSize);
}

int notification_fd(abi::CapabilityIndex* signal) {
    const ServiceCall call;
    const Ref<NotificationFile> file{new (std::nothrow) NotificationFile};
    if (!file) return -ENOMEM;
    *signal = file->subscribe();
    if (*signal == 0) return -ENFILE;
    file->nonblocking = true;
    return fd_table().insert(Ref<>{file.get()});
}

abi::CapabilityIndex file_capability(int fd) {
    const ServiceCall call;
    const Ref<> file = fd_table().get(fd);
    return file ? file->capability() : 0;
}

abi::CapabilityIndex find_grant(const char* name) {
    const abi::NamespaceEntry* entry = find_name(name);
    return entry != nullptr ? entry->slot : 0;
}

std::uint64_t free_bytes() {
    const ServiceCall call;
    return process().untyped.free_bytes();
}

std::uint64_t used_bytes() {
    const ProcessLock lock{process().lock};
    return std::uint64_t{process().startup->own_kibibytes} * 1024 + process().untyped.used_bytes();
}

constinit NativeServices table{.magic = kNativeServicesMagic,
                               .version = 1,
                               .startup = nullptr,
                               .allocate_slots = allocate_slots,
                               .free_slots = free_slots,
                               .allocate_untyped = allocate_untyped,
                               .release_untyped = release_untyped,
                               .allocate_object = allocate_object,
                               .release_object = release_object,
                               .reserve_addresses = reserve_addresses,
                               .release_addresses = release_addresses,
                               .notification_fd = notification_fd,
                               .file_capability = file_capability,
                               .find_grant = find_grant,
                               .free_bytes = free_bytes,
                               .used_bytes = used_bytes};

}  // namespace

const NativeServices& native_service_table() {
    table.startup = process().startup;
    return table;
}

}  // namespace redoubt::posix
