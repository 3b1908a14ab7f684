// The daemon's commands and its end.
#include "vmmd/manager/manager.hpp"

#include <algorithm>

#include "libhvcall/hypervisor.hpp"
#include "vmmd/exit_status.hpp"
#include "vmmd/log.hpp"
#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

namespace {

Json returned(Json value) { return {{"return", std::move(value)}}; }

Json cpus_of(const ManagedVm& vm) {
    Json cpus = Json::array();
    for (unsigned cpu = 0; cpu < vm.config().cpus; ++cpu)
        cpus.push_back(cpu_row(vm.config().name, cpu));
    return cpus;
}

/// vm-trace of a VM that does not run; as select() does it with what a monitor has.
Json select_exits(const Json& rows, const TraceQuery& query) {
    Json result = Json::array();
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(result), [&query](const Json& row) {
        return (!query.vcpu || row["vcpu"] == *query.vcpu) &&
               (!query.after || row["time_ns"].get<std::uint64_t>() > query.after->count);
    });
    if (result.size() > query.count) {
        result.erase(result.begin(),
                     result.end() - static_cast<Json::difference_type>(query.count));
    }
    return result;
}

}  // namespace

constexpr Manager::Own Manager::kOwn[] = {
    {"query-version", &Manager::query_version}, {"query-commands", &Manager::query_commands},
    {"query-host", &Manager::query_host},       {"vm-list", &Manager::vm_list},
    {"vm-start", &Manager::vm_start},           {"vm-stop", &Manager::vm_stop},
    {"quit", &Manager::quit_command},
};

Manager::Manager(EventLoop& loop, Spawner& spawner, Options options, std::vector<VmConfig> configs,
                 Emit emit, Finished finished)
    : loop_(loop), spawner_(spawner), options_(std::move(options)), finished_(std::move(finished)) {
    ManagedVm::Surroundings surroundings;
    surroundings.loop = &loop_;
    surroundings.spawner = &spawner_;
    surroundings.patience = options_.patience;
    surroundings.emit = std::move(emit);
    surroundings.stopped = [this] { loop_.post([this] { finish_if_all_stopped(); }); };
    for (auto& config : configs) {
        vms_.push_back(std::make_unique<ManagedVm>(std::move(config), surroundings));
    }
    spawner_.set_ended([this](MonitorId id, const MonitorEnd& end) { monitor_ended(id, end); });
}

void Manager::start_all() {
    for (const auto& found : spawner_.find()) {
        const auto vm =
            std::ranges::find(vms_, found.name, [](const auto& vm) { return vm->config().name; });
        if (vm != vms_.end()) {
            (*vm)->adopt(found);
        } else if (found.running) {
            log::warning("a monitor runs the VM " + found.name +
                         ", which is not in the configuration; it is ended");
            spawner_.kill(found.id);
        }
    }
    bool any = false;
    for (const auto& vm : vms_) {
        any |= vm->config().autostart || !vm->stopped();
        if (vm->config().autostart && vm->stopped() && vm->last_end() == VmEnd::NeverRan) {
            vm->start([](const Json&) {});
        }
    }
    if (any) finish_if_all_stopped();
}

void Manager::quit() {
    quitting_ = true;
    for (const auto& vm : vms_) {
        vm->retire();
        if (!vm->stopped()) vm->stop([](const Json&) {});
    }
    loop_.post([this] { finish_if_all_stopped(); });
}

void Manager::monitor_ended(MonitorId id, const MonitorEnd& end) {
    for (const auto& vm : vms_) {
        if (vm->monitor() == id) return vm->monitor_ended(end);
    }
}

void Manager::finish_if_all_stopped() {
    const bool all_stopped =
        std::ranges::all_of(vms_, [](const auto& vm) { return vm->stopped(); });
    if (!all_stopped || finished_called_ || (options_.keep && !quitting_)) return;
    finished_called_ = true;
    int status = kStatusClean;
    std::string reasons;
    for (const auto& vm : vms_) {
        const auto end = vm->last_end();
        if (end == VmEnd::NeverRan) continue;
        if (end == VmEnd::Crashed) status = kStatusCrash;
        if (end == VmEnd::FailedToStart && status == kStatusClean) status = kStatusCannotStart;
        if (!reasons.empty()) reasons += "; ";
        reasons += vm->config().name + ": " + vm->stop_reason();
    }
    if (quitting_) status = kStatusClean;
    finished_(status, reasons.empty() ? "no VM ran" : reasons);
}

// -- commands

void Manager::execute(const Command& command, const Json& arguments, Done done) {
    try {
        const auto own = std::ranges::find(kOwn, command.name, &Own::name);
        if (own != std::end(kOwn)) return (this->*own->handler)(arguments, done);
        of_vm(command, arguments, done);
    } catch (const CommandError& error) {
        done(error_reply(error.error_class, error.description), {});
    }
}

ManagedVm& Manager::find(const Json& arguments) const {
    const std::string name = name_of(arguments);
    if (name.empty()) {
        if (vms_.size() == 1) return *vms_.front();
        throw CommandError{"GenericError", "there are " + std::to_string(vms_.size()) +
                                               " VMs: say which one with \"name\""};
    }
    for (const auto& vm : vms_) {
        if (vm->config().name == name) return *vm;
    }
    throw CommandError{"DeviceNotFound", "there is no VM \"" + name + "\""};
}

void Manager::of_vm(const Command& command, const Json& arguments, const Done& done) {
    ManagedVm& vm = find(arguments);
    if (!vm.can_be_asked()) return of_vm_at_rest(vm, command, arguments, done);
    if (command.makes_stream) {
        return vm.open_stream(command, arguments,
                              [this, &vm, command, arguments, done](
                                  Json answer, std::shared_ptr<StreamSource> stream) {
                                  // It has ended meanwhile.
                                  if (!stream && !vm.can_be_asked())
                                      return execute(command, arguments, done);
                                  CommandEffects effects;
                                  effects.stream = std::move(stream);
                                  done(std::move(answer), std::move(effects));
                              });
    }
    const bool is_info = command.name == "vm-info";
    vm.forward(command, arguments, [&vm, is_info, done](Json answer) {
        // What the monitor says, and what only the manager knows.
        if (is_info && answer.contains("return") && answer["return"].is_object()) {
            Json details = vm.details();
            details.update(answer["return"]);
            answer["return"] = std::move(details);
        }
        done(std::move(answer), {});
    });
}

/// Commands that can be answered for a VM without a monitor.
void Manager::of_vm_at_rest(const ManagedVm& vm, const Command& command, const Json& arguments,
                            const Done& done) const {
    if (command.name == "vm-attach") {
        CommandEffects effects;
        effects.attach = vm.last_console();
        effects.replay = flag_of(arguments, "replay", true);
        return done(returned(Json::object()), std::move(effects));
    }
    if (command.name == "vm-info") return done(returned(vm.details()), {});
    if (command.name == "vm-stats") return done(returned(vm.last_statistics()), {});
    if (command.name == "vm-trace") {
        const auto query = trace_query_of(arguments);
        if (query.vcpu.value_or(0) >= vm.config().cpus) {
            throw CommandError{"GenericError", describe_missing_vcpu(vm.config(), *query.vcpu)};
        }
        return done(returned(select_exits(vm.last_exits(), query)), {});
    }
    if (command.name == "query-status") return done(returned(run_state(vm.state())), {});
    if (command.name == "query-name") return done(returned({{"name", vm.config().name}}), {});
    if (command.name == "query-cpus-fast") return done(returned(cpus_of(vm)), {});
    done(error_reply("GenericError", vm.not_running().description), {});
}

void Manager::query_version(const Json&, const Done& done) { done(returned(version_object()), {}); }

void Manager::query_commands(const Json&, const Done& done) { done(returned(command_names()), {}); }

void Manager::query_host(const Json&, const Done& done) {
    if (options_.hypervisor == nullptr) {
        return done(error_reply("GenericError", options_.no_hypervisor_reason), {});
    }
    done(returned({{"hypervisor", options_.hypervisor->capabilities()},
                   {"free-bytes", spawner_.free_bytes()}}),
         {});
}

void Manager::vm_list(const Json&, const Done& done) {
    Json rows = Json::array();
    for (const auto& vm : vms_) rows.push_back(vm->summary());
    done(returned(std::move(rows)), {});
}

void Manager::vm_start(const Json& arguments, const Done& done) {
    find(arguments).start([done](Json answer) { done(std::move(answer), {}); });
}

void Manager::vm_stop(const Json& arguments, const Done& done) {
    find(arguments).stop([done](Json answer) { done(std::move(answer), {}); });
}

void Manager::quit_command(const Json&, const Done& done) {
    quit();
    done(returned(Json::object()), {});
}

}  // namespace redoubt::vmmd
