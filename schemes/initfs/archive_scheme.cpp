// See archive_scheme.hpp.
#include "schemes/initfs/archive_scheme.hpp"

#include <utility>

namespace redoubt::initfs {

using scheme::Error;
using scheme::Expected;
using scheme::FileKind;

namespace {

class ArchiveFile final : public scheme::File {
  public:
    explicit ArchiveFile(std::span<const std::byte> contents) : contents_(contents) {}

    Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
        const std::string_view text(reinterpret_cast<const char*>(contents_.data()),
                                    contents_.size());
        return scheme::copy_text(text, offset, out);
    }
    scheme::FileStatus status() const override { return {contents_.size(), FileKind::Regular}; }

  private:
    std::span<const std::byte> contents_;
};

class Directory final : public scheme::File {
  public:
    explicit Directory(const std::set<std::string>& names) {
        for (const std::string& name : names) {
            text_ += name;
            text_ += '\n';
        }
    }

    Expected<std::size_t> list(std::uint64_t offset, std::span<std::byte> out) override {
        return scheme::copy_text(text_, offset, out);
    }
    scheme::FileStatus status() const override { return {text_.size(), FileKind::Directory}; }

  private:
    std::string text_;
};

}  // namespace

ArchiveScheme::ArchiveScheme(std::span<const std::byte> archive) {
    directories_.try_emplace("");
    cpio::Reader reader(archive);
    while (const auto entry = reader.next()) {
        if (entry->name.empty()) {
            continue;
        }
        if (entry->is_directory()) {
            directories_.try_emplace(std::string(entry->name));
        } else if (entry->is_regular()) {
            files_.insert_or_assign(std::string(entry->name), entry->contents);
        } else {
            continue;
        }
        add_to_directory(entry->name);
    }
    damaged_ = reader.is_malformed();
}

void ArchiveScheme::add_to_directory(std::string_view path) {
    while (!path.empty()) {
        const std::size_t slash = path.rfind('/');
        const std::string_view parent =
            slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
        const std::string_view name =
            slash == std::string_view::npos ? path : path.substr(slash + 1);
        directories_[std::string(parent)].emplace(name);
        path = parent;
    }
}

Expected<std::shared_ptr<scheme::File>> ArchiveScheme::open(std::uint64_t, scheme::OpenFlags flags,
                                                            std::string_view path) {
    if (flags != scheme::OpenFlags::None) {
        return std::unexpected(Error::NotSupported);
    }
    path = cpio::normalized(path);
    while (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    if (const auto file = files_.find(path); file != files_.end()) {
        return std::make_shared<ArchiveFile>(file->second);
    }
    if (const auto directory = directories_.find(path); directory != directories_.end()) {
        return std::make_shared<Directory>(directory->second);
    }
    return std::unexpected(Error::NotFound);
}

}  // namespace redoubt::initfs
