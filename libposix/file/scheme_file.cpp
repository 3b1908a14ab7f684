// See scheme_file.hpp.
#include "libposix/file/scheme_file.hpp"

#include <linux/fs.h>

#include "libposix/process.hpp"
#include "libposix/random.hpp"

namespace redoubt::posix {
namespace {

using abi::scheme::FileKind;

/// The program's name without folders.
std::string_view program_name() {
    const abi::StartupInfo& startup = *process().startup;
    std::string_view name = startup.argument_count > 0 ? startup.strings : "program";
    const auto slash = name.rfind('/');
    return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

/// linux_dirent64, whose name has no fixed length.
struct DirectoryEntry {
    std::uint64_t inode;
    std::int64_t next_offset;
    std::uint16_t length;
    std::uint8_t type;
};
constexpr std::size_t kNameOffset = offsetof(DirectoryEntry, type) + 1;

}  // namespace

long SchemeFile::open(std::string_view scheme, std::string_view path,
                      abi::scheme::OpenFlags flags) {
    const native::Slot root = find_scheme(scheme, path);
    if (root == 0) return -ENOENT;
    if (const long error = handle_.open(root, path, flags); error != 0) return error;
    // A server that cannot tell serves plain streams.
    handle_.stat();
    return 0;
}

bool SchemeFile::is_stream() const {
    return handle_.kind() != FileKind::Regular && handle_.kind() != FileKind::Directory;
}

long SchemeFile::read_at(void* to, std::size_t size, std::uint64_t offset) {
    auto* bytes = static_cast<std::byte*>(to);
    std::size_t done = 0;
    while (done < size) {
        const long got = handle_.read(offset + done, bytes + done, size - done);
        if (got < 0 && done == 0) return got;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    return static_cast<long>(done);
}

long SchemeFile::write_at(const void* from, std::size_t size, std::uint64_t offset) {
    return handle_.write(offset, from, size);
}

long SchemeFile::read(void* to, std::size_t size) {
    if (handle_.kind() == FileKind::Directory) return -EISDIR;
    if (is_stream()) return handle_.read(0, to, size);
    const long got = read_at(to, size, offset_);
    if (got > 0) offset_ += static_cast<std::uint64_t>(got);
    return got;
}

long SchemeFile::write(const void* from, std::size_t size) {
    if (is_stream()) return handle_.write(0, from, size);
    const long taken = handle_.write(offset_, from, size);
    if (taken > 0) offset_ += static_cast<std::uint64_t>(taken);
    return taken;
}

long SchemeFile::seek(std::int64_t offset, int whence) {
    if (is_stream()) return -ESPIPE;
    std::int64_t base = 0;
    if (whence == SEEK_CUR) base = static_cast<std::int64_t>(offset_);
    if (whence == SEEK_END) base = static_cast<std::int64_t>(size());
    if (whence < SEEK_SET || whence > SEEK_END || base + offset < 0) return -EINVAL;
    offset_ = static_cast<std::uint64_t>(base + offset);
    return base + offset;
}

/// The server's text is names separated by newlines; the file offset counts its bytes.
long SchemeFile::directory_entries(std::byte* to, std::size_t size) {
    if (handle_.kind() != FileKind::Directory) return -ENOTDIR;
    char text[512];
    const long got = handle_.list(offset_, text, sizeof(text));
    if (got <= 0) return got;
    const std::string_view names{text, static_cast<std::size_t>(got)};
    std::size_t used = 0;
    std::size_t at = 0;
    while (at < names.size()) {
        auto end = names.find('\n', at);
        // A name cut by the end of what was read comes with the next call, unless it is the last of
        // all.
        if (end == std::string_view::npos && names.size() == sizeof(text)) break;
        if (end == std::string_view::npos) end = names.size();
        const std::string_view name = names.substr(at, end - at);
        const std::size_t length = (kNameOffset + name.size() + 1 + 7) & ~std::size_t{7};
        if (used + length > size) break;
        at = end + 1;
        if (name.empty()) continue;
        const DirectoryEntry entry{.inode = offset_ + at,
                                   .next_offset = static_cast<std::int64_t>(offset_ + at),
                                   .length = static_cast<std::uint16_t>(length),
                                   .type = 0};
        __builtin_memset(to + used, 0, length);
        __builtin_memcpy(to + used, &entry, kNameOffset);
        __builtin_memcpy(to + used + kNameOffset, name.data(), name.size());
        used += length;
    }
    if (used == 0 && at == 0) return -EINVAL;
    offset_ += at;
    return static_cast<long>(used);
}

std::uint32_t SchemeFile::readiness() {
    return is_stream() ? handle_.readiness() : EPOLLIN | EPOLLOUT;
}

std::uint32_t SchemeFile::mode() const {
    switch (handle_.kind()) {
        case FileKind::Regular:
            return 0100644;
        case FileKind::Directory:
            return 0040755;
        case FileKind::Listener:
            return 0140666;
        default:
            return 0020666;
    }
}

std::uint64_t SchemeFile::size() {
    if (!is_stream()) handle_.stat();
    return handle_.size();
}

long LogFile::write(const void* from, std::size_t size) {
    if (!opened_) {
        opened_ = true;
        const native::Slot root = find_scheme("log", program_name());
        if (root != 0) handle_.open(root, program_name(), abi::scheme::OpenFlags::None);
    }
    if (handle_.is_open()) {
        const long taken = handle_.write(0, from, size);
        if (taken != -ECONNRESET) return taken;
        // The server is gone: this goes to init, and the next line to the server's successor.
        handle_.close();
        opened_ = false;
    }
    const std::size_t part = size < abi::scheme::kMaximumBytes ? size : abi::scheme::kMaximumBytes;
    log_line({static_cast<const char*>(from), part});
    return static_cast<long>(part);
}

std::uint32_t LogFile::readiness() {
    return handle_.is_open() ? handle_.readiness() & ~EPOLLIN : EPOLLOUT;
}

long SpecialFile::read(void* to, std::size_t size) {
    if (kind_ == Kind::Null) return 0;
    fill_random(to, size);
    return static_cast<long>(size);
}

}  // namespace redoubt::posix
