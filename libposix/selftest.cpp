// A glibc program that uses what vmmd uses of the POSIX layer, and says for each thing whether it
// works. The same binary runs on a Linux host. Prints PASS or FAIL lines and "selftest: N passed, M
// failed"; the exit status is the number of failures.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "libhvcall/native/syscall.hpp"
#include "libposix/native_services.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

int passed = 0;
int failed = 0;

void check(const char* name, bool good) {
    std::printf("%s %s\n", good ? "PASS" : "FAIL", name);
    ++(good ? passed : failed);
}

void test_memory() {
    std::vector<std::vector<char>> blocks;
    bool intact = true;
    for (int i = 0; i < 64; ++i) blocks.emplace_back(1000 + i * 3000, static_cast<char>(i));
    for (int i = 0; i < 64; i += 2) blocks[i] = {};
    for (int i = 1; i < 64; i += 2) intact = intact && blocks[i].back() == static_cast<char>(i);
    check("malloc and free", intact);

    constexpr std::size_t kSize = 6 << 20;
    auto* area = static_cast<char*>(
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    bool zero = area != MAP_FAILED;
    for (std::size_t i = 0; zero && i < kSize; i += 4096) zero = area[i] == 0;
    check("mmap of 6 MiB is zero", zero);
    if (!zero) return;
    std::memset(area, 0x5A, kSize);
    check("munmap", munmap(area, kSize) == 0);
    area = static_cast<char*>(
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    zero = area != MAP_FAILED;
    for (std::size_t i = 0; zero && i < kSize; i += 4096) zero = area[i] == 0;
    check("mmap after munmap is zero again", zero);
    munmap(area, kSize);
}

void test_threads() {
    std::mutex mutex;
    std::condition_variable changed;
    int turn = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < 4; ++id) {
        threads.emplace_back([&, id] {
            for (int round = 0; round < 25; ++round) {
                std::unique_lock lock{mutex};
                changed.wait(lock, [&] { return turn % 4 == id; });
                ++turn;
                changed.notify_all();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    check("threads take turns with a condition variable", turn == 100);

    std::atomic<int> count = 0;
    for (int round = 0; round < 20; ++round) std::thread{[&] { ++count; }}.join();
    check("20 threads one after the other", count == 20);

    thread_local int mine = 1;
    int other = 0;
    std::thread{[&] { other = ++mine; }}.join();
    check("thread-local storage", mine == 1 && other == 2);

    std::mutex contended;
    long sum = 0;
    threads.clear();
    for (int id = 0; id < 4; ++id) {
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                const std::lock_guard lock{contended};
                ++sum;
                if (i % 100 == 0) std::this_thread::yield();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    check("a contended mutex", sum == 4000);
}

void test_time() {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock{mutex};
    auto start = Clock::now();
    const auto status = never.wait_for(lock, 30ms);
    auto took = Clock::now() - start;
    check("a timed wait times out", status == std::cv_status::timeout && took >= 30ms && took < 5s);
    start = Clock::now();
    std::this_thread::sleep_for(20ms);
    took = Clock::now() - start;
    check("sleep", took >= 20ms && took < 5s);
    const auto year = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(
                                                      std::chrono::system_clock::now())}
                          .year();
    check("the calendar", year >= std::chrono::year{2020} && year < std::chrono::year{2100});
}

void test_exceptions() {
    bool caught = false;
    try {
        throw std::runtime_error{"thrown"};
    } catch (const std::exception& error) {
        caught = std::string{error.what()} == "thrown";
    }
    check("exceptions", caught);
    std::thread{[&] {
        try {
            std::vector<int>{}.at(1) = 0;
        } catch (const std::out_of_range&) {
            caught = true;
        }
    }}.join();
    check("exceptions in a thread", caught);
    std::random_device random;
    check("random_device", random() != random() || random() != random());
}

void test_descriptors() {
    int ends[2];
    check("pipe", pipe2(ends, O_CLOEXEC) == 0);
    std::thread writer{[&] {
        std::this_thread::sleep_for(5ms);
        if (write(ends[1], "hello", 5) != 5) std::abort();
    }};
    char text[8] = {};
    check("a blocking read waits for the writer",
          read(ends[0], text, sizeof(text)) == 5 && std::strcmp(text, "hello") == 0);
    writer.join();
    close(ends[1]);
    check("a pipe without writers ends", read(ends[0], text, sizeof(text)) == 0);
    close(ends[0]);

    const int event = eventfd(0, EFD_NONBLOCK);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    const int poller = epoll_create1(0);
    epoll_event wanted{.events = EPOLLIN | EPOLLET, .data = {.fd = event}};
    epoll_ctl(poller, EPOLL_CTL_ADD, event, &wanted);
    wanted = {.events = EPOLLIN, .data = {.fd = timer}};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &wanted);
    epoll_event got[4];
    check("epoll with nothing ready", epoll_wait(poller, got, 4, 0) == 0);
    const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 10'000'000}};
    timerfd_settime(timer, 0, &soon, nullptr);
    check("epoll reports a timer",
          epoll_wait(poller, got, 4, 5000) == 1 && got[0].data.fd == timer);
    std::uint64_t count = 0;
    check("the timer expired once", read(timer, &count, 8) == 8 && count == 1);
    std::thread signaller{[&] { eventfd_write(event, 3); }};
    check("epoll reports an eventfd",
          epoll_wait(poller, got, 4, 5000) == 1 && got[0].data.fd == event);
    signaller.join();
    check("edge-triggered reports once", epoll_wait(poller, got, 4, 0) == 0);
    check("the eventfd counts", read(event, &count, 8) == 8 && count == 3);
    pollfd polled{.fd = event, .events = POLLIN | POLLOUT, .revents = 0};
    check("poll", poll(&polled, 1, 0) == 1 && polled.revents == POLLOUT);
    close(poller);
    close(timer);
    close(event);
}

void test_asio() {
    using Local = asio::local::stream_protocol;
    asio::io_context context;
    bool fired = false;
    asio::steady_timer timer{context, 20ms};
    timer.async_wait([&](const boost::system::error_code& error) { fired = !error; });
    std::thread poster{[&] { asio::post(context, [] {}); }};
    context.run();
    poster.join();
    check("an Asio timer", fired);

    const std::string path = "/run/selftest.sock";
    const bool native = redoubt::posix::native_services() != nullptr;
    const std::string where = native ? path : "/tmp/redoubt-selftest.sock";
    ::unlink(where.c_str());
    try {
        context.restart();
        Local::acceptor acceptor{context, Local::endpoint{where}};
        Local::socket server{context};
        asio::streambuf line;
        acceptor.async_accept(server, [&](const boost::system::error_code& error) {
            if (error) return;
            asio::async_read_until(server, line, '\n', [&](const auto& read_error, std::size_t) {
                if (read_error) return;
                asio::async_write(server, line, [&](const auto&, std::size_t) { server.close(); });
            });
        });
        std::string answer(100'001, '\0');
        std::thread client{[&] {
            asio::io_context own;
            Local::socket socket{own};
            socket.connect(Local::endpoint{where});
            std::string request(100'000, 'x');
            request += '\n';
            asio::write(socket, asio::buffer(request));
            boost::system::error_code error;
            const std::size_t got = asio::read(socket, asio::buffer(answer), error);
            answer.resize(got);
        }};
        context.run();
        client.join();
        check("100 kB echoed over a unix socket",
              answer.size() == 100'001 && answer[50'000] == 'x' && answer.back() == '\n');
        ::unlink(where.c_str());
    } catch (const std::exception& error) {
        std::printf("  %s\n", error.what());
        check("100 kB echoed over a unix socket", false);
    }
}

/// Only where there is an initfs: scheme.
void test_files() {
    if (redoubt::posix::native_services() == nullptr) return;
    std::ifstream file{"initfs:/etc/start"};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    check("reading a file of initfs:", text.find("selftest") != std::string::npos);
    struct stat status;
    check("stat of a file of initfs:", ::stat("/scheme/initfs/etc/start", &status) == 0 &&
                                           S_ISREG(status.st_mode) &&
                                           static_cast<std::size_t>(status.st_size) == text.size());
    check("a missing file", ::open("initfs:/etc/missing", O_RDONLY) < 0 && errno == ENOENT);
    bool found = false;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator{"/scheme/initfs/etc", error}) {
        found = found || entry.path().filename() == "start";
    }
    check("listing a directory of initfs:", !error && found);
    check("no such scheme", ::open("nothing:/x", O_RDONLY) < 0 && errno == ENOENT);
}

/// Only on Redoubt.
void test_services() {
    const auto* services = redoubt::posix::native_services();
    if (services == nullptr) return;
    using namespace redoubt;
    abi::CapabilityIndex signal = 0;
    const int fd = services->notification_fd(&signal);
    check("notification_fd", fd >= 0);
    pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
    check("it is not readable before", poll(&polled, 1, 0) == 0);
    native::signal(signal);
    check("it is readable after a signal", poll(&polled, 1, 5000) == 1);
    std::uint64_t count = 0;
    check("reading it", read(fd, &count, 8) == 8 && count == 1 && read(fd, &count, 8) < 0);
    close(fd);

    const auto untyped = services->allocate_untyped(16);
    const auto frame = services->allocate_slots(1);
    const auto address = services->reserve_addresses(1 << 16, 1 << 16);
    const bool mapped =
        untyped != 0 && frame != 0 && address != 0 &&
        native::ok(native::retype(untyped, abi::ObjectType::Frame, 16, frame)) &&
        native::ok(native::map(frame, static_cast<native::Slot>(abi::StartupSlot::AddressSpace),
                               address, abi::MapFlags::Read | abi::MapFlags::Write));
    check("a frame of its own", mapped);
    if (mapped) std::memset(reinterpret_cast<void*>(address), 1, 1 << 16);
    services->release_untyped(untyped);
    services->free_slots(frame, 1);
    const auto again = services->allocate_untyped(16);
    check("its memory comes back", again != 0);
    services->release_untyped(again);

    auto& words = native::ipc_buffer().words;
    words[100] = 0x1234567890ABCDEF;
    std::printf("a line in between\n");
    check("the IPC buffer outlives a reflected call", words[100] == 0x1234567890ABCDEF);
}

/// Runs off the end of its stack, which must hit the guard page and nothing else.
[[gnu::noinline]] int overflow(int depth) {
    volatile char page[4096];
    page[0] = static_cast<char>(depth);
    return depth < 1'000'000 ? overflow(depth + 1) + page[0] : 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string{argv[1]} == "overflow") std::thread{[] { overflow(0); }}.join();
    if (argc > 1 && std::string{argv[1]} == "abort") std::terminate();
    std::cout << "selftest: " << argv[0] << ", " << argc << " arguments" << std::endl;
    test_memory();
    test_threads();
    test_time();
    test_exceptions();
    test_descriptors();
    test_files();
    test_services();
    test_asio();
    std::printf("selftest: %d passed, %d failed\n", passed, failed);
    std::fflush(stdout);
    return failed;
}
