// What only older architectures have: calls that others replaced, and arch_prctl.
#include "libposix/syscall/legacy.hpp"

#include <asm/prctl.h>
#include <asm/unistd.h>
#include <linux/errno.h>

#include "libposix/file/fd_table.hpp"
#include "libposix/process.hpp"
#include "libposix/syscall/syscalls.hpp"

namespace redoubt::posix {
namespace {

constexpr long kNone = 1L << 62;  // no call's result

template <class T>
T* pointer(std::uint64_t value) {
    return reinterpret_cast<T*>(value);
}

long arch_prctl(std::uint64_t code, std::uint64_t value) {
    if (code == ARCH_SET_FS) {
        native::thread_control(0, abi::ThreadOperation::SetTlsBase, value);
        return 0;
    }
    return -EINVAL;
}

long time(long* seconds) {
    const auto now = static_cast<long>(process().clock.real() / kNanosecondsPerSecond);
    if (seconds != nullptr) *seconds = now;
    return now;
}

long call(const Frame& f) {
    const int fd = static_cast<int>(f.a0);
    switch (f.number) {
        case __NR_arch_prctl:
            return arch_prctl(f.a0, f.a1);
        case __NR_time:
            return time(pointer<long>(f.a0));
        case __NR_readlink:
            return -EINVAL;
        case __NR_unlink:
            return -ENOENT;
        case __NR_mkdir:
        case __NR_rename:
            return -EROFS;
        case __NR_open:
            return sys_open(pointer<char>(f.a0), static_cast<int>(f.a1));
        case __NR_stat:
        case __NR_lstat:
            return sys_newfstatat(-1, pointer<char>(f.a0), pointer<struct stat>(f.a1), 0);
        case __NR_access:
            return sys_access(pointer<char>(f.a0));
        case __NR_dup2:
            return fd_table().duplicate_to(fd, static_cast<int>(f.a1), false);
        case __NR_pipe:
            return sys_pipe2(pointer<int>(f.a0), 0);
        case __NR_epoll_create:
            return sys_epoll_create1(0);
        case __NR_epoll_wait:
            return sys_epoll_wait(fd, pointer<epoll_event>(f.a1), static_cast<int>(f.a2),
                                  static_cast<int>(f.a3));
        case __NR_poll:
            return sys_poll(pointer<pollfd>(f.a0), f.a1, static_cast<int>(f.a2));
        default:
            return kNone;
    }
}

}  // namespace

bool legacy_call(const Frame& f, long& result) {
    result = call(f);
    return result != kNone;
}

}  // namespace redoubt::posix
