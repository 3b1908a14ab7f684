// posix_spawn, and pidfds that become readable when a process has ended.
#include "vmmd/manager/posix_spawner.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::string_view kSuffix = ".sock";

/// The process that listens on a socket, if there is one.
std::optional<pid_t> listener_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return std::nullopt;
    path.copy(address.sun_path, path.size());
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ucred peer{};
    socklen_t size = sizeof(peer);
    const bool known =
        ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
        ::getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    ::close(probe);
    return known ? std::optional(peer.pid) : std::nullopt;
}

MonitorEnd end_of(pid_t process) {
    int status = 0;
    // A process that an earlier manager made has no status for us.
    if (::waitpid(process, &status, WNOHANG) != process) return {"ended"};
    if (WIFEXITED(status)) {
        return {"ended with status " + std::to_string(WEXITSTATUS(status)), WEXITSTATUS(status)};
    }
    return {"was killed by signal " + std::to_string(WTERMSIG(status))};
}

class PosixSpawner final : public Spawner {
  public:
    PosixSpawner(EventLoop& loop, PosixSpawnerOptions options)
        : loop_(loop), options_(std::move(options)) {}

    void set_ended(Ended ended) override { ended_ = std::move(ended); }

    std::expected<MonitorId, std::string> spawn(const VmConfig& config) override {
        std::vector<std::string> words{options_.program, "--socket", socket_of(config.name)};
        words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
        words.push_back(config.text);
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        // A process group of its own: what a terminal sends to vmmd is not for its monitors.
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        pid_t process = 0;
        const int error = ::posix_spawn(&process, options_.program.c_str(), nullptr, &attributes,
                                        arguments.data(), environ);
        posix_spawnattr_destroy(&attributes);
        if (error != 0) {
            return std::unexpected("cannot start " + options_.program + ": " +
                                   std::strerror(error));
        }
        if (!watch(process)) {
            ::kill(process, SIGKILL);
            return std::unexpected(std::string("cannot watch its monitor: ") +
                                   std::strerror(errno));
        }
        return static_cast<MonitorId>(process);
    }

    void kill(MonitorId id) override {
        if (running_.contains(id)) ::kill(static_cast<pid_t>(id), SIGKILL);
    }

    std::vector<FoundMonitor> find() override {
        std::vector<FoundMonitor> found;
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(options_.directory, ignored)) {
            const std::string file = entry.path().filename().string();
            if (!file.ends_with(kSuffix)) continue;
            const auto process = listener_of(entry.path().string());
            if (!process || !watch(*process)) continue;
            found.push_back(
                {static_cast<MonitorId>(*process), file.substr(0, file.size() - kSuffix.size())});
        }
        return found;
    }

    std::string socket_of(const std::string& name) const override {
        return options_.directory + "/" + name + std::string(kSuffix);
    }

    std::uint64_t free_bytes() const override {
        struct sysinfo information{};
        ::sysinfo(&information);
        return std::uint64_t{information.freeram} * information.mem_unit;
    }

  private:
    using Descriptor = boost::asio::posix::stream_descriptor;

    bool watch(pid_t process) {
        const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
        if (descriptor < 0) return false;
        const auto id = static_cast<MonitorId>(process);
        auto& watched =
            running_.insert_or_assign(id, Descriptor(loop_.context(), descriptor)).first->second;
        watched.async_wait(Descriptor::wait_read, [this, id](boost::system::error_code error) {
            if (error) return;
            running_.erase(id);
            ended_(id, end_of(static_cast<pid_t>(id)));
        });
        return true;
    }

    EventLoop& loop_;
    const PosixSpawnerOptions options_;
    std::map<MonitorId, Descriptor> running_;
    Ended ended_ = [](MonitorId, const MonitorEnd&) {};
};

}  // namespace

std::expected<std::unique_ptr<Spawner>, std::string> make_posix_spawner(
    EventLoop& loop, PosixSpawnerOptions options) {
    std::error_code error;
    std::filesystem::create_directories(options.directory, error);
    if (error) {
        return std::unexpected("cannot make the folder " + options.directory + ": " +
                               error.message());
    }
    return std::make_unique<PosixSpawner>(loop, std::move(options));
}

}  // namespace redoubt::vmmd
