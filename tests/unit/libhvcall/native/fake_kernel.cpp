// See fake_kernel.hpp.
#include "tests/unit/libhvcall/native/fake_kernel.hpp"

#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

namespace redoubt::native {

namespace {
/// The main thread's is at a fixed place too; every thread has its own.
abi::IpcBuffer*& own_buffer() {
    thread_local abi::IpcBuffer* buffer = nullptr;
    return buffer;
}
}  // namespace

abi::IpcBuffer& ipc_buffer() {
    abi::IpcBuffer*& buffer = own_buffer();
    if (buffer == nullptr) buffer = new abi::IpcBuffer{};
    return *buffer;
}

std::uint64_t ticks() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

abi::Error invoke(abi::SyscallNumber number, Registers& registers) {
    return test::FakeKernel::instance().invoke(number, registers);
}

}  // namespace redoubt::native

namespace redoubt::test {

using abi::Error;
using abi::ObjectType;
using abi::SyscallNumber;

FakeKernel& FakeKernel::instance() {
    static FakeKernel* const kernel = new FakeKernel;
    return *kernel;
}

void FakeKernel::add_untyped(native::Slot slot, unsigned size_bits) {
    const std::lock_guard lock{mutex_};
    slots_[slot] = {.type = ObjectType::Untyped, .size_bits = size_bits};
}

void FakeKernel::add_endpoint(native::Slot slot, Server server) {
    const std::lock_guard lock{mutex_};
    slots_[slot] = {.type = ObjectType::Endpoint,
                    .server = std::make_shared<Server>(std::move(server))};
}

std::size_t FakeKernel::live_capabilities() {
    const std::lock_guard lock{mutex_};
    return slots_.size();
}

std::uint64_t FakeKernel::free_bytes(native::Slot untyped) {
    const std::lock_guard lock{mutex_};
    const Capability& capability = slots_.at(untyped);
    return (std::uint64_t{1} << capability.size_bits) - capability.used;
}

void FakeKernel::signal(native::Slot slot) {
    const std::lock_guard lock{mutex_};
    Capability& capability = slots_.at(slot);
    capability.notification->word |= capability.badge;
    capability.notification->signalled.notify_all();
}

native::Slot FakeKernel::duplicate(native::Slot slot) {
    const std::lock_guard lock{mutex_};
    slots_[next_foreign_] = slots_.at(slot);
    return next_foreign_++;
}

bool FakeKernel::has_children(native::Slot slot) const {
    for (const auto& [index, capability] : slots_) {
        if (capability.parent == slot) return true;
    }
    return false;
}

void FakeKernel::remove(native::Slot slot) {
    const native::Slot parent = slots_.at(slot).parent;
    const Capability& dying = slots_.at(slot);
    if (dying.mapped != nullptr) munmap(dying.mapped, std::size_t{1} << dying.size_bits);
    // Children of a deleted capability become its parent's.
    for (auto& [index, capability] : slots_) {
        if (capability.parent == slot) capability.parent = parent;
    }
    slots_.erase(slot);
    if (parent != 0 && slots_.contains(parent) && !has_children(parent)) slots_[parent].used = 0;
}

void FakeKernel::revoke(native::Slot slot) {
    for (;;) {
        native::Slot child = 0;
        for (const auto& [index, capability] : slots_) {
            if (capability.parent == slot) child = index;
        }
        if (child == 0) return;
        revoke(child);
        remove(child);
    }
}

Error FakeKernel::retype(native::Registers& r) {
    const auto found = slots_.find(static_cast<native::Slot>(r.a0));
    if (found == slots_.end() || found->second.type != ObjectType::Untyped) {
        return Error::InvalidCapability;
    }
    const auto type = static_cast<ObjectType>(r.a1 & 0xFFFF'FFFF);
    auto bits = static_cast<unsigned>(r.a1 >> 32);
    if (type == ObjectType::Thread) {
        bits = abi::kThreadBits;
    } else if (type != ObjectType::Untyped && type != ObjectType::Frame) {
        bits = abi::kSmallObjectBits;
    }
    Capability& untyped = found->second;
    const std::uint64_t size = std::uint64_t{1} << bits;
    const std::uint64_t begin = (untyped.used + size - 1) & ~(size - 1);
    if (begin + r.a2 * size > std::uint64_t{1} << untyped.size_bits) return Error::NoMemory;
    for (std::uint64_t i = 0; i < r.a2; ++i) {
        if (slots_.contains(static_cast<native::Slot>(r.a4 + i))) return Error::SlotOccupied;
    }
    untyped.used = begin + r.a2 * size;
    for (std::uint64_t i = 0; i < r.a2; ++i) {
        Capability made{.type = type, .size_bits = bits, .parent = found->first};
        if (type == ObjectType::Notification) {
            made.notification = std::make_shared<Notification>();
        }
        slots_[static_cast<native::Slot>(r.a4 + i)] = std::move(made);
    }
    return Error::Ok;
}

Error FakeKernel::copy(native::Registers& r) {
    const auto source = static_cast<native::Slot>(r.a0);
    const auto target = static_cast<native::Slot>(r.a3);
    if (!slots_.contains(source)) return Error::InvalidCapability;
    if (slots_.contains(target)) return Error::SlotOccupied;
    Capability made = slots_[source];
    made.parent = source;
    if (r.a4 != 0) made.badge = r.a4;
    slots_[target] = std::move(made);
    return Error::Ok;
}

Error FakeKernel::wait(std::unique_lock<std::mutex>& lock, native::Registers& r) {
    const auto found = slots_.find(static_cast<native::Slot>(r.a0));
    if (found == slots_.end() || !found->second.notification) return Error::InvalidCapability;
    const std::shared_ptr<Notification> notification = found->second.notification;
    const auto signalled = [&] { return notification->word != 0; };
    if (r.a1 == abi::kNever) {
        notification->signalled.wait(lock, signalled);
    } else {
        const std::chrono::steady_clock::time_point until{
            std::chrono::nanoseconds{static_cast<std::int64_t>(r.a1)}};
        if (!notification->signalled.wait_until(lock, until, signalled)) return Error::TimedOut;
    }
    r.a1 = std::exchange(notification->word, 0);
    return Error::Ok;
}

Error FakeKernel::map(native::Registers& r) {
    const auto found = slots_.find(static_cast<native::Slot>(r.a0));
    if (found == slots_.end() || found->second.type != ObjectType::Frame) {
        return Error::InvalidCapability;
    }
    const std::size_t size = std::size_t{1} << found->second.size_bits;
    if (r.a2 % size != 0) return Error::InvalidArgument;
    void* const wanted = reinterpret_cast<void*>(r.a2);
    void* const got = mmap(wanted, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) return Error::AlreadyMapped;
    found->second.mapped = wanted;
    return Error::Ok;
}

Error FakeKernel::thread_control(native::Registers& r) {
    const auto operation = static_cast<abi::ThreadOperation>(r.a1);
    if (operation == abi::ThreadOperation::SetPriority) {
        return r.a2 <= 100 ? Error::Ok : Error::InvalidArgument;
    }
    if (r.a0 == 0) return Error::Ok;
    Capability& thread = slots_.at(static_cast<native::Slot>(r.a0));
    if (operation == abi::ThreadOperation::SetContext) {
        std::memcpy(&thread.start, native::ipc_buffer().words, sizeof(thread.start));
    } else if (operation == abi::ThreadOperation::Resume) {
        std::thread{[body = thread_body_, start = thread.start,
                     address = thread.configuration.ipc_buffer_address] {
            native::own_buffer() = reinterpret_cast<abi::IpcBuffer*>(address);
            body(start.instruction_pointer, start.argument);
        }}.detach();
    }
    return Error::Ok;
}

Error FakeKernel::invoke(SyscallNumber number, native::Registers& r) {
    if (number == SyscallNumber::Yield) {
        std::this_thread::yield();
        return Error::Ok;
    }
    std::unique_lock lock{mutex_};
    const auto slot = static_cast<native::Slot>(r.a0);
    switch (number) {
        case SyscallNumber::Call: {
            const auto found = slots_.find(slot);
            if (found == slots_.end() || !found->second.server) return Error::InvalidCapability;
            const std::shared_ptr<Server> server = found->second.server;
            lock.unlock();
            native::Message message{abi::MessageInfo{r.a1}, {r.a2, r.a3, r.a4, r.a5}};
            (*server)(message, native::ipc_buffer());
            r = {r.a0,          message.info.raw, message.mr[0],
                 message.mr[1], message.mr[2],    message.mr[3]};
            return Error::Ok;
        }
        case SyscallNumber::Signal:
            lock.unlock();
            signal(slot);
            return Error::Ok;
        case SyscallNumber::Wait:
            return wait(lock, r);
        case SyscallNumber::Retype:
            return retype(r);
        case SyscallNumber::CapCopy:
            return copy(r);
        case SyscallNumber::CapDelete: {
            const auto index = static_cast<native::Slot>(r.a1);
            if (slots_.contains(index)) remove(index);
            return Error::Ok;
        }
        case SyscallNumber::CapRevoke:
            if (!slots_.contains(static_cast<native::Slot>(r.a1))) return Error::InvalidCapability;
            revoke(static_cast<native::Slot>(r.a1));
            return Error::Ok;
        case SyscallNumber::CapIdentify: {
            const auto found = slots_.find(slot);
            if (found == slots_.end()) return Error::InvalidCapability;
            const Capability& capability = found->second;
            r.a1 = static_cast<std::uint64_t>(capability.type) | std::uint64_t{capability.size_bits}
                                                                     << 32;
            r.a2 = static_cast<std::uint64_t>(abi::Rights::All);
            r.a3 = capability.badge;
            r.a4 = (std::uint64_t{1} << capability.size_bits) - capability.used;
            return Error::Ok;
        }
        case SyscallNumber::Map:
            return map(r);
        case SyscallNumber::ThreadConfigure:
            std::memcpy(&slots_.at(slot).configuration, native::ipc_buffer().words,
                        sizeof(abi::ThreadConfiguration));
            return Error::Ok;
        case SyscallNumber::ThreadControl:
            return thread_control(r);
        case SyscallNumber::SystemInfo:
            r.a1 = r.a0 == static_cast<std::uint64_t>(abi::SystemInfoKind::TicksPerSecond)
                       ? 1'000'000'000
                       : 1;
            return Error::Ok;
        default:
            return Error::InvalidSyscall;
    }
}

}  // namespace redoubt::test
