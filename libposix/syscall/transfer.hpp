// Blocking reads and writes from a file's attempts.
#pragma once

#include <linux/uio.h>

#include "libposix/file/fd_table.hpp"

namespace redoubt::posix {

/// Tries until it succeeds, fails, or may not block.
template <class Attempt>
long until_done(File& file, std::uint32_t events, bool may_block, Attempt attempt) {
    for (;;) {
        const long result = attempt();
        if (result != -EAGAIN || !may_block) return result;
        wait_for(file, events);
    }
}

/// Linux writes everything when it may block.
inline long write_all(File& file, const void* from, std::size_t size, bool may_block) {
    const auto* bytes = static_cast<const std::byte*>(from);
    std::size_t done = 0;
    do {
        const long taken = until_done(file, EPOLLOUT, may_block && !file.nonblocking,
                                      [&] { return file.write(bytes + done, size - done); });
        if (taken < 0) return done > 0 ? static_cast<long>(done) : taken;
        if (taken == 0) break;
        done += static_cast<std::size_t>(taken);
    } while (done < size);
    return static_cast<long>(done);
}

inline long read_some(File& file, void* to, std::size_t size, bool may_block) {
    return until_done(file, EPOLLIN, may_block && !file.nonblocking,
                      [&] { return file.read(to, size); });
}

/// Applies a transfer to each part until one is cut short; only the first may block.
template <class Transfer>
long each_part(const iovec* parts, std::size_t count, Transfer transfer) {
    std::size_t done = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (parts[i].iov_len == 0) continue;
        const long moved = transfer(parts[i].iov_base, parts[i].iov_len, done == 0);
        if (moved < 0) return done > 0 ? static_cast<long>(done) : moved;
        done += static_cast<std::size_t>(moved);
        if (static_cast<std::size_t>(moved) < parts[i].iov_len) break;
    }
    return static_cast<long>(done);
}

}  // namespace redoubt::posix
