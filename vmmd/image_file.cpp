// Reading images through plain file calls, which libposix maps to schemes.
#include "vmmd/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace redoubt::vmmd {

std::string path_of(std::string_view url, const std::string& folder) {
    if (!url.starts_with("file:")) return std::string(url);
    const auto path = url.substr(5);
    if (path.starts_with('/') || folder.empty()) return std::string(path);
    return folder + "/" + std::string(path);
}

std::expected<ImageFile, std::string> ImageFile::open(std::string_view url,
                                                      const std::string& folder) {
    const auto path = path_of(url, folder);
    const auto error = [&](const char* why) {
        return std::unexpected("cannot open " + std::string(url) + ": " + why);
    };
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return error(std::strerror(errno));
    struct stat status{};
    if (fstat(descriptor, &status) != 0) {
        const int code = errno;
        ::close(descriptor);
        return error(std::strerror(code));
    }
    if (S_ISDIR(status.st_mode)) {
        ::close(descriptor);
        return error("it is a directory");
    }
    return ImageFile(std::string(url), descriptor, static_cast<std::uint64_t>(status.st_size));
}

ImageFile::ImageFile(ImageFile&& other) noexcept
    : url_(std::move(other.url_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

ImageFile::~ImageFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::expected<void, std::string> ImageFile::read(std::uint64_t offset,
                                                 std::span<std::uint8_t> data) const {
    while (!data.empty()) {
        constexpr std::size_t kAtOnce = 1 << 20;
        const auto got = ::pread(descriptor_, data.data(), std::min(data.size(), kAtOnce),
                                 static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected("cannot read " + url_ + ": " + std::strerror(errno));
        if (got == 0) return std::unexpected("cannot read " + url_ + ": it ends too early");
        data = data.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return {};
}

}  // namespace redoubt::vmmd
