// See process.hpp.
#include "schemes/libscheme/process.hpp"

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "libhvcall/native/ipc.hpp"
#include "schemes/libscheme/native_transport.hpp"
#include "schemes/libscheme/server.hpp"

namespace redoubt::scheme {

namespace {

constexpr abi::CapabilityIndex slot(abi::StartupSlot which) {
    return static_cast<abi::CapabilityIndex>(which);
}

const posix::NativeServices& require_services() {
    const posix::NativeServices* services = posix::native_services();
    if (services == nullptr) {
        throw std::runtime_error("this program runs on Redoubt, started by init");
    }
    return *services;
}

std::string_view name_of(const abi::NamespaceEntry& entry) {
    const std::string_view all(entry.name, sizeof(entry.name));
    return all.substr(0, all.find('\0'));
}

}  // namespace

Process::Process() : services_(require_services()), startup_(*services_.startup) {}

std::vector<abi::NamespaceEntry> Process::grants(abi::GrantKind kind, std::string_view name) const {
    std::vector<abi::NamespaceEntry> found;
    for (std::uint32_t i = 0; i < startup_.namespace_count; ++i) {
        const abi::NamespaceEntry& entry = startup_.names[i];
        if (entry.kind == static_cast<std::uint32_t>(kind) &&
            (name.empty() || name_of(entry) == name)) {
            found.push_back(entry);
        }
    }
    return found;
}

std::optional<abi::NamespaceEntry> Process::grant(abi::GrantKind kind,
                                                  std::string_view name) const {
    const auto found = grants(kind, name);
    return found.empty() ? std::nullopt : std::optional(found.front());
}

abi::CapabilityIndex Process::bound_notification() {
    if (bound_ == abi::kNullCapability) {
        bound_ = services_.allocate_object(abi::ObjectType::Notification);
        if (bound_ == abi::kNullCapability ||
            !native::ok(native::thread_control(slot(abi::StartupSlot::MainThread),
                                               abi::ThreadOperation::BindNotification, bound_))) {
            throw std::runtime_error("cannot bind a notification");
        }
    }
    return bound_;
}

abi::CapabilityIndex Process::signaller(std::uint64_t badge) {
    const abi::CapabilityIndex result = services_.allocate_slots(1);
    if (result == 0 ||
        !native::ok(native::mint(bound_notification(), abi::Rights::Write, badge, result))) {
        throw std::runtime_error("cannot mint a notification capability");
    }
    return result;
}

abi::CapabilityIndex Process::claim_interrupt(std::uint32_t line, abi::CapabilityIndex signaller) {
    const auto control = grant(abi::GrantKind::IrqControl);
    const abi::CapabilityIndex irq = control ? services_.allocate_slots(1) : 0;
    if (irq == 0 || !native::ok(native::irq_claim(control->slot, line, irq)) ||
        !native::ok(native::irq_bind(irq, signaller))) {
        return 0;
    }
    return irq;
}

void Process::serve(std::string_view name, Scheme& scheme) {
    const auto endpoint = grant(abi::GrantKind::Serve, name);
    if (!endpoint) {
        throw std::runtime_error("the start list lacks serves=" + std::string(name));
    }
    NativeTransport transport(services_, endpoint->slot);
    Server server(scheme, transport, native::ticks());
    native::Message ready =
        native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Ready), 0);
    native::call(slot(abi::StartupSlot::Parent), ready);
    server.run();
}

int run_program(const char* name, void (*body)(Process&)) {
    try {
        Process process;
        body(process);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", name, error.what());
        return 1;
    }
}

}  // namespace redoubt::scheme
