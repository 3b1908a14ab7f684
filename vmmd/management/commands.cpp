// The command table. Handlers check their arguments, call the VM manager, and shape its answer.
#include "vmmd/management/commands.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "arch/config_limits.hpp"
#include "vmmd/trace/exit_name.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

using namespace std::string_view_literals;

constexpr int kQmpMajor = 7, kQmpMinor = 2, kQmpMicro = 0;  // the QEMU whose wire format this is
constexpr std::string_view kPackage = "Redoubt vmmd 0.1.0";

template <typename T>
T unwrap(ControlResult<T> result) {
    if (!result) {
        const bool no_such_vm = result.error().kind == ControlError::Kind::NoSuchVm;
        throw CommandError{no_such_vm ? "DeviceNotFound"sv : "GenericError"sv,
                           result.error().description};
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// An integer from 0 to `largest`, or nothing if it was not given.
std::optional<std::uint64_t> number_of(const Json& arguments, const char* parameter,
                                       std::uint64_t largest) {
    const auto value = arguments.find(parameter);
    if (value == arguments.end()) return std::nullopt;
    if (!value->is_number_integer()) {
        throw CommandError{"GenericError", std::string("Invalid parameter type for '") + parameter +
                                               "', expected: integer"};
    }
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > largest) {
        throw CommandError{"GenericError", std::string("Parameter '") + parameter +
                                               "' expects a number from 0 to " +
                                               std::to_string(largest)};
    }
    return value->get<std::uint64_t>();
}

Json counters_to_json(const Counters& counters) {
    Json object = Json::object();
    for (const auto& [name, value] : counters) object[name] = value;
    return object;
}

Json summary_to_json(const VmSummary& vm) {
    return {{"name", vm.name},
            {"state", to_string(vm.state)},
            {"cpus", vm.cpus},
            {"memory", vm.memory_bytes},
            {"uptime_ms", vm.uptime.count()}};
}

template <ControlResult<void> (VmControl::*action)(std::string_view)>
Json act(VmControl& control, const Json& arguments, CommandEffects&) {
    unwrap((control.*action)(name_of(arguments)));
    return Json::object();
}

Json query_version(VmControl&, const Json&, CommandEffects&) { return version_object(); }

Json query_commands(VmControl&, const Json&, CommandEffects&) { return command_names(); }

Json query_status(VmControl& control, const Json& arguments, CommandEffects&) {
    return run_state(unwrap(control.info(name_of(arguments))).summary.state);
}

Json query_cpus_fast(VmControl& control, const Json& arguments, CommandEffects&) {
    const VmSummary vm = unwrap(control.info(name_of(arguments))).summary;
    Json cpus = Json::array();
    for (unsigned cpu = 0; cpu < vm.cpus; ++cpu) {
        cpus.push_back(cpu_row(vm.name, cpu));
    }
    return cpus;
}

Json query_name(VmControl& control, const Json& arguments, CommandEffects&) {
    return {{"name", unwrap(control.info(name_of(arguments))).summary.name}};
}

Json quit(VmControl& control, const Json&, CommandEffects&) {
    control.quit();
    return Json::object();
}

Json vm_list(VmControl& control, const Json&, CommandEffects&) {
    Json vms = Json::array();
    for (const VmSummary& vm : control.list()) vms.push_back(summary_to_json(vm));
    return vms;
}

Json vm_info(VmControl& control, const Json& arguments, CommandEffects&) {
    const VmDetails details = unwrap(control.info(name_of(arguments)));
    Json info = summary_to_json(details.summary);
    info["kernel"] = details.kernel;
    info["initrd"] = details.initrd;
    info["cmdline"] = details.cmdline;
    info["serial"] = details.serial;
    info["stop_reason"] = details.stop_reason;
    return info;
}

Json query_host(VmControl& control, const Json&, CommandEffects&) {
    const HostInfo host = unwrap(control.host());
    return {{"hypervisor", host.hypervisor}, {"free-bytes", host.free_bytes}};
}

Json times_to_json(const VcpuTimes& times) {
    return {{"guest", times.guest.count},
            {"kernel", times.kernel.count},
            {"monitor", times.monitor.count},
            {"waiting", times.waiting.count},
            {"paused", times.paused.count}};
}

Json vcpu_to_json(const VcpuStatistics& vcpu, std::size_t index) {
    Json interrupts = Json::object();
    for (const auto& [vector, count] : vcpu.interrupts) interrupts[hexadecimal(vector)] = count;
    return {{"vcpu", index},
            {"time_ns", times_to_json(vcpu.times)},
            {"exits", counters_to_json(vcpu.exits)},
            {"exits_in_kernel", vcpu.exits_in_kernel},
            {"interrupts", interrupts},
            {"nmis", vcpu.nmis},
            {"exceptions", vcpu.exceptions}};
}

Json statistics_to_json(const VmStatistics& statistics) {
    const auto& memory = statistics.memory;
    Json vcpus = Json::array();
    for (const auto& vcpu : statistics.vcpus) vcpus.push_back(vcpu_to_json(vcpu, vcpus.size()));
    return {{"run_time_ms", statistics.run_time.count()},
            {"exits", counters_to_json(statistics.exits)},
            {"vcpus", vcpus},
            {"memory",
             {{"guest", memory.guest},
              {"kernel", memory.kernel},
              {"kernel_used", memory.kernel_used},
              {"monitor", memory.monitor},
              {"monitor_heap", memory.monitor_heap}}}};
}

Json vm_stats(VmControl& control, const Json& arguments, CommandEffects&) {
    return statistics_to_json(unwrap(control.statistics(name_of(arguments))));
}

Json trace_entry_to_json(const TraceEntry& entry) {
    const auto& record = entry.record;
    return {{"vcpu", entry.vcpu},          {"number", record.number},
            {"time_ns", entry.time.count}, {"kind", exit_name(record.kind)},
            {kProgramCounter, record.pc},  {"detail", record.detail},
            {"info", record.info},         {"result", record.result},
            {"text", entry.text},          {"handler", entry.handler}};
}

Json trace_to_json(const std::vector<TraceEntry>& entries) {
    Json rows = Json::array();
    for (const auto& entry : entries) rows.push_back(trace_entry_to_json(entry));
    return rows;
}

Json vm_trace(VmControl& control, const Json& arguments, CommandEffects&) {
    return trace_to_json(unwrap(control.trace(name_of(arguments), trace_query_of(arguments))));
}

unsigned vcpu_of(const Json& arguments) {
    return static_cast<unsigned>(number_of(arguments, "vcpu", 1U << 20).value_or(0));
}

Json vm_registers(VmControl& control, const Json& arguments, CommandEffects&) {
    const auto vcpu = vcpu_of(arguments);
    const auto view = unwrap(control.registers(name_of(arguments), vcpu));
    return {{"vcpu", vcpu}, {"registers", counters_to_json(view.values)}, {"text", view.text}};
}

Json instructions_to_json(const std::vector<isa::DisassembledInstruction>& instructions) {
    Json rows = Json::array();
    for (const auto& [address, bytes, text] : instructions) {
        rows.push_back({{"address", address}, {"bytes", bytes}, {"text", text}});
    }
    return rows;
}

Json vm_code(VmControl& control, const Json& arguments, CommandEffects&) {
    constexpr std::uint64_t kMost = 256;
    constexpr std::size_t kBefore = 5, kCount = 16;
    const CodeQuery query{
        .vcpu = vcpu_of(arguments),
        .address = number_of(arguments, "address", ~std::uint64_t{0}),
        .before = static_cast<std::size_t>(number_of(arguments, "before", kMost).value_or(kBefore)),
        .count = static_cast<std::size_t>(number_of(arguments, "count", kMost).value_or(kCount))};
    const auto listing = unwrap(control.code(name_of(arguments), query));
    return {{"vcpu", query.vcpu},
            {"mode", listing.mode},
            {"address", listing.address},
            {"before", instructions_to_json(listing.before)},
            {"code", instructions_to_json(listing.code)},
            {"problem", listing.problem}};
}

Json vm_attach(VmControl& control, const Json& arguments, CommandEffects& effects) {
    effects.replay = flag_of(arguments, "replay", true);
    effects.attach = unwrap(control.console(name_of(arguments)));
    return Json::object();
}

Json vm_gdb(VmControl& control, const Json& arguments, CommandEffects& effects) {
    effects.stream = unwrap(control.debug(name_of(arguments)));
    return Json::object();
}

constexpr std::array kName = {"name"sv};
constexpr std::array kTrace = {"name"sv, "vcpu"sv, "count"sv, "after_ns"sv};
constexpr std::array kRegisters = {"name"sv, "vcpu"sv};
constexpr std::array kCode = {"name"sv, "vcpu"sv, "address"sv, "before"sv, "count"sv};
constexpr std::array kAttach = {"name"sv, "replay"sv};

constexpr Command kCommands[] = {
    {"query-version", {}, query_version},
    {"query-commands", {}, query_commands},
    {"query-status", kName, query_status},
    {"query-cpus-fast", kName, query_cpus_fast},
    {"query-name", kName, query_name},
    {"stop", kName, act<&VmControl::pause>},
    {"cont", kName, act<&VmControl::resume>},
    {"system_reset", kName, act<&VmControl::reset>},
    {"system_powerdown", kName, act<&VmControl::powerdown>},
    {"quit", {}, quit},
    {"query-host", {}, query_host},
    {"vm-list", {}, vm_list},
    {"vm-info", kName, vm_info},
    {"vm-stats", kName, vm_stats},
    {"vm-trace", kTrace, vm_trace},
    {"vm-registers", kRegisters, vm_registers},
    {"vm-code", kCode, vm_code},
    {"vm-start", kName, act<&VmControl::start>},
    {"vm-stop", kName, act<&VmControl::stop>},
    {"vm-attach", kAttach, vm_attach, true},
    {"vm-gdb", kName, vm_gdb, true},
};

Json event_data(const VmEvent& event) {
    using Kind = VmEvent::Kind;
    switch (event.kind) {
        case Kind::Reset:
            return {{"guest", event.guest}, {"reason", event.reason}, {"name", event.name}};
        case Kind::Shutdown:
            return {{"guest", event.guest}, {"reason", event.reason}, {"name", event.name}};
        case Kind::VmStopped:
            return {{"name", event.name},
                    {"reason", event.reason},
                    {"result", to_string(event.end)},
                    {"summary", statistics_to_json(event.statistics)},
                    {"console", event.console},
                    {"trace", trace_to_json(event.trace)}};
        case Kind::DaemonExit:
            return {{"code", event.code}, {"reason", event.reason}};
        default:
            return {{"name", event.name}};
    }
}

std::string_view event_name(VmEvent::Kind kind) {
    using Kind = VmEvent::Kind;
    switch (kind) {
        case Kind::Stop:
            return "STOP";
        case Kind::Resume:
            return "RESUME";
        case Kind::Reset:
            return "RESET";
        case Kind::Shutdown:
            return "SHUTDOWN";
        case Kind::PowerDown:
            return "POWERDOWN";
        case Kind::VmStarted:
            return "VM_STARTED";
        case Kind::VmStopped:
            return "VM_STOPPED";
        case Kind::DaemonExit:
            return "DAEMON_EXIT";
    }
    return "UNKNOWN";
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

void LocalExecutor::execute(const Command& command, const Json& arguments, Done done) {
    CommandEffects effects;
    Json answer;
    try {
        answer = {{"return", command.run(control_, arguments, effects)}};
    } catch (const CommandError& error) {
        answer = error_reply(error.error_class, error.description);
        effects = {};
    }
    done(std::move(answer), std::move(effects));
}

std::string name_of(const Json& arguments) {
    const auto name = arguments.find("name");
    if (name == arguments.end()) return {};
    if (!name->is_string()) {
        throw CommandError{"GenericError", "Invalid parameter type for 'name', expected: string"};
    }
    if (name->get_ref<const std::string&>().empty()) {
        throw CommandError{"GenericError", "Parameter 'name' must not be empty"};
    }
    return *name;
}

TraceQuery trace_query_of(const Json& arguments) {
    constexpr std::uint64_t kMost = 1U << 20;
    TraceQuery query;
    if (const auto vcpu = number_of(arguments, "vcpu", kMost)) {
        query.vcpu = static_cast<unsigned>(*vcpu);
    }
    query.count = number_of(arguments, "count", kMost).value_or(kMost);
    if (const auto after = number_of(arguments, "after_ns", ~std::uint64_t{0})) {
        query.after = Nanoseconds{*after};
    }
    return query;
}

bool flag_of(const Json& arguments, const char* parameter, bool otherwise) {
    const auto value = arguments.find(parameter);
    if (value == arguments.end()) return otherwise;
    if (!value->is_boolean()) {
        throw CommandError{"GenericError", std::string("Invalid parameter type for '") + parameter +
                                               "', expected: boolean"};
    }
    return *value;
}

Json command_names() {
    Json names = Json::array({{{"name", "qmp_capabilities"}}});
    for (const Command& command : commands()) names.push_back({{"name", command.name}});
    return names;
}

Json cpu_row(const std::string& vm, unsigned cpu) {
    return {{"cpu-index", cpu},
            {"qom-path", "/machine/" + vm + "/cpu[" + std::to_string(cpu) + "]"},
            {"thread-id", cpu},
            {"props", {{"socket-id", 0}, {"core-id", cpu}, {"thread-id", 0}}},
            {"target", kQmpTarget}};
}

Json run_state(VmState state) {
    // The names of QEMU's RunState.
    constexpr std::array kRunStates = {"shutdown"sv, "running"sv, "paused"sv, "guest-panicked"sv,
                                       "shutdown"sv};
    return {{"running", state == VmState::Running},
            {"singlestep", false},
            {"status", kRunStates[static_cast<std::size_t>(state)]}};
}

Json version_object() {
    return {{"qemu", {{"major", kQmpMajor}, {"minor", kQmpMinor}, {"micro", kQmpMicro}}},
            {"package", kPackage}};
}

std::string quote_name(std::string_view name) {
    constexpr std::size_t kLongest = 64;
    if (name.size() <= kLongest) return "'" + std::string(name) + "'";
    return "'" + std::string(name.substr(0, kLongest)) + "…'";
}

Json error_reply(std::string_view error_class, std::string_view description) {
    return {{"error", {{"class", error_class}, {"desc", description}}}};
}

Json make_event(std::string_view name, Json data) {
    using namespace std::chrono;
    const auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    return {{"timestamp", {{"seconds", now / 1'000'000}, {"microseconds", now % 1'000'000}}},
            {"event", name},
            {"data", std::move(data)}};
}

Json event_to_json(const VmEvent& event) {
    return make_event(event_name(event.kind), event_data(event));
}

std::string to_line(const Json& message) {
    return message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\r\n";
}

}  // namespace redoubt::vmmd
