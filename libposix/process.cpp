// See process.hpp.
#include "libposix/process.hpp"

namespace redoubt::posix {
namespace {

constinit Process the_process;

constexpr native::Slot slot_of(abi::StartupSlot slot) { return static_cast<native::Slot>(slot); }

/// Init may grant more memory than one Untyped holds: further ones are named "memory…".
void add_untyped(const abi::StartupInfo& startup) {
    Process& p = the_process;
    const auto add = [&](native::Slot slot) {
        const auto identity = native::identify(slot);
        if (identity && identity.value.type == abi::ObjectType::Untyped) {
            p.untyped.add(slot, identity.value.size_bits);
        }
    };
    add(slot_of(abi::StartupSlot::Untyped));
    for (std::uint32_t i = 0; i < startup.namespace_count; ++i) {
        const abi::NamespaceEntry& entry = startup.names[i];
        if (entry.kind == static_cast<std::uint32_t>(abi::GrantKind::Untyped) &&
            std::string_view{entry.name}.starts_with("memory")) {
            add(entry.slot);
        }
    }
}

}  // namespace

Process& process() { return the_process; }

IpcScope::IpcScope() {
    const abi::IpcBuffer& buffer = native::ipc_buffer();
    __builtin_memcpy(send_, buffer.send, sizeof(send_));
    receive_first_ = buffer.receive_first;
    receive_count_ = buffer.receive_count;
    __builtin_memcpy(words_, buffer.words, sizeof(words_));
    native::expect_capabilities(0, 0);
}

IpcScope::~IpcScope() {
    abi::IpcBuffer& buffer = native::ipc_buffer();
    __builtin_memcpy(buffer.send, send_, sizeof(send_));
    buffer.receive_first = receive_first_;
    buffer.receive_count = receive_count_;
    __builtin_memcpy(buffer.words, words_, sizeof(words_));
}

const abi::NamespaceEntry* find_name(std::string_view name) {
    const abi::StartupInfo& startup = *the_process.startup;
    for (std::uint32_t i = 0; i < startup.namespace_count; ++i) {
        if (name == startup.names[i].name) return &startup.names[i];
    }
    return nullptr;
}

native::Slot find_scheme(std::string_view name, std::string_view path) {
    const abi::StartupInfo& startup = *the_process.startup;
    for (std::uint32_t i = 0; i < startup.namespace_count; ++i) {
        const abi::NamespaceEntry& entry = startup.names[i];
        const auto kind = static_cast<abi::GrantKind>(entry.kind);
        if (name != entry.name || (kind != abi::GrantKind::Scheme && kind != abi::GrantKind::Hv)) {
            continue;
        }
        if (entry.value == 0 || entry.value == abi::scheme::restricted_root(path)) {
            return entry.slot;
        }
    }
    return 0;
}

void log_line(std::string_view text) {
    IpcScope scope;
    if (text.size() > abi::scheme::kMaximumBytes) text = text.substr(0, abi::scheme::kMaximumBytes);
    native::put_bytes(text.data(), text.size());
    native::Message message =
        native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Log),
                             native::words_for(text.size()), text.size());
    native::call(slot_of(abi::StartupSlot::Parent), message);
}

void initialize_process(const abi::StartupInfo& startup, std::uintptr_t handler_stack_top) {
    Process& p = the_process;
    p.startup = &startup;
    p.slots.initialize(startup.first_free_slot, 1U << (startup.cnode_size_bits - abi::kSlotBits));
    add_untyped(startup);
    p.memory.initialize(startup);
    p.clock.initialize(native::system_info(abi::SystemInfoKind::TicksPerSecond),
                       native::system_info(abi::SystemInfoKind::BootRealTime));

    Thread& main = p.main_thread;
    main.tid = p.next_tid++;
    main.running = true;
    p.threads = &main;
    main.attach(native::ipc_buffer(), handler_stack_top);
    Thread lock_holder;  // only for its notification, which becomes the lock's
    if (make_notification(main) && make_notification(lock_holder)) {
        p.lock.initialize(lock_holder.wait_slot, lock_holder.signal_slot);
    }
}

}  // namespace redoubt::posix
