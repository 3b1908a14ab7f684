// The table of Linux system calls: what a program's `syscall` instruction ends in.
#include <asm/resource.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/random.h>
#include <linux/utsname.h>

#include "libposix/file/fd_table.hpp"
#include "libposix/frame.hpp"
#include "libposix/process.hpp"
#include "libposix/random.hpp"
#include "libposix/syscall/legacy.hpp"
#include "libposix/syscall/syscalls.hpp"
#include "libposix/thread/futex.hpp"

namespace redoubt::posix {
namespace {

constexpr long kProcessId = 2;  // the first thread's tid
constexpr int kAbortSignal = 6;
constexpr std::uint64_t kThreadStackLimit = 256 * 1024;

/// Writes a number behind a text; for libposix's own complaints.
void complain(std::string_view text, std::uint64_t number) {
    char line[96];
    std::size_t length = text.size() < 64 ? text.size() : 64;
    __builtin_memcpy(line, text.data(), length);
    char digits[20];
    std::size_t count = 0;
    do {
        digits[count++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0) line[length++] = digits[--count];
    line[length++] = '\n';
    log_line({line, length});
}

long unknown(std::uint64_t number) {
    static constinit std::uint64_t seen[8] = {};
    if (number < sizeof(seen) * 8 && (seen[number / 64] >> (number % 64) & 1) == 0) {
        seen[number / 64] |= std::uint64_t{1} << (number % 64);
        complain("libposix: no Linux system call ", number);
    }
    return -ENOSYS;
}

long clock_gettime(std::uint64_t clock, std::uint64_t time) {
    std::uint64_t nanoseconds;
    if (!process().clock.read(static_cast<int>(clock), nanoseconds)) return -EINVAL;
    write_timespec(nanoseconds, *reinterpret_cast<__kernel_timespec*>(time));
    return 0;
}

long gettimeofday(std::uint64_t* time) {
    const std::uint64_t now = process().clock.real();
    time[0] = now / kNanosecondsPerSecond;
    time[1] = now % kNanosecondsPerSecond / 1000;
    return 0;
}

long uname(new_utsname* name) {
    *name = {};
    const auto set = [](char* to, std::string_view text) {
        __builtin_memcpy(to, text.data(), text.size());
    };
    set(name->sysname, "Redoubt");
    set(name->nodename, "redoubt");
    // glibc compares this with the oldest Linux it supports.
    set(name->release, "6.1.0");
    set(name->version, "libposix");
    set(name->machine, kMachineName);
    return 0;
}

/// Linux's struct rlimit64.
struct ResourceLimit {
    std::uint64_t current, maximum;
};

long prlimit(std::uint64_t resource, ResourceLimit* old) {
    if (old == nullptr) return 0;
    // The stack limit is what pthread_create takes for its stacks, which are not grown on demand
    // here.
    constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
    old->current = resource == RLIMIT_STACK    ? kThreadStackLimit
                   : resource == RLIMIT_NOFILE ? FdTable::kMaximum
                                               : kUnlimited;
    old->maximum = old->current;
    return 0;
}

long sched_getaffinity(std::size_t size, std::uint64_t* mask) {
    if (size < sizeof(*mask)) return -EINVAL;
    const std::uint64_t count = native::system_info(abi::SystemInfoKind::ProcessorCount);
    *mask = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (count == 0 ? 1 : count)) - 1;
    return sizeof(*mask);
}

/// There are no handlers to run: a signal to oneself other than 0 ends the process, as the default
/// action does.
long kill(std::uint64_t signal) {
    if (signal == 0) return 0;
    complain(signal == kAbortSignal ? "libposix: aborted, signal " : "libposix: ended by signal ",
             signal);
    process().lock.unlock();
    exit_process(static_cast<int>(128 + signal));
}

template <class T>
T* pointer(std::uint64_t value) {
    return reinterpret_cast<T*>(value);
}

/// What needs no lock.
bool fast(const Frame& f, long& result) {
    switch (f.number) {
        case __NR_clock_gettime:
            result = clock_gettime(f.a0, f.a1);
            return true;
        case __NR_gettimeofday:
            result = gettimeofday(pointer<std::uint64_t>(f.a0));
            return true;
        case __NR_clock_getres:
            if (f.a1 != 0) write_timespec(1, *pointer<__kernel_timespec>(f.a1));
            result = 0;
            return true;
        case __NR_gettid:
            result = Thread::current().tid;
            return true;
        case __NR_getpid:
            result = kProcessId;
            return true;
        case __NR_getppid:
            result = 1;
            return true;
        case __NR_getuid:
        case __NR_geteuid:
        case __NR_getgid:
        case __NR_getegid:
            result = 0;
            return true;
        case __NR_sched_yield:
            native::yield();
            result = 0;
            return true;
        case __NR_uname:
            result = uname(pointer<new_utsname>(f.a0));
            return true;
        case __NR_getrandom:
            result = static_cast<long>(f.a1);
            if ((f.a2 & GRND_RANDOM) == 0) {
                fill_random(pointer<void>(f.a0), f.a1);
            } else if (!fill_unguessable(pointer<void>(f.a0), f.a1)) {
                result = -EAGAIN;
            }
            return true;
        case __NR_exit_group:
            exit_process(static_cast<int>(f.a0));
        // Accepted and without effect: nothing here delivers signals.
        case __NR_rt_sigaction:
            if (f.a2 != 0) __builtin_memset(pointer<void>(f.a2), 0, 32);
            result = 0;
            return true;
        case __NR_rt_sigprocmask:
            if (f.a2 != 0) __builtin_memset(pointer<void>(f.a2), 0, f.a3);
            result = 0;
            return true;
        case __NR_sigaltstack:
        case __NR_set_robust_list:
        case __NR_sched_setaffinity:
        case __NR_umask:
            result = 0;
            return true;
        // glibc does without them.
        case __NR_rseq:
        case __NR_clone3:
        case __NR_prctl:
        case __NR_membarrier:
            result = -ENOSYS;
            return true;
        case __NR_readlinkat:
            result = -EINVAL;
            return true;
        case __NR_unlinkat:
            result = -ENOENT;
            return true;
        case __NR_mkdirat:
        case __NR_ftruncate:
            result = -EROFS;
            return true;
        case __NR_fsync:
        case __NR_fdatasync:
            result = 0;
            return true;
        case __NR_getcwd:
            if (f.a1 < 2) {
                result = -ERANGE;
            } else {
                __builtin_memcpy(pointer<char>(f.a0), "/", 2);
                result = 2;
            }
            return true;
        default:
            return false;
    }
}

long memory_call(const Frame& f) {
    Memory& memory = process().memory;
    switch (f.number) {
        case __NR_brk:
            return memory.brk(f.a0);
        case __NR_mmap:
            return sys_mmap(f.a0, f.a1, static_cast<int>(f.a2), static_cast<int>(f.a3),
                            static_cast<int>(f.a4), f.a5);
        case __NR_mprotect:
            return memory.mprotect(f.a0, f.a1, static_cast<int>(f.a2));
        case __NR_munmap:
            return memory.munmap(f.a0, f.a1);
        case __NR_mremap:
            return memory.mremap(f.a0, f.a1, f.a2, static_cast<int>(f.a3));
        default:
            return memory.madvise(f.a0, f.a1, static_cast<int>(f.a2));
    }
}

long locked(const Frame& f) {
    const int fd = static_cast<int>(f.a0);
    switch (f.number) {
        case __NR_brk:
        case __NR_mmap:
        case __NR_mprotect:
        case __NR_munmap:
        case __NR_mremap:
        case __NR_madvise:
            return memory_call(f);

        case __NR_futex:
            return futex(pointer<std::uint32_t>(f.a0), static_cast<int>(f.a1),
                         static_cast<std::uint32_t>(f.a2), f.a3, pointer<std::uint32_t>(f.a4),
                         static_cast<std::uint32_t>(f.a5));
        case __NR_clone: {
            const CloneArguments clone{f};
            return clone_thread(f, f.a0, f.a1, pointer<std::uint32_t>(f.a2),
                                pointer<std::uint32_t>(clone.child_tid), clone.tls);
        }
        case __NR_exit:
            exit_thread(static_cast<int>(f.a0));
        case __NR_set_tid_address:
            Thread::current().clear_tid = pointer<std::uint32_t>(f.a0);
            return Thread::current().tid;
        case __NR_tgkill:
            return kill(f.a2);
        case __NR_tkill:
        case __NR_kill:
            return kill(f.a1);
        case __NR_prlimit64:
            return prlimit(f.a1, pointer<ResourceLimit>(f.a3));
        case __NR_getrlimit:
            return prlimit(f.a0, pointer<ResourceLimit>(f.a1));
        case __NR_sched_getaffinity:
            return sched_getaffinity(f.a1, pointer<std::uint64_t>(f.a2));
        case __NR_nanosleep:
            return sys_clock_nanosleep(kMonotonicClock, 0, pointer<__kernel_timespec>(f.a0));
        case __NR_clock_nanosleep:
            return sys_clock_nanosleep(fd, static_cast<int>(f.a1),
                                       pointer<__kernel_timespec>(f.a2));

        case __NR_openat:
            return sys_open(pointer<char>(f.a1), static_cast<int>(f.a2));
        case __NR_close:
            return fd_table().close(fd);
        case __NR_read:
            return sys_read(fd, pointer<void>(f.a1), f.a2);
        case __NR_write:
            return sys_write(fd, pointer<void>(f.a1), f.a2);
        case __NR_readv:
            return sys_readv(fd, pointer<iovec>(f.a1), static_cast<int>(f.a2));
        case __NR_writev:
            return sys_writev(fd, pointer<iovec>(f.a1), static_cast<int>(f.a2));
        case __NR_pread64:
            return sys_pread(fd, pointer<void>(f.a1), f.a2, f.a3);
        case __NR_pwrite64:
            return sys_pwrite(fd, pointer<void>(f.a1), f.a2, f.a3);
        case __NR_lseek:
            return sys_lseek(fd, static_cast<std::int64_t>(f.a1), static_cast<int>(f.a2));
        case __NR_fstat:
            return sys_fstat(fd, pointer<struct stat>(f.a1));
        case __NR_newfstatat:
            return sys_newfstatat(fd, pointer<char>(f.a1), pointer<struct stat>(f.a2),
                                  static_cast<int>(f.a3));
        case __NR_faccessat:
        case __NR_faccessat2:
            return sys_access(pointer<char>(f.a1));
        case __NR_getdents64:
            return sys_getdents64(fd, pointer<void>(f.a1), f.a2);
        case __NR_fcntl:
            return sys_fcntl(fd, static_cast<int>(f.a1), f.a2);
        case __NR_ioctl:
            return sys_ioctl(fd, f.a1, f.a2);
        case __NR_dup:
            return sys_fcntl(fd, 0, 0);
        case __NR_dup3:
            return fd_table().duplicate_to(fd, static_cast<int>(f.a1), f.a2 != 0);

        case __NR_eventfd2:
            return sys_eventfd2(f.a0, static_cast<int>(f.a1));
        case __NR_pipe2:
            return sys_pipe2(pointer<int>(f.a0), static_cast<int>(f.a1));
        case __NR_timerfd_create:
            return sys_timerfd_create(fd, static_cast<int>(f.a1));
        case __NR_timerfd_settime:
            return sys_timerfd_settime(fd, static_cast<int>(f.a1),
                                       pointer<__kernel_itimerspec>(f.a2),
                                       pointer<__kernel_itimerspec>(f.a3));
        case __NR_timerfd_gettime:
            return sys_timerfd_gettime(fd, pointer<__kernel_itimerspec>(f.a1));
        case __NR_epoll_create1:
            return sys_epoll_create1(static_cast<int>(f.a0));
        case __NR_epoll_ctl:
            return sys_epoll_ctl(fd, static_cast<int>(f.a1), static_cast<int>(f.a2),
                                 pointer<epoll_event>(f.a3));
        case __NR_epoll_pwait:
            return sys_epoll_wait(fd, pointer<epoll_event>(f.a1), static_cast<int>(f.a2),
                                  static_cast<int>(f.a3));
        case __NR_ppoll:
            return sys_ppoll(pointer<pollfd>(f.a0), f.a1, pointer<__kernel_timespec>(f.a2));

        case __NR_socket:
            return sys_socket(fd, static_cast<int>(f.a1), static_cast<int>(f.a2));
        case __NR_bind:
            return sys_bind(fd, pointer<sockaddr_un>(f.a1), static_cast<std::uint32_t>(f.a2));
        case __NR_listen:
            return sys_listen(fd);
        case __NR_accept:
            return sys_accept4(fd, pointer<sockaddr_un>(f.a1), pointer<std::uint32_t>(f.a2), 0);
        case __NR_accept4:
            return sys_accept4(fd, pointer<sockaddr_un>(f.a1), pointer<std::uint32_t>(f.a2),
                               static_cast<int>(f.a3));
        case __NR_connect:
            return sys_connect(fd, pointer<sockaddr_un>(f.a1), static_cast<std::uint32_t>(f.a2));
        case __NR_sendto:
            return sys_send(fd, pointer<void>(f.a1), f.a2, static_cast<int>(f.a3));
        case __NR_recvfrom:
            return sys_receive(fd, pointer<void>(f.a1), f.a2, static_cast<int>(f.a3));
        case __NR_sendmsg:
            return sys_sendmsg(fd, pointer<MessageHeader>(f.a1), static_cast<int>(f.a2));
        case __NR_recvmsg:
            return sys_recvmsg(fd, pointer<MessageHeader>(f.a1), static_cast<int>(f.a2));
        case __NR_shutdown:
            return sys_shutdown(fd, static_cast<int>(f.a1));
        case __NR_getsockname:
            return sys_getsockname(fd, pointer<sockaddr_un>(f.a1), pointer<std::uint32_t>(f.a2));
        case __NR_getpeername:
            return sys_getpeername(fd, pointer<sockaddr_un>(f.a1), pointer<std::uint32_t>(f.a2));
        case __NR_getsockopt:
            return sys_getsockopt(fd, static_cast<int>(f.a1), static_cast<int>(f.a2),
                                  pointer<void>(f.a3), pointer<std::uint32_t>(f.a4));
        case __NR_setsockopt:
            return fd_table().get(fd) ? 0 : -EBADF;
        default:
            if (long result; legacy_call(f, result)) return result;
            return unknown(f.number);
    }
}

}  // namespace

/// Called by entry.S with what goes into the result's register.
extern "C" long redoubt_dispatch(const Frame* frame) {
    long result;
    if (fast(*frame, result)) return result;
    const ProcessLock lock{process().lock};
    return locked(*frame);
}

}  // namespace redoubt::posix
