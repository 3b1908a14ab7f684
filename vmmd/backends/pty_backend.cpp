// Opens a pseudo-terminal and serves its master side.
#include "vmmd/backends/pty_backend.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "vmmd/backends/descriptor_backend.hpp"

namespace redoubt::vmmd {

namespace {

class PtyBackend final : public Backend {
  public:
    PtyBackend(EventLoop& loop, std::shared_ptr<ConsoleHub> hub, OwnedDescriptor master,
               OwnedDescriptor slave, std::string path, std::string link)
        : slave_(std::move(slave)),
          path_(std::move(path)),
          link_(std::move(link)),
          stream_(loop, std::move(hub), std::move(master), OwnedDescriptor(),
                  {path_, InputFrom::Output}) {}
    ~PtyBackend() override {
        if (!link_.empty()) ::unlink(link_.c_str());
    }

    std::string description() const override { return "pseudo-terminal " + path_; }

  private:
    OwnedDescriptor slave_;  ///< held open: without any slave, reads from the master fail
    std::string path_;
    std::string link_;
    DescriptorBackend stream_;
};

std::unexpected<std::string> fail(const std::string& what) {
    return std::unexpected("cannot open pty:" + what + ": " + std::strerror(errno));
}

bool replace_link(const std::string& link, const char* target) {
    struct stat old;
    if (::lstat(link.c_str(), &old) == 0 && S_ISLNK(old.st_mode)) ::unlink(link.c_str());
    return ::symlink(target, link.c_str()) == 0;
}

}  // namespace

std::expected<std::unique_ptr<Backend>, std::string> open_pty_backend(
    const std::string& link, EventLoop& loop, std::shared_ptr<ConsoleHub> hub) {
    OwnedDescriptor master(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    std::array<char, 128> path{};
    if (master.get() < 0 || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
        ::ptsname_r(master.get(), path.data(), path.size()) != 0) {
        return fail(link);
    }
    OwnedDescriptor slave(::open(path.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings;
    if (slave.get() < 0 || ::tcgetattr(slave.get(), &settings) != 0) return fail(link);
    // The guest does the echo and the line editing.
    ::cfmakeraw(&settings);
    if (::tcsetattr(slave.get(), TCSANOW, &settings) != 0) return fail(link);
    if (!link.empty() && !replace_link(link, path.data())) return fail(link);
    return std::make_unique<PtyBackend>(loop, std::move(hub), std::move(master), std::move(slave),
                                        path.data(), link);
}

}  // namespace redoubt::vmmd
