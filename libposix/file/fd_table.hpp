// File descriptors.
#pragma once

#include <cstddef>

#include "libposix/file/file.hpp"

namespace redoubt::posix {

/// Not thread-safe: the process's lock guards it.
class FdTable {
  public:
    static constexpr int kMaximum = 512;

    /// The lowest free descriptor from `lowest`, or -EMFILE.
    int insert(Ref<> file, bool close_on_exec = false, int lowest = 0) {
        for (int fd = lowest < 0 ? kMaximum : lowest; fd < kMaximum; ++fd) {
            if (entries_[fd].file) continue;
            entries_[fd].file = std::move(file);
            entries_[fd].close_on_exec = close_on_exec;
            return fd;
        }
        return -EMFILE;
    }

    /// An empty reference for a bad descriptor.
    Ref<> get(int fd) const { return valid(fd) ? entries_[fd].file : Ref<>{}; }

    long close(int fd) {
        if (!get(fd)) return -EBADF;
        // The file's end may take a while and look at the table: the entry is empty before.
        const Ref<> last = std::exchange(entries_[fd].file, Ref<>{});
        return 0;
    }

    /// dup2: `to` becomes `from`.
    long duplicate_to(int from, int to, bool close_on_exec) {
        Ref<> file = get(from);
        if (!file || !valid(to)) return -EBADF;
        if (from == to) return to;
        const Ref<> last = std::exchange(entries_[to].file, std::move(file));
        entries_[to].close_on_exec = close_on_exec;
        return to;
    }

    bool close_on_exec(int fd) const { return valid(fd) && entries_[fd].close_on_exec; }
    void set_close_on_exec(int fd, bool value) {
        if (valid(fd)) entries_[fd].close_on_exec = value;
    }

  private:
    static bool valid(int fd) { return fd >= 0 && fd < kMaximum; }

    struct Entry {
        Ref<> file;
        bool close_on_exec = false;
    };
    Entry entries_[kMaximum];
};

/// The process's table.
FdTable& fd_table();

}  // namespace redoubt::posix
