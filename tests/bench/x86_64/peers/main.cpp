// The first process of the peer's system: Debian's kernel on the same emulated machine. Loads the
// modules in /modules, in the order of their names, measures the parts named by the arguments (the
// kernel hands on what it does not know of its command line), and turns the machine off.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/bench/x86_64/peers/peer.hpp"
#include "tests/bench/samples.hpp"

namespace redoubt::bench::peer {
namespace {

void load_modules() {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator("/modules")) {
        files.insert(entry.path());
    }
    for (const auto& file : files) {
        const int module = check(open(file.c_str(), O_RDONLY | O_CLOEXEC), file.native());
        check(static_cast<int>(syscall(SYS_finit_module, module, "", 0)), file.native());
        close(module);
    }
}

void run(std::string_view part) {
    if (part == "exits") {
        measure_kvm_exits();
    } else if (part == "ipc") {
        measure_linux_primitives();
    } else if (part == "boot") {
        boot_in_qemu_on_kvm();
    } else {
        throw std::invalid_argument("there is no such part");
    }
}

}  // namespace
}  // namespace redoubt::bench::peer

int main(int argc, char** argv) {
    using namespace redoubt::bench;
    const auto started = ticks();
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    report("system", "linux_init", started);
    std::string part = "start";
    try {
        for (const char* name : {"/dev", "/proc", "/sys", "/tmp"}) mkdir(name, 0755);
        // Mounted already if the kernel did it.
        static_cast<void>(mount("dev", "/dev", "devtmpfs", 0, nullptr));
        peer::check(mount("proc", "/proc", "proc", 0, nullptr), "/proc");
        peer::check(mount("sys", "/sys", "sysfs", 0, nullptr), "/sys");
        peer::load_modules();
        for (int i = 1; i < argc; ++i) {
            part = argv[i];
            peer::run(part);
        }
        std::printf("BENCH DONE\n");
    } catch (const std::exception& error) {
        std::printf("BENCH FAILED %s: %s\n", part.c_str(), error.what());
    }
    std::fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}
