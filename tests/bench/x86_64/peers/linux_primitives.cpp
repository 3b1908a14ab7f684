// What Linux takes for what comes nearest to the kernel primitives of tests/bench/ipc.cpp.
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "tests/bench/x86_64/peers/peer.hpp"
#include "tests/bench/samples.hpp"

namespace redoubt::bench::peer {
namespace {

constexpr std::size_t kPage = 4096;

void write_all(int file, const void* data, std::size_t bytes) {
    check(static_cast<int>(write(file, data, bytes)), "write");
}
void read_all(int file, void* data, std::size_t bytes) {
    check(static_cast<int>(read(file, data, bytes)), "read");
}

/// Another process, which ends with this object.
class Process {
  public:
    template <class Body>
    explicit Process(Body&& body) : id_(check(fork(), "fork")) {
        if (id_ != 0) return;
        try {
            body();
        } catch (...) {
        }
        _exit(1);
    }
    Process(const Process&) = delete;
    ~Process() {
        kill(id_, SIGKILL);
        waitpid(id_, nullptr, 0);
    }

    void set_priority(int priority) const {
        const sched_param parameters{priority};
        check(sched_setscheduler(id_, SCHED_FIFO, &parameters), "sched_setscheduler");
    }

  private:
    pid_t id_;
};

void* map_page(int file, int flags, void* at = nullptr) {
    void* page = mmap(at, kPage, PROT_READ | PROT_WRITE, flags, file, 0);
    check(page == MAP_FAILED ? -1 : 0, "mmap");
    return page;
}

/// A message to another process and one back, through pipes.
void measure_pipes(const char* name, std::size_t bytes) {
    int there[2], back[2];
    check(pipe(there), "pipe");
    check(pipe(back), "pipe");
    std::uint64_t message[4] = {};
    const Process server([&] {
        for (;;) {
            read_all(there[0], message, bytes);
            write_all(back[1], message, bytes);
        }
    });
    Samples samples = measure([&] {
        write_all(there[1], message, bytes);
        read_all(back[0], message, bytes);
    });
    report("ipc", name, samples);
}

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
    syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

/// The same through memory that both processes map, and futexes.
void measure_futexes() {
    struct Shared {
        std::atomic<std::uint32_t> request, answer;
    };
    auto& shared = *static_cast<Shared*>(map_page(-1, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE));
    const Process server([&] {
        for (std::uint32_t seen = 0;; ++seen) {
            while (shared.request == seen) futex(shared.request, FUTEX_WAIT, seen);
            shared.answer = seen + 1;
            futex(shared.answer, FUTEX_WAKE, 1);
        }
    });
    std::uint32_t sent = 0;
    Samples samples = measure([&] {
        shared.request = sent + 1;
        futex(shared.request, FUTEX_WAKE, 1);
        while (shared.answer == sent) futex(shared.answer, FUTEX_WAIT, sent);
        ++sent;
    });
    report("ipc", "call_reply_futex", samples);
}

/// A process of better priority waits for an eventfd, runs, and waits again.
void measure_signal() {
    const int event = check(eventfd(0, 0), "eventfd");
    const Process waiter([&] {
        std::uint64_t value;
        for (;;) read_all(event, &value, sizeof value);
    });
    waiter.set_priority(2);
    const std::uint64_t one = 1;
    Samples samples = measure([&] { write_all(event, &one, sizeof one); });
    report("ipc", "signal_wait", samples);
}

void send_file(int socket, int file) {
    char nothing = 0;
    iovec data{&nothing, 1};
    alignas(cmsghdr) char storage[CMSG_SPACE(sizeof file)] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = storage;
    message.msg_controllen = sizeof storage;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
    check(static_cast<int>(sendmsg(socket, &message, 0)), "sendmsg");
}

int receive_file(int socket) {
    char nothing;
    iovec data{&nothing, 1};
    alignas(cmsghdr) char storage[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = storage;
    message.msg_controllen = sizeof storage;
    check(static_cast<int>(recvmsg(socket, &message, 0)), "recvmsg");
    int file = -1;
    std::memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof file);
    return file;
}

/// Resolves the faults of another process with the zero page, through its userfaultfd.
[[noreturn]] void handle_faults(int faults) {
    for (;;) {
        uffd_msg message;
        read_all(faults, &message, sizeof message);
        uffdio_zeropage zero{};
        zero.range = {message.arg.pagefault.address & ~(kPage - 1), kPage};
        check(ioctl(faults, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
    }
}

/// A page fault that another process handles.
void measure_fault() {
    int sockets[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair");
    const Process handler([&] { handle_faults(receive_file(sockets[1])); });
    const int faults = check(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC)), "userfaultfd");
    uffdio_api api{};
    api.api = UFFD_API;
    check(ioctl(faults, UFFDIO_API, &api), "UFFDIO_API");
    auto* page = static_cast<volatile char*>(map_page(-1, MAP_PRIVATE | MAP_ANONYMOUS));
    uffdio_register area{};
    area.range = {reinterpret_cast<std::uintptr_t>(page), kPage};
    area.mode = UFFDIO_REGISTER_MODE_MISSING;
    check(ioctl(faults, UFFDIO_REGISTER, &area), "UFFDIO_REGISTER");
    send_file(sockets[0], faults);
    Samples samples;
    for (std::size_t i = 0; i < kWarmUp + kRounds; ++i) {
        const auto start = ticks();
        static_cast<void>(*page);
        const auto end = ticks();
        if (i >= kWarmUp) samples.push_back(end - start - overhead());
        check(madvise(const_cast<char*>(page), kPage, MADV_DONTNEED), "madvise");
    }
    report("ipc", "fault_restart", samples);
    close(faults);
}

/// A page of a file in memory, mapped so that it can be used at once, beside another page.
void measure_mapping() {
    const int file = check(memfd_create("page", 0), "memfd_create");
    check(ftruncate(file, 2 * kPage), "ftruncate");
    void* const both =
        mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
    check(both == MAP_FAILED ? -1 : 0, "mmap");
    void* const address = static_cast<char*>(both) + kPage;
    Samples maps, unmaps;
    for (std::size_t i = 0; i < kWarmUp + kRounds; ++i) {
        const auto start = ticks();
        map_page(file, MAP_SHARED | MAP_FIXED | MAP_POPULATE, address);
        const auto mapped = ticks();
        munmap(address, kPage);
        const auto end = ticks();
        if (i < kWarmUp) continue;
        maps.push_back(mapped - start - overhead());
        unmaps.push_back(end - mapped - overhead());
    }
    report("ipc", "map", maps);
    report("ipc", "unmap", unmaps);
}

}  // namespace

void measure_linux_primitives() {
    Samples samples = measure([] { syscall(SYS_getppid); });
    report("ipc", "syscall", samples);
    measure_pipes("call_reply", 1);
    measure_pipes("call_reply_4_words", 32);
    measure_futexes();
    measure_signal();
    measure_fault();
    measure_mapping();
}

}  // namespace redoubt::bench::peer
