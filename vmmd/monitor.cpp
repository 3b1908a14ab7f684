// The monitor of one VM, a process of its own: runs it and serves the management protocol to the
// manager, which started it.
//
//   monitor [--socket PATH] [--folder PATH] [--model] TEXT
//
// TEXT is the VM's part of the configuration. The VM starts when the manager says so (vm-start),
// because its first events would reach nobody before. The process ends with the VM.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "vmmd/exit_status.hpp"
#include "vmmd/log.hpp"
#include "vmmd/management/commands.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/management/server.hpp"
#include "vmmd/model_guest.hpp"
#include "vmmd/vm_manager.hpp"

namespace redoubt::vmmd {
namespace {

constexpr std::chrono::milliseconds kPatience{500};

struct CommandLine {
    std::string socket;
    std::string folder;
    std::string text;
    bool model = false;
};

int serve(const CommandLine& options, VmConfig config) {
    std::unique_ptr<hvcall::Hypervisor> hypervisor;
    VmManager::Options manager_options;
    if (options.model) {
        hypervisor = make_model_hypervisor();
        manager_options.load_linux = false;
    } else if (auto native = hvcall::open_native_hypervisor()) {
        hypervisor = std::move(*native);
    } else {
        manager_options.no_hypervisor_reason = "no hypervisor: " + native.error();
    }
    manager_options.hypervisor = hypervisor.get();
    manager_options.folder = options.folder;

    EventLoop loop;
    int status = kStatusClean;
    std::unique_ptr<VmManager> manager;
    std::unique_ptr<ManagementServer> server;  // ends before what it serves
    const auto finished = [&](int code, const std::string& reason) {
        status = code;
        manager->emit(
            {.kind = VmEvent::Kind::DaemonExit, .name = {}, .reason = reason, .code = code});
        server->drain(kPatience, [&loop] { loop.stop(); });
    };
    config.autostart = false;
    std::vector<VmConfig> configs;
    configs.push_back(std::move(config));
    manager = std::make_unique<VmManager>(loop, manager_options, std::move(configs), finished);
    LocalExecutor executor(*manager);
    server = std::make_unique<ManagementServer>(loop, executor);
    server->spread_events_of(*manager);
    if (const auto listening = server->listen(options.socket); !listening) {
        log::error(listening.error());
        return kStatusCannotStart;
    }
    manager->start_all();
    hvcall::announce_ready();
    loop.run();
    server.reset();
    manager.reset();
    return status;
}

int run(int argc, char** argv) {
    CommandLine options;
    CLI::App app{"Redoubt's monitor of one virtual machine; vmmd starts it"};
    app.add_option("--socket", options.socket, "where the manager finds it")->required();
    app.add_option("--folder", options.folder, "that file: URLs start from");
    app.add_flag("--model", options.model, "run a scripted guest instead of a real one");
    app.add_option("TEXT", options.text, "the VM's table of the configuration")->required();
    CLI11_PARSE(app, argc, argv);
    auto parsed = parse_config(options.text, check_backend_url);
    if (!parsed.errors.empty() || parsed.vms.size() != 1) {
        for (const auto& error : parsed.errors) {
            std::fprintf(stderr, "%s\n", format(error, "monitor").c_str());
        }
        return kStatusCannotStart;
    }
    log::initialize("vm." + parsed.vms.front().name);
    return serve(options, std::move(parsed.vms.front()));
}

}  // namespace
}  // namespace redoubt::vmmd

int main(int argc, char** argv) {
    try {
        return redoubt::vmmd::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "monitor: error: %s\n", error.what());
        return redoubt::vmmd::kStatusCannotStart;
    }
}
