// All VMs of the daemon: answers what clients ask, by itself or through the VMs' monitors, and
// decides when the daemon ends.
//
// What a command of one VM means is the monitor's business: all of them are passed on as they are.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vmmd/management/commands.hpp"
#include "vmmd/manager/managed_vm.hpp"

namespace redoubt::hvcall {
class Hypervisor;
}

namespace redoubt::vmmd {

class Manager final : public CommandExecutor {
  public:
    struct Options {
        hvcall::Hypervisor* hypervisor = nullptr;  ///< null: there is none; for query-host only
        std::string no_hypervisor_reason;
        bool keep = false;  ///< stay when every VM has stopped
        Patience patience{};
    };
    using Emit = std::function<void(const Json& event)>;
    /// The daemon is to end with that status.
    using Finished = std::function<void(int status, const std::string& reason)>;

    Manager(EventLoop& loop, Spawner& spawner, Options options, std::vector<VmConfig> configs,
            Emit emit, Finished finished);

    /// Takes over the monitors that are there already, then starts the VMs that start by
    /// themselves.
    void start_all();
    void quit();

    void execute(const Command& command, const Json& arguments, Done done) override;

  private:
    using Handler = void (Manager::*)(const Json& arguments, const Done& done);
    struct Own {
        std::string_view name;
        Handler handler;
    };
    static const Own kOwn[];

    ManagedVm& find(const Json& arguments) const;
    void of_vm(const Command& command, const Json& arguments, const Done& done);
    void of_vm_at_rest(const ManagedVm& vm, const Command& command, const Json& arguments,
                       const Done& done) const;
    void query_version(const Json& arguments, const Done& done);
    void query_commands(const Json& arguments, const Done& done);
    void query_host(const Json& arguments, const Done& done);
    void vm_list(const Json& arguments, const Done& done);
    void vm_start(const Json& arguments, const Done& done);
    void vm_stop(const Json& arguments, const Done& done);
    void quit_command(const Json& arguments, const Done& done);
    void monitor_ended(MonitorId id, const MonitorEnd& end);
    void finish_if_all_stopped();

    EventLoop& loop_;
    Spawner& spawner_;
    const Options options_;
    Finished finished_;
    bool quitting_ = false;
    bool finished_called_ = false;
    std::vector<std::unique_ptr<ManagedVm>> vms_;
};

}  // namespace redoubt::vmmd
