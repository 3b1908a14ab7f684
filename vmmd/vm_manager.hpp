// All VMs of the daemon, as the management socket and main() see them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vmmd/backends/backend.hpp"
#include "vmmd/virtual_machine.hpp"

namespace redoubt::vmmd {

class EventLoop;

class VmManager final : public VmControl {
  public:
    struct Options {
        hvcall::Hypervisor* hypervisor = nullptr;
        std::string no_hypervisor_reason;
        std::string folder;
        bool load_linux = true;
    };

    /// `finished` is called once, in the loop's thread, when the daemon is to end with that status.
    VmManager(EventLoop& loop, Options options, std::vector<VmConfig> configs,
              std::function<void(int status, const std::string& reason)> finished);
    /// Stops every VM and waits.
    ~VmManager() override;

    /// Opens the back ends and starts the VMs that start by themselves. In the loop's thread.
    void start_all();

    std::vector<VmSummary> list() const override;
    ControlResult<HostInfo> host() const override;
    ControlResult<VmDetails> info(std::string_view name) const override;
    ControlResult<VmStatistics> statistics(std::string_view name) const override;
    ControlResult<std::vector<TraceEntry>> trace(std::string_view name,
                                                 const TraceQuery& query) const override;
    ControlResult<RegisterView> registers(std::string_view name, unsigned vcpu) override;
    ControlResult<CodeListing> code(std::string_view name, const CodeQuery& query) override;
    ControlResult<void> start(std::string_view name) override;
    ControlResult<void> stop(std::string_view name) override;
    ControlResult<void> pause(std::string_view name) override;
    ControlResult<void> resume(std::string_view name) override;
    ControlResult<void> reset(std::string_view name) override;
    ControlResult<void> powerdown(std::string_view name) override;
    void quit() override;
    ControlResult<std::shared_ptr<ConsoleHub>> console(std::string_view name) override;
    ControlResult<std::shared_ptr<StreamSource>> debug(std::string_view name) override;
    void set_event_handler(EventHandler handler) override;

    /// For main(): tells clients too.
    void emit(const VmEvent& event);

  private:
    struct Entry {
        std::unique_ptr<VirtualMachine> vm;
        std::unique_ptr<Backend> backend;
    };

    ControlResult<VirtualMachine*> find(std::string_view name) const;
    template <class Action>
    auto with(std::string_view name, Action action) const;
    void finish_if_all_stopped();

    EventLoop& loop_;
    const Options options_;
    std::function<void(int, const std::string&)> finished_;
    std::mutex handler_mutex_;
    EventHandler handler_;
    bool quitting_ = false;
    bool finished_called_ = false;
    std::vector<Entry> entries_;
};

}  // namespace redoubt::vmmd
