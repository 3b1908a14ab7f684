// What a scheme's program knows of its own process: grants, the scheme it serves, and its parent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "abi/startup.hpp"
#include "libposix/native_services.hpp"
#include "schemes/libscheme/file.hpp"

namespace redoubt::scheme {

class Process {
  public:
    /// Throws std::runtime_error on a Linux host, where there is no StartupInfo.
    Process();

    const posix::NativeServices& services() const { return services_; }
    /// Entries of that kind, in order; any name if `name` is empty.
    std::vector<abi::NamespaceEntry> grants(abi::GrantKind kind, std::string_view name = {}) const;
    std::optional<abi::NamespaceEntry> grant(abi::GrantKind kind, std::string_view name = {}) const;

    /// A notification whose bits reach Scheme::notified() of serve() below. Made on first use.
    abi::CapabilityIndex bound_notification();
    /// A capability that signals the bound notification with `badge`.
    abi::CapabilityIndex signaller(std::uint64_t badge);

    /// The interrupt of that line, which signals `signaller`; 0 if it cannot be had.
    abi::CapabilityIndex claim_interrupt(std::uint32_t line, abi::CapabilityIndex signaller);

    /// Tells init that this process is ready and serves `scheme` until the endpoint goes away.
    void serve(std::string_view name, Scheme& scheme);

  private:
    const posix::NativeServices& services_;
    const abi::StartupInfo& startup_;
    abi::CapabilityIndex bound_ = abi::kNullCapability;
};

/// The main function of a scheme's program: runs `body`, and says in one line why it failed.
int run_program(const char* name, void (*body)(Process&));

}  // namespace redoubt::scheme
