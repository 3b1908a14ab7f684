// The hv: scheme (abi/hv.hpp): opens paths, makes VMs and vCPUs, and shows them as text.
//
// An HvFile capability's `object` says which path it is: kind | VM id << 8.
#include "abi/scheme.hpp"

#include <new>

#include "abi/hv.hpp"
#include "kernel/cap/derivation.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/path.hpp"
#include "kernel/hv/text.hpp"
#include "kernel/object/frame.hpp"
#include "kernel/object/untyped.hpp"
#include "kernel/sched/preemption.hpp"

namespace redoubt::kernel::hv {
namespace {

using abi::Error;
using abi::MessageInfo;
using abi::ObjectType;
using abi::Rights;
namespace scheme = abi::scheme;

enum class FileKind : std::uint8_t { Root = 0, Caps = 1, VmList = 2, Memory = 3 };

constexpr unsigned kVmIdShift = 8;
constexpr unsigned kMinimumVmBits = 16, kMaximumVmBits = 24;
/// Of a text: it is written with interrupts off.
constexpr unsigned kMaximumLines = 256;

FileKind kind_of(const Capability& file) { return static_cast<FileKind>(file.object & 0xFF); }
std::uint32_t vm_id_of(const Capability& file) {
    return static_cast<std::uint32_t>(file.object >> kVmIdShift);
}

/// Only VMs made through the same badge exist for a caller.
Vm* find_vm(std::uint32_t id, std::uint64_t owner) {
    for (Vm* vm = first_vm(); vm != nullptr; vm = vm->next_vm) {
        if (vm->id == id && vm->owner == owner) return vm;
    }
    return nullptr;
}

// ---- texts

constexpr const char* kMore = "...\n";

/// By abi::ExitKind.
constexpr const char* kExitNames[] = {
    "interrupted", "deadline",         "exception",        "port-io",     "mmio",
    "halt",        "shutdown",         "hypercall",        "debug",       "msr",
    "cpuid",       "control-register", "interrupt-window", "instruction", "entry-failure"};
static_assert(std::size(kExitNames) == static_cast<std::uint32_t>(abi::ExitKind::EntryFailure) + 1);

void write_caps(TextWriter& text) {
    const Capabilities& caps = capabilities();
    text.print("backend: {}\n", caps.backend);
    if (backend == nullptr) return text.print("reason: {}\n", caps.reason);
    text.print("revision: {}\naddress-space-ids: {}\nprocessor: {}\npage-sizes: 4K 2M{}\nfeatures:",
               caps.revision, caps.address_space_ids, caps.processor,
               caps.largest_page_bits >= 30 ? " 1G" : "");
    for (const Feature& feature : caps.features) {
        if (feature.present) text.print(" {}", feature.name);
    }
    text.put('\n');
}

void write_list(TextWriter& text, std::uint64_t owner) {
    unsigned lines = 0;
    for (const Vm* vm = first_vm(); vm != nullptr; vm = vm->next_vm) {
        if (vm->owner != owner) continue;
        if (++lines > kMaximumLines) return text.print(kMore);
        text.print("{}\n", vm->id);
    }
}

void write_vcpu(TextWriter& text, const Vcpu& vcpu) {
    text.print("vcpu {}: {}, exits {}, in-kernel {}", vcpu.index, vcpu_state(vcpu),
               exit_count(vcpu), vcpu.exits_in_kernel);
    for (std::size_t kind = 0; kind < std::size(kExitNames); ++kind) {
        if (vcpu.exits[kind] != 0) text.print(", {} {}", kExitNames[kind], vcpu.exits[kind]);
    }
    text.put('\n');
}

void write_vm(TextWriter& text, const Vm& vm) {
    text.print("id: {}\nstate: {}\nmapped: {}\ntable-frames: {} of {}\n", vm.id, vm_state(vm),
               vm.mapped_bytes, vm.pool.total_count() - vm.pool.free_count(),
               vm.pool.total_count());
    unsigned lines = 0;
    for (const Vcpu* vcpu = vm.first_vcpu; vcpu != nullptr; vcpu = vcpu->next_vcpu) {
        if (++lines > kMaximumLines) return text.print(kMore);
        write_vcpu(text, *vcpu);
    }
}

void write_memory(TextWriter& text, const Vm& vm) {
    unsigned lines = 0;
    for (const Capability* frame = vm.mappings; frame != nullptr; frame = frame->next_mapping) {
        if (++lines > kMaximumLines) return text.print(kMore);
        text.print("{x} {}\n", frame->badge, std::uint64_t{1} << frame->size_bits);
    }
}

/// The text of whatever `target` names. NotFound if its VM is gone.
Error write_text(const Capability& target, TextWriter& text) {
    if (target.is(ObjectType::Vm)) {
        write_vm(text, target.as<Vm>());
        return Error::Ok;
    }
    if (!target.is(ObjectType::HvFile)) return Error::NotSupported;
    switch (kind_of(target)) {
        case FileKind::Root:
            text.print("caps\nvm\n");
            return Error::Ok;
        case FileKind::Caps:
            write_caps(text);
            return Error::Ok;
        case FileKind::VmList:
            write_list(text, target.badge);
            return Error::Ok;
        case FileKind::Memory: {
            const Vm* vm = find_vm(vm_id_of(target), target.badge);
            if (vm == nullptr) return Error::NotFound;
            write_memory(text, *vm);
            return Error::Ok;
        }
    }
    return Error::NotFound;
}

// ---- one request

class Handler {
  public:
    Handler(Capability& target, Request& request) : target_{target}, request_{request} {}

    MessageInfo answer() {
        const std::uint64_t mr0 = request_.mr[0], mr1 = request_.mr[1];
        switch (static_cast<scheme::Operation>(request_.info.label())) {
            case scheme::Operation::Open:
                return open(mr0, mr1);
            case scheme::Operation::Read:
                return read(mr0, mr1);
            case scheme::Operation::List:
                return read(mr0, scheme::kMaximumBytes);
            case scheme::Operation::Stat:
                return stat();
            case scheme::Operation::Call:
                return call(mr0, mr1);
            case scheme::Operation::Map:
                return map();
            case scheme::Operation::Close:
                return close();
            default:
                return fail(Error::NotSupported);
        }
    }

  private:
    MessageInfo reply(std::uint64_t mr0, std::uint64_t mr1 = 0, unsigned capabilities = 0,
                      std::uint64_t bytes = 0) {
        request_.mr[0] = mr0;
        request_.mr[1] = mr1;
        request_.mr[2] = request_.mr[3] = 0;
        return MessageInfo{0, abi::kRegisterWords + static_cast<unsigned>((bytes + 7) / 8),
                           capabilities};
    }

    /// Somebody else should run: the whole request is made again afterwards.
    MessageInfo again() {
        request_.again = true;
        return {};
    }

    MessageInfo fail(Error error) {
        for (auto& word : request_.mr) word = 0;
        return MessageInfo{static_cast<std::uint32_t>(error), 0};
    }

    char* payload() const {
        return reinterpret_cast<char*>(&request_.buffer->words[abi::kRegisterWords]);
    }

    MessageInfo open(std::uint64_t flags, std::uint64_t length) {
        if (length > scheme::kMaximumBytes) return fail(Error::TooLarge);
        const bool create = flags == static_cast<std::uint64_t>(scheme::OpenFlags::Create);
        if (flags != 0 && !create) return fail(Error::InvalidArgument);
        const Path path = parse_path({payload(), length});
        if (request_.receive == nullptr) return fail(Error::SlotOccupied);
        if (target_.is(ObjectType::Vm)) return open_in_vm(target_.as<Vm>(), path, create);
        if (!target_.is(ObjectType::HvFile) || kind_of(target_) != FileKind::Root)
            return fail(Error::NotSupported);
        if (create)
            return path.kind == Path::Kind::Vms ? create_vm() : fail(Error::InvalidArgument);
        switch (path.kind) {
            case Path::Kind::Caps:
                return give_file(FileKind::Caps, 0);
            case Path::Kind::Vms:
                return give_file(FileKind::VmList, 0);
            case Path::Kind::Vm:
            case Path::Kind::Memory:
            case Path::Kind::Vcpu:
                break;
            default:
                return fail(Error::NotFound);
        }
        Vm* vm = find_vm(path.vm, target_.badge);
        if (vm == nullptr) return fail(Error::NotFound);
        if (path.kind == Path::Kind::Memory) return give_file(FileKind::Memory, vm->id);
        if (path.kind == Path::Kind::Vm) return give_again(*vm);
        Vcpu* vcpu = find_vcpu(*vm, path.vcpu);
        return vcpu != nullptr ? give_again(*vcpu) : fail(Error::NotFound);
    }

    /// Paths relative to a VM: "memory" and, only to create, "vcpu/<n>".
    MessageInfo open_in_vm(Vm& vm, const Path& path, bool create) {
        if (vm.destroyed) return fail(Error::InvalidState);
        if (path.kind == Path::Kind::RelativeMemory && !create)
            return give_file(FileKind::Memory, vm.id, vm.owner);
        if (path.kind != Path::Kind::RelativeVcpu) return fail(Error::NotFound);
        if (create) return create_vcpu(vm, path.vcpu);
        Vcpu* vcpu = find_vcpu(vm, path.vcpu);
        if (vcpu == nullptr) return fail(Error::NotFound);
        if (!target_.allows(Rights::Manage)) return fail(Error::MissingRight);
        return give_again(*vcpu);
    }

    MessageInfo give_file(FileKind kind, std::uint32_t vm) {
        return give_file(kind, vm, target_.badge);
    }
    MessageInfo give_file(FileKind kind, std::uint32_t vm, std::uint64_t badge) {
        if (!target_.allows(Rights::Read)) return fail(Error::MissingRight);
        make_capability(*request_.receive, &target_, ObjectType::HvFile, Rights::Read,
                        static_cast<std::uint64_t>(kind) | std::uint64_t{vm} << kVmIdShift, 0, 0,
                        badge);
        TextWriter text{nullptr, 0, 0};
        write_text(*request_.receive, text);
        return reply(text.length(), 0, 1);
    }

    MessageInfo give_again(ObjectHeader& object) {
        if (!target_.allows(Rights::Write)) return fail(Error::MissingRight);
        if (object.capability == nullptr) return fail(Error::NotFound);  // about to end
        derive_from_object(object, *request_.receive, Rights::All);
        return reply(0, 0, 1);
    }

    /// The Untyped that a request to create carries; Ok if it can give a block of that size.
    Error check_untyped(unsigned size_bits) {
        if (request_.info.capabilities() != 1) return Error::InvalidArgument;
        const Capability& untyped = *request_.sent[0];
        if (!untyped.is(ObjectType::Untyped)) return Error::InvalidCapability;
        if (untyped.has(Capability::kDevice)) return Error::InvalidArgument;
        return untyped_can_carve(untyped, size_bits, 1).error();
    }

    void fill_object(ObjectType type, unsigned size_bits, void* object) {
        make_capability(*request_.receive, request_.sent[0], type, Rights::All,
                        reinterpret_cast<std::uint64_t>(object), size_bits);
    }

    MessageInfo create_vm() {
        const std::uint64_t size_bits = request_.mr[2];
        if (backend == nullptr) return fail(Error::NotSupported);
        if (!target_.allows(Rights::Write)) return fail(Error::MissingRight);
        if (size_bits < kMinimumVmBits || size_bits > kMaximumVmBits)
            return fail(Error::InvalidArgument);
        const auto bits = static_cast<unsigned>(size_bits);
        const std::uint64_t address_bits = request_.mr[3];
        const unsigned levels =
            address_bits <= 64 ? backend->table_levels(static_cast<unsigned>(address_bits)) : 0;
        if (levels == 0) return fail(Error::NotSupported);
        if (const Error error = check_untyped(bits); error != Error::Ok) return fail(error);
        if (!untyped_clean(*request_.sent[0], bits, 1)) return again();
        const PhysicalAddress memory = untyped_carve(*request_.sent[0], bits);
        Vm* vm = new (direct_map<void>(memory)) Vm{memory, bits, backend->root_pages, levels};
        vm_register(*vm, target_.badge);
        fill_object(ObjectType::Vm, bits, vm);
        return reply(vm->id, 0, 1);
    }

    MessageInfo create_vcpu(Vm& vm, std::uint32_t index) {
        if (!target_.allows(Rights::Manage)) return fail(Error::MissingRight);
        if (find_vcpu(vm, index) != nullptr) return fail(Error::Exists);
        if (const Error error = check_untyped(abi::kVcpuBits); error != Error::Ok)
            return fail(error);
        if (!untyped_clean(*request_.sent[0], abi::kVcpuBits, 1)) return again();
        const PhysicalAddress memory = untyped_carve(*request_.sent[0], abi::kVcpuBits);
        fill_object(ObjectType::Vcpu, abi::kVcpuBits, backend->create_vcpu(memory, vm, index));
        return reply(0, 0, 1);
    }

    MessageInfo read(std::uint64_t offset, std::uint64_t length) {
        if (!target_.allows(Rights::Read)) return fail(Error::MissingRight);
        if (length > scheme::kMaximumBytes) length = scheme::kMaximumBytes;
        TextWriter text{payload(), length, offset};
        if (const Error error = write_text(target_, text); error != Error::Ok) return fail(error);
        return reply(text.written(), 0, 0, text.written());
    }

    MessageInfo stat() {
        const bool directory =
            target_.is(ObjectType::HvFile) &&
            (kind_of(target_) == FileKind::Root || kind_of(target_) == FileKind::VmList);
        if (target_.is(ObjectType::Vcpu)) {
            return reply(sizeof(abi::VcpuState),
                         static_cast<std::uint64_t>(scheme::FileKind::Device));
        }
        TextWriter text{nullptr, 0, 0};
        if (const Error error = write_text(target_, text); error != Error::Ok) return fail(error);
        return reply(text.length(),
                     static_cast<std::uint64_t>(directory ? scheme::FileKind::Directory
                                                          : scheme::FileKind::Regular));
    }

    /// A Call's payload, if the message is as long as it says.
    Result<std::span<const std::byte>> payload_of(std::uint64_t length) const {
        const std::uint64_t words = request_.info.words();
        if (words < abi::kRegisterWords || length > 8 * (words - abi::kRegisterWords))
            return Error::InvalidArgument;
        return std::span{reinterpret_cast<const std::byte*>(payload()), length};
    }

    /// The page is the caller's and may change: read once.
    template <class T>
    bool take_payload(T& value, std::uint64_t length) const {
        const auto payload = payload_of(length);
        if (!payload.ok() || length != sizeof value) return false;
        __builtin_memcpy(&value, payload.value().data(), sizeof value);
        asm volatile("" : "+m"(value));
        return true;
    }

    MessageInfo call(std::uint64_t code, std::uint64_t length) {
        if (target_.is(ObjectType::Vcpu)) return call_vcpu(code, length);
        if (!target_.is(ObjectType::Vm)) return fail(Error::NotSupported);
        auto& vm = target_.as<Vm>();
        switch (static_cast<abi::hv::VmCall>(code)) {
            case abi::hv::VmCall::Destroy:
                if (!target_.allows(Rights::Manage)) return fail(Error::MissingRight);
                return destroy(vm);
            case abi::hv::VmCall::Statistics: {
                if (!target_.allows(Rights::Read)) return fail(Error::MissingRight);
                const std::uint64_t free = vm.pool.free_count() * kPageSize;
                const MessageInfo info = reply(0);
                request_.mr[2] = vm.pool.total_count() * kPageSize - free;
                request_.mr[3] = free;
                return info;
            }
            case abi::hv::VmCall::BindDoorbell:
            case abi::hv::VmCall::UnbindDoorbell:
                return change_doorbell(vm, code, length);
            case abi::hv::VmCall::Protect:
                return protect(vm, length);
        }
        return fail(Error::NotSupported);
    }

    MessageInfo destroy(Vm& vm) {
        for (;;) {
            Budget budget;
            if (vm_destroy_some(vm, budget, *request_.dying)) return reply(0);
            if (should_give_way()) return again();
        }
    }

    MessageInfo change_doorbell(Vm& vm, std::uint64_t code, std::uint64_t length) {
        if (!target_.allows(Rights::Manage)) return fail(Error::MissingRight);
        if (vm.destroyed) return fail(Error::InvalidState);
        abi::hv::Doorbell doorbell;
        if (!take_payload(doorbell, length)) return fail(Error::InvalidArgument);
        if (static_cast<abi::hv::VmCall>(code) == abi::hv::VmCall::UnbindDoorbell)
            return finish(vm.doorbells.unbind(doorbell, *request_.dying));
        if (request_.info.capabilities() != 1) return fail(Error::InvalidArgument);
        Capability& notification = *request_.sent[0];
        if (!notification.is(ObjectType::Notification)) return fail(Error::InvalidCapability);
        if (!notification.allows(Rights::Write)) return fail(Error::MissingRight);
        const auto space = static_cast<unsigned>(doorbell.space);
        if (space > 31 || (backend->doorbell_spaces >> space & 1) == 0)
            return fail(Error::NotSupported);
        return finish(vm.doorbells.bind(doorbell, notification));
    }

    MessageInfo protect(Vm& vm, std::uint64_t length) {
        if (!target_.allows(Rights::Manage)) return fail(Error::MissingRight);
        abi::hv::Protection wanted;
        if (!take_payload(wanted, length) || request_.info.capabilities() != 1)
            return fail(Error::InvalidArgument);
        return finish(frame_protect(*request_.sent[0], vm, wanted.offset, wanted.flags));
    }

    MessageInfo call_vcpu(std::uint64_t code, std::uint64_t length) {
        auto& vcpu = target_.as<Vcpu>();
        if (static_cast<abi::hv::VcpuCall>(code) != abi::hv::VcpuCall::SetIdentification)
            return fail(Error::NotSupported);
        if (!target_.allows(Rights::Write)) return fail(Error::MissingRight);
        if (vcpu.runner != nullptr) return fail(Error::InvalidState);
        const auto table = payload_of(length);
        return finish(table.ok() ? set_identification(vcpu, table.value()) : table.error());
    }

    MessageInfo finish(Result<void> result) {
        return result.ok() ? reply(0) : fail(result.error());
    }

    /// The state page of a vCPU, which lives as long as the Untyped it came from has children.
    MessageInfo map() {
        if (!target_.is(ObjectType::Vcpu)) return fail(Error::NotSupported);
        if (!target_.allows(Rights::Write)) return fail(Error::MissingRight);
        if (request_.receive == nullptr) return fail(Error::SlotOccupied);
        const PhysicalAddress page = target_.as<Vcpu>().memory + Vcpu::kStatePageOffset;
        make_capability(*request_.receive, &target_, ObjectType::Frame,
                        Rights::Read | Rights::Write, page.value(), kPageBits);
        return reply(0, 0, 1);
    }

    MessageInfo close() {
        const MessageInfo info = reply(0);
        delete_capability(target_, *request_.dying);
        return info;
    }

    Capability& target_;
    Request& request_;
};

}  // namespace

MessageInfo call(Capability& target, Request& request) { return Handler{target, request}.answer(); }

}  // namespace redoubt::kernel::hv
