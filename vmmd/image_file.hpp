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
    /// All of `data` or an error.
    std::expected<void, std::string> read(std::uint64_t offset, std::span<std::uint8_t> data) const;

  private:
    ImageFile(std::string url, int descriptor, std::uint64_t size)
        : url_(std::move(url)), descriptor_(descriptor), size_(size) {}

    std::string url_;
    int descriptor_;
    std::uint64_t size_;
};

/// What open(2) is given for a URL.
std::string path_of(std::string_view url, const std::string& folder);

}  // namespace redoubt::vmmd
