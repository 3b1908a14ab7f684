// A back end behind file descriptors: a console, a log, a file, a pseudo-terminal.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vmmd/backends/backend.hpp"
#include "vmmd/backends/line_framer.hpp"
#include "vmmd/console/console_hub.hpp"

namespace redoubt::vmmd {

/// Closes a descriptor, unless it is -1.
class OwnedDescriptor {
  public:
    explicit OwnedDescriptor(int descriptor = -1) : descriptor_(descriptor) {}
    ~OwnedDescriptor();
    OwnedDescriptor(OwnedDescriptor&& other) noexcept;
    OwnedDescriptor& operator=(OwnedDescriptor&&) = delete;
    int get() const { return descriptor_; }
    int release();

  private:
    int descriptor_;
};

enum class InputFrom { Nowhere, Output, Other };

struct DescriptorOptions {
    std::string description;
    InputFrom input = InputFrom::Nowhere;
    Framing framing = Framing::Raw;
    std::string line_prefix{};
    /// Opens the output's successor (on Redoubt: that of a service that was started anew). Without
    /// it, a descriptor that fails is closed for good.
    std::function<OwnedDescriptor()> reopen{};
};

/// Writes the hub's output to one descriptor and types what comes from it or from another. Blocking
/// descriptors block the event loop: only for those that never block for long (files, the system
/// log, a developer's terminal).
class DescriptorBackend final : public Backend {
  public:
    DescriptorBackend(EventLoop& loop, std::shared_ptr<ConsoleHub> hub, OwnedDescriptor output,
                      OwnedDescriptor input, DescriptorOptions options);
    /// Writes what is left first, if somebody takes it.
    ~DescriptorBackend() override;

    std::string description() const override;

  private:
    class Pump;
    std::string description_;
    std::shared_ptr<Pump> pump_;
};

}  // namespace redoubt::vmmd
