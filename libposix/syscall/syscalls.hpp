// The Linux system calls, by subject. All run with the process's lock held and return a value or
// -errno.
#pragma once

#include <linux/eventpoll.h>
#include <linux/poll.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <linux/un.h>

#include <cstddef>
#include <cstdint>

#include "libposix/native_services.hpp"

struct stat;  // Linux's; whose header clashes with the C library's in the host tests

namespace redoubt::posix {

// Files (syscall/files.cpp)
long sys_open(const char* path, int flags);
long sys_read(int fd, void* to, std::size_t size);
long sys_write(int fd, const void* from, std::size_t size);
long sys_readv(int fd, const iovec* parts, int count);
long sys_writev(int fd, const iovec* parts, int count);
long sys_pread(int fd, void* to, std::size_t size, std::uint64_t offset);
long sys_pwrite(int fd, const void* from, std::size_t size, std::uint64_t offset);
long sys_lseek(int fd, std::int64_t offset, int whence);
long sys_fstat(int fd, struct stat* status);
long sys_newfstatat(int directory, const char* path, struct stat* status, int flags);
long sys_access(const char* path);
long sys_getdents64(int fd, void* to, std::size_t size);
long sys_fcntl(int fd, int command, std::uint64_t argument);
long sys_ioctl(int fd, std::uint64_t request, std::uint64_t argument);
long sys_mmap(std::uintptr_t address, std::size_t size, int protection, int flags, int fd,
              std::uint64_t offset);

// Waiting (syscall/events.cpp)
long sys_eventfd2(std::uint64_t count, int flags);
long sys_pipe2(int* fds, int flags);
long sys_timerfd_create(int clock, int flags);
long sys_timerfd_settime(int fd, int flags, const __kernel_itimerspec* value,
                         __kernel_itimerspec* old);
long sys_timerfd_gettime(int fd, __kernel_itimerspec* value);
long sys_epoll_create1(int flags);
long sys_epoll_ctl(int epoll, int operation, int fd, const epoll_event* event);
long sys_epoll_wait(int epoll, epoll_event* events, int maximum, int milliseconds);
long sys_poll(pollfd* fds, std::size_t count, int milliseconds);
long sys_ppoll(pollfd* fds, std::size_t count, const __kernel_timespec* timeout);
long sys_clock_nanosleep(int clock, int flags, const __kernel_timespec* wanted);

// Sockets (syscall/sockets.cpp)
struct MessageHeader;  ///< Linux's struct msghdr
long sys_socket(int family, int type, int protocol);
long sys_bind(int fd, const sockaddr_un* address, std::uint32_t length);
long sys_listen(int fd);
long sys_accept4(int fd, sockaddr_un* address, std::uint32_t* length, int flags);
long sys_connect(int fd, const sockaddr_un* address, std::uint32_t length);
long sys_send(int fd, const void* from, std::size_t size, int flags);
long sys_receive(int fd, void* to, std::size_t size, int flags);
long sys_sendmsg(int fd, const MessageHeader* message, int flags);
long sys_recvmsg(int fd, MessageHeader* message, int flags);
long sys_shutdown(int fd, int how);
long sys_getsockname(int fd, sockaddr_un* address, std::uint32_t* length);
long sys_getpeername(int fd, sockaddr_un* address, std::uint32_t* length);
long sys_getsockopt(int fd, int level, int name, void* value, std::uint32_t* length);

/// Opens descriptors 0, 1 and 2.
void open_standard_files();

/// The table that programs find through REDOUBT_SERVICES (services.cpp).
const NativeServices& native_service_table();

}  // namespace redoubt::posix
