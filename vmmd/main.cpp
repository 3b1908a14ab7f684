// vmmd, the manager: reads the configuration, starts a monitor for each VM, serves the management
// socket. It holds no guest's memory and emulates nothing.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "vmmd/config/config_file.hpp"
#include "vmmd/exit_status.hpp"
#include "vmmd/log.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/management/server.hpp"
#include "vmmd/manager/manager.hpp"
#include "vmmd/manager/native_spawner.hpp"
#include "vmmd/manager/posix_spawner.hpp"
#include "vmmd/model_guest.hpp"

namespace redoubt::vmmd {
namespace {

constexpr std::chrono::milliseconds kPatience{500};

struct CommandLine {
    std::string socket = "/run/vmmd.sock";
    std::string config = "initfs:/etc/vmmd.toml";
    std::string check_file;
    bool keep = false;
    bool model = false;
};

/// The first line of the hypervisor's capabilities that names its backend.
void log_capabilities(hvcall::Hypervisor& hypervisor) {
    try {
        auto text = hypervisor.capabilities();
        while (!text.empty() && text.back() == '\n') text.pop_back();
        for (auto& character : text) {
            if (character == '\n') character = ',';
        }
        log::info("hypervisor: " + text);
    } catch (const std::exception& error) {
        log::warning(error.what());
    }
}

/// On a Linux host the monitor's program lies beside ours, and sockets beside the daemon's.
PosixSpawnerOptions host_monitors(const CommandLine& options, const std::string& folder) {
    const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "monitor";
    PosixSpawnerOptions result{program.string(), options.socket + ".monitors", {}};
    if (!folder.empty()) result.arguments = {"--folder", folder};
    if (options.model) result.arguments.push_back("--model");
    return result;
}

int serve(const CommandLine& options) {
    auto loaded = load_config(options.config, CheckImages::No);
    for (const auto& line : loaded.errors) log::error(line);
    if (!loaded.errors.empty()) return kStatusCannotStart;

    std::unique_ptr<hvcall::Hypervisor> hypervisor;
    Manager::Options manager_options;
    if (options.model) {
        hypervisor = make_model_hypervisor();
    } else if (auto native = hvcall::open_native_hypervisor()) {
        hypervisor = std::move(*native);
    } else {
        log::error("no hypervisor: " + native.error());
        manager_options.no_hypervisor_reason = "no hypervisor: " + native.error();
    }
    if (hypervisor) log_capabilities(*hypervisor);
    manager_options.hypervisor = hypervisor.get();
    manager_options.keep = options.keep;

    EventLoop loop;
    const bool redoubt = hvcall::running_on_redoubt();
    auto spawner = redoubt ? make_native_spawner(loop)
                           : make_posix_spawner(loop, host_monitors(options, loaded.folder));
    if (!spawner) {
        log::error(spawner.error());
        return kStatusCannotStart;
    }
    int status = kStatusClean;
    std::unique_ptr<ManagementServer> server;
    const auto emit = [&](const Json& event) { server->spread(to_line(event)); };
    const auto finished = [&](int code, const std::string& reason) {
        status = code;
        log::info("all VMs have stopped: " + reason);
        emit(event_to_json(
            {.kind = VmEvent::Kind::DaemonExit, .name = {}, .reason = reason, .code = code}));
        server->drain(kPatience, [&loop] { loop.stop(); });
    };
    Manager manager(loop, **spawner, manager_options, std::move(loaded.vms), emit, finished);
    server = std::make_unique<ManagementServer>(loop, manager);
    if (const auto listening = server->listen(options.socket); !listening) {
        log::error(listening.error());
        // VMs are of use without a socket on Redoubt, where they have the machine's console.
        if (!redoubt) return kStatusCannotStart;
    }
    boost::asio::signal_set signals(loop.context());
    if (!redoubt) {
        signals.add(SIGINT);
        signals.add(SIGTERM);
        signals.async_wait([&](boost::system::error_code error, int) {
            if (!error) manager.quit();
        });
    }
    manager.start_all();
    hvcall::announce_ready();
    log::info("ready");
    loop.run();
    server.reset();
    return status;
}

int run(int argc, char** argv) {
    CommandLine options;
    CLI::App app{"Redoubt's virtual-machine manager"};
    app.add_option("--socket", options.socket, "where the management socket is");
    app.add_option("--config", options.config, "TOML file that describes the VMs");
    app.add_flag("--keep", options.keep, "stay when all VMs have stopped");
    app.add_flag("--model", options.model,
                 "run scripted guests instead of real ones (to try the daemon on any machine)");
    auto* check =
        app.add_subcommand("check", "check a configuration file without starting anything");
    check->add_option("FILE", options.check_file, "TOML file")->required();
    CLI11_PARSE(app, argc, argv);
    if (check->parsed()) return check_file(options.check_file);
    log::initialize("vmmd");
    return serve(options);
}

}  // namespace
}  // namespace redoubt::vmmd

int main(int argc, char** argv) {
    try {
        return redoubt::vmmd::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "vmmd: error: %s\n", error.what());
        return 1;
    }
}
