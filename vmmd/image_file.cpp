// Reading images through plain file calls, which libposix maps to schemes.
#include "vmmd/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vmmd/config/config.hpp"

namespace redoubt::vmmd {

std::string path_of(std::string_view url, const std::string& folder) {
    if (!url.starts_with("file:")) return std::string(url);
    const auto path = url.substr(5);
    if (path.starts_with('/') || folder.empty()) return std::string(path);
    return folder + "/" + std::string(path);
}

std::expected<ImageFile, std::string> ImageFile::open(std::string_view url,
                                                      const std::string& folder) {
    ImageFile file(std::string(url), path_of(url, folder));
    const auto error = [&](const char* why) {
        return std::unexpected("cannot open " + file.url_ + ": " + why);
    };
    struct stat status{};
    while (!file.reopen() || fstat(file.descriptor_, &status) != 0) {
        if (!file.may_try_again()) return error(std::strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) return error("it is a directory");
    file.size_ = static_cast<std::uint64_t>(status.st_size);
    return file;
}

bool ImageFile::reopen() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    return descriptor_ >= 0;
}

/// A server that ended in the middle of a call has a successor, which answers the next one.
bool ImageFile::may_try_again() {
    constexpr int kRestarts = 10;
    return errno == ECONNRESET && ++restarts_seen_ <= kRestarts;
}

ImageFile::ImageFile(ImageFile&& other) noexcept
    : url_(std::move(other.url_)),
      path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      restarts_seen_(other.restarts_seen_) {}

ImageFile::~ImageFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::expected<void, std::string> ImageFile::read(std::uint64_t offset,
                                                 std::span<std::uint8_t> data) {
    while (!data.empty()) {
        constexpr std::size_t kAtOnce = 1 << 20;
        const auto got = ::pread(descriptor_, data.data(), std::min(data.size(), kAtOnce),
                                 static_cast<off_t>(offset));
        if (got < 0 && (errno == EINTR || (may_try_again() && reopen()))) continue;
        if (got < 0) return std::unexpected("cannot read " + url_ + ": " + std::strerror(errno));
        if (got == 0) return std::unexpected("cannot read " + url_ + ": it ends too early");
        data = data.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return {};
}

std::optional<ImageFile> open_initrd(const VmConfig& config, const std::string& folder) {
    if (config.initrd.empty()) return std::nullopt;
    return value_or_throw(ImageFile::open(config.initrd, folder));
}

}  // namespace redoubt::vmmd
