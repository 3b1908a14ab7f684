// A process that ends as it is told: misbehave ACTION [VALUE].
//
// It says "begins" in the log first, so that a test sees when it was started. The action `client`
// uses the scheme of fragile_scheme.cpp while that crashes.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace {

/// Kept from the optimizer, which knows what null pointers and constants lead to.
template <class T>
T hidden(T value) {
    asm volatile("" : "+r"(value));
    return value;
}

void read_null() { static_cast<void>(*hidden(static_cast<volatile char*>(nullptr))); }

void write_code() {
    *hidden(reinterpret_cast<volatile char*>(reinterpret_cast<std::uintptr_t>(&read_null))) = 1;
}

void jump_to_data() {
    static char data[16] = {'\xC3'};  // ret
    hidden(reinterpret_cast<void (*)()>(reinterpret_cast<std::uintptr_t>(data)))();
}

/// Uses `megabytes`, really, and dies with them.
void fill(std::size_t megabytes) {
    const std::size_t size = megabytes << 20;
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        std::printf("no memory\n");
        std::exit(1);
    }
    for (std::size_t at = 0; at < size; at += 4096) {
        static_cast<volatile char*>(memory)[at] = 1;
    }
    std::printf("filled\n");
    read_null();
}

/// "alive", or why the file cannot be read.
std::string read_all(int fd) {
    char text[64];
    const ssize_t got = read(fd, text, sizeof(text));
    return got < 0 ? std::strerror(errno) : std::string(text, static_cast<std::size_t>(got));
}

int open_or_end(const char* path) {
    const int fd = open(path, O_RDWR);
    if (fd < 0) {
        std::printf("%s: %s\n", path, std::strerror(errno));
        std::exit(1);
    }
    return fd;
}

/// What a client sees of a server that crashes: in a call, in files it has, and in poll.
void client() {
    for (int round = 1; round <= 2; ++round) {
        const int file = open_or_end("fragile:greeting");
        std::printf("round %d before: %s\n", round, read_all(file).c_str());
        const int stream = open_or_end("fragile:silence");
        pollfd waited{stream, POLLIN, 0};
        poll(&waited, 1, 0);
        std::thread breaker([] {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            const int command = open_or_end("fragile:command");
            const ssize_t written = write(command, "crash", 5);
            std::printf("crash: %s\n", written < 0 ? std::strerror(errno) : "done");
            close(command);
        });
        const int ready = poll(&waited, 1, -1);
        std::printf("poll: %d, %s\n", ready, (waited.revents & POLLHUP) != 0 ? "hang-up" : "other");
        breaker.join();
        std::printf("stream: %s\n", read_all(stream).c_str());
        std::printf("file: %s\n", read_all(file).c_str());
        close(stream);
        close(file);
        const int again = open_or_end("fragile:greeting");
        std::printf("round %d after: %s\n", round, read_all(again).c_str());
        close(again);
    }
    std::printf("end\n");
}

}  // namespace

int main(int count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const std::string_view action = count > 1 ? arguments[1] : "";
    const int value = count > 2 ? std::atoi(arguments[2]) : 0;
    std::printf("%s begins\n", count > 3 ? arguments[3] : "it");
    if (action == "read-null") {
        read_null();
    } else if (action == "write-code") {
        write_code();
    } else if (action == "jump-to-data") {
        jump_to_data();
    } else if (action == "trap") {
        __builtin_trap();
    } else if (action == "abort") {
        std::abort();
    } else if (action == "fill") {
        fill(static_cast<std::size_t>(value));
    } else if (action == "client") {
        client();
    } else if (action == "exit") {
        return value;
    }
    return 99;  // it was to fail and did not
}
