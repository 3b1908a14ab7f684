// System calls on files.
#include <asm/ioctls.h>
#include <asm/mman.h>
#include <asm/stat.h>
#include <linux/fcntl.h>

#include <new>

#include "libposix/file/fd_table.hpp"
#include "libposix/file/scheme_file.hpp"
#include "libposix/path.hpp"
#include "libposix/process.hpp"
#include "libposix/syscall/syscalls.hpp"
#include "libposix/syscall/transfer.hpp"

namespace redoubt::posix {
namespace {

void describe(File& file, struct stat& status) {
    status = {};
    status.st_mode = file.mode();
    status.st_nlink = 1;
    status.st_size = static_cast<long>(file.size());
    status.st_blksize = static_cast<long>(kPageSize);
    status.st_blocks = (status.st_size + 511) / 512;
    // Inode numbers only have to differ.
    status.st_ino = reinterpret_cast<std::uintptr_t>(&file);
}

/// An open file behind a path, or -errno.
long open_file(std::string_view path, bool create, Ref<>& file) {
    if (path == "/dev/null") {
        file = Ref<>{new (std::nothrow) SpecialFile{SpecialFile::Kind::Null}};
        return file ? 0 : -ENOMEM;
    }
    if (path == "/dev/urandom" || path == "/dev/random") {
        file = Ref<>{new (std::nothrow) SpecialFile{SpecialFile::Kind::Random}};
        return file ? 0 : -ENOMEM;
    }
    const SchemePath parsed = parse_path(path);
    if (parsed.scheme.empty()) return -ENOENT;
    const Ref<SchemeFile> opened{new (std::nothrow) SchemeFile};
    if (!opened) return -ENOMEM;
    const auto flags = create ? abi::scheme::OpenFlags::Create : abi::scheme::OpenFlags::None;
    const long error = opened->open(parsed.scheme, parsed.rest, flags);
    if (error == 0) file = Ref<>{opened.get()};
    return error;
}

}  // namespace

// Storage, not an object: the process ends without destructors.
alignas(FdTable) static std::byte table_storage[sizeof(FdTable)];

FdTable& fd_table() { return *std::launder(reinterpret_cast<FdTable*>(table_storage)); }

void open_standard_files() {
    new (table_storage) FdTable;
    const Ref<> null{new (std::nothrow) SpecialFile{SpecialFile::Kind::Null}};
    const Ref<> log{new (std::nothrow) LogFile};
    fd_table().insert(null);
    fd_table().insert(log);
    fd_table().insert(log);
}

long sys_open(const char* path, int flags) {
    Ref<> file;
    if (const long error = open_file(path, (flags & O_CREAT) != 0, file); error != 0) return error;
    file->access = static_cast<std::uint32_t>(flags & O_ACCMODE);
    file->nonblocking = (flags & O_NONBLOCK) != 0;
    return fd_table().insert(std::move(file), (flags & O_CLOEXEC) != 0);
}

long sys_read(int fd, void* to, std::size_t size) {
    const Ref<> file = fd_table().get(fd);
    if (!file || file->access == O_WRONLY) return -EBADF;
    return read_some(*file, to, size, true);
}

long sys_write(int fd, const void* from, std::size_t size) {
    const Ref<> file = fd_table().get(fd);
    if (!file || file->access == O_RDONLY) return -EBADF;
    return write_all(*file, from, size, true);
}

long sys_readv(int fd, const iovec* parts, int count) {
    const Ref<> file = fd_table().get(fd);
    if (!file || file->access == O_WRONLY) return -EBADF;
    return each_part(
        parts, static_cast<std::size_t>(count),
        [&](void* to, std::size_t size, bool first) { return read_some(*file, to, size, first); });
}

long sys_writev(int fd, const iovec* parts, int count) {
    const Ref<> file = fd_table().get(fd);
    if (!file || file->access == O_RDONLY) return -EBADF;
    return each_part(parts, static_cast<std::size_t>(count),
                     [&](const void* from, std::size_t size, bool) {
                         return write_all(*file, from, size, true);
                     });
}

long sys_pread(int fd, void* to, std::size_t size, std::uint64_t offset) {
    const Ref<> file = fd_table().get(fd);
    return file ? file->read_at(to, size, offset) : -EBADF;
}

long sys_pwrite(int fd, const void* from, std::size_t size, std::uint64_t offset) {
    const Ref<> file = fd_table().get(fd);
    return file ? file->write_at(from, size, offset) : -EBADF;
}

long sys_lseek(int fd, std::int64_t offset, int whence) {
    const Ref<> file = fd_table().get(fd);
    return file ? file->seek(offset, whence) : -EBADF;
}

long sys_fstat(int fd, struct stat* status) {
    const Ref<> file = fd_table().get(fd);
    if (!file) return -EBADF;
    describe(*file, *status);
    return 0;
}

long sys_newfstatat(int directory, const char* path, struct stat* status, int flags) {
    if ((flags & AT_EMPTY_PATH) != 0 && path[0] == '\0') return sys_fstat(directory, status);
    const std::string_view name{path};
    if (name == "/" || name == "." || name == "/scheme") {
        *status = {};
        status->st_mode = 0040755;
        status->st_nlink = 1;
        return 0;
    }
    Ref<> file;
    if (const long error = open_file(name, false, file); error != 0) return error;
    describe(*file, *status);
    return 0;
}

long sys_access(const char* path) {
    Ref<> file;
    return open_file(path, false, file);
}

long sys_getdents64(int fd, void* to, std::size_t size) {
    const Ref<> file = fd_table().get(fd);
    return file ? file->directory_entries(static_cast<std::byte*>(to), size) : -EBADF;
}

long sys_fcntl(int fd, int command, std::uint64_t argument) {
    FdTable& table = fd_table();
    const Ref<> file = table.get(fd);
    if (!file) return -EBADF;
    switch (command) {
        case F_DUPFD:
            return table.insert(file, false, static_cast<int>(argument));
        case F_DUPFD_CLOEXEC:
            return table.insert(file, true, static_cast<int>(argument));
        case F_GETFD:
            return table.close_on_exec(fd) ? FD_CLOEXEC : 0;
        case F_SETFD:
            table.set_close_on_exec(fd, (argument & FD_CLOEXEC) != 0);
            return 0;
        case F_GETFL:
            return file->access | (file->nonblocking ? O_NONBLOCK : 0);
        case F_SETFL:
            file->nonblocking = (argument & O_NONBLOCK) != 0;
            return 0;
        default:
            return -EINVAL;
    }
}

long sys_ioctl(int fd, std::uint64_t request, std::uint64_t argument) {
    const Ref<> file = fd_table().get(fd);
    if (!file) return -EBADF;
    switch (request) {
        case FIONBIO:
            file->nonblocking = *reinterpret_cast<const int*>(argument) != 0;
            return 0;
        case TCGETS: {
            // Only asked to learn whether this is a terminal, which makes stdio flush line by line.
            if (!file->is_terminal()) return -ENOTTY;
            constexpr std::size_t kTermiosSize = 36;
            __builtin_memset(reinterpret_cast<void*>(argument), 0, kTermiosSize);
            return 0;
        }
        default:
            return -ENOTTY;
    }
}

long sys_mmap(std::uintptr_t address, std::size_t size, int protection, int flags, int fd,
              std::uint64_t offset) {
    Memory& memory = process().memory;
    if ((flags & MAP_ANONYMOUS) != 0) return memory.mmap(address, size, protection, flags);
    // A private copy of the file's bytes; shared writable mappings cannot be had.
    const Ref<> file = fd_table().get(fd);
    if (!file) return -EBADF;
    const long mapped = memory.mmap(address, size, PROT_READ | PROT_WRITE, flags);
    if (mapped < 0) return mapped;
    const long got = file->read_at(reinterpret_cast<void*>(mapped), size, offset);
    if (got >= 0) return mapped;
    memory.munmap(static_cast<std::uintptr_t>(mapped), size);
    return got == -ESPIPE ? -ENODEV : got;
}

}  // namespace redoubt::posix
