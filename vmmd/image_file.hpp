// A file named by a URL of the configuration: file: (relative to the configuration's folder) or
// initfs:.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace redoubt::vmmd {

struct VmConfig;

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

/// The VM's initrd, if it has one.
std::optional<ImageFile> open_initrd(const VmConfig& config, const std::string& folder);

/// For what cannot go on: throws std::runtime_error with the sentence.
template <class T>
T value_or_throw(std::expected<T, std::string> result) {
    if (!result) throw std::runtime_error(result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// What open(2) is given for a URL.
std::string path_of(std::string_view url, const std::string& folder);

}  // namespace redoubt::vmmd
