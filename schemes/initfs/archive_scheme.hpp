// The initfs: scheme: files and directories of the boot archive, read-only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "schemes/initfs/cpio.hpp"
#include "schemes/libscheme/file.hpp"

namespace redoubt::initfs {

class ArchiveScheme final : public scheme::Scheme {
  public:
    /// The archive must outlive the scheme and every file.
    explicit ArchiveScheme(std::span<const std::byte> archive);

    scheme::Expected<std::shared_ptr<scheme::File>> open(std::uint64_t client,
                                                         scheme::OpenFlags flags,
                                                         std::string_view path) override;
    std::size_t file_count() const { return files_.size(); }
    bool is_damaged() const { return damaged_; }

  private:
    void add_to_directory(std::string_view path);

    std::map<std::string, std::span<const std::byte>, std::less<>> files_;
    std::map<std::string, std::set<std::string>, std::less<>> directories_;
    bool damaged_ = false;
};

}  // namespace redoubt::initfs
