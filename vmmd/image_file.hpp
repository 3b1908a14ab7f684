// A file named by a URL of the configuration: file: (relative to the configuration's folder) or
// initfs:.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace redoubt::vmmd {

class ImageFile {
  public:
    /// The error is one sentence with the URL in it.
    static std::expected<ImageFile, std::string> open(std::string_view url,
                                                      const std::string& folder);
    ImageFile(ImageFile&& other) noexcept;
    ImageFile& operator=(ImageFile&&) = delete;
    ~ImageFile();

    std::uint64_t size() const { return size_; }
    /// All of `data` or an error. When the file's server is started anew meanwhile, the reading
    /// goes on with the new one.
    std::expected<void, std::string> read(std::uint64_t offset, std::span<std::uint8_t> data);

  private:
    ImageFile(std::string url, std::string path) : url_(std::move(url)), path_(std::move(path)) {}
    /// Opens the path, anew if it was open; false: errno says why not.
    bool reopen();
    bool may_try_again();

    std::string url_;
    std::string path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
    int restarts_seen_ = 0;
};

/// What open(2) is given for a URL.
std::string path_of(std::string_view url, const std::string& folder);

}  // namespace redoubt::vmmd
