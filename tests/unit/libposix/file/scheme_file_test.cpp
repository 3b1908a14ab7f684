// Tests of files and streams of schemes, against servers that are functions of the test.
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <sys/stat.h>

#include <cstring>
#include <string>
#include <vector>

#include "abi/scheme.hpp"
#include "libposix/process.hpp"
#include "tests/unit/libhvcall/native/fake_kernel.hpp"
#include "tests/unit/libposix/environment.hpp"
#include "tests/unit/libposix/thread/test_thread.hpp"

namespace redoubt::posix {
namespace {

using abi::Error;
using abi::scheme::EventMask;
using abi::scheme::FileKind;
using abi::scheme::Operation;
using test::arg;
using test::FakeKernel;
using test::linux_call;

std::uint64_t number(long fd) { return static_cast<std::uint64_t>(fd); }
char* bytes(abi::IpcBuffer& buffer) { return reinterpret_cast<char*>(buffer.words + 4); }

/// "files": one file "data" of 10,000 bytes and one directory "folder".
struct FileServer {
    void serve(native::Message& m, abi::IpcBuffer& buffer, bool directory) {
        const std::string text = directory ? "one\ntwo\nthree\n" : contents;
        switch (static_cast<Operation>(m.info.label())) {
            case Operation::Stat:
                m = native::make_reply(Error::Ok, 2, text.size(),
                                       static_cast<std::uint64_t>(directory ? FileKind::Directory
                                                                            : FileKind::Regular));
                return;
            case Operation::List:
            case Operation::Read: {
                const std::size_t offset = std::min<std::size_t>(m.mr[0], text.size());
                std::size_t size = std::min<std::size_t>(text.size() - offset, 3000);
                if (!directory) size = std::min<std::size_t>(size, m.mr[1]);
                std::memcpy(bytes(buffer), text.data() + offset, size);
                m = native::make_reply(Error::Ok, native::words_for(size), size);
                return;
            }
            case Operation::Close:
                m = native::make_reply(Error::Ok);
                return;
            default:
                m = native::make_reply(Error::NotSupported);
                return;
        }
    }
    FileServer() {
        for (std::size_t i = 0; i < 10'000; ++i) contents += static_cast<char>('a' + i % 26);
        FakeKernel::instance().add_endpoint(
            test::kFilesRoot, [this](native::Message& m, abi::IpcBuffer& buffer) {
                const std::string path{bytes(buffer), m.mr[1]};
                if (path != "data" && path != "folder") {
                    m = native::make_reply(Error::NotFound);
                    return;
                }
                const bool directory = path == "folder";
                FakeKernel::instance().add_endpoint(
                    buffer.receive_first,
                    [this, directory](native::Message& request, abi::IpcBuffer& b) {
                        serve(request, b, directory);
                    });
                m = native::make_reply(Error::Ok, 1, contents.size(), 0, 1);
            });
    }
    std::string contents;
};

struct SchemeFileTest : testing::Test {
    FileServer server;
    long open(const char* path, std::uint64_t flags = O_RDONLY) {
        return linux_call(__NR_openat, number(AT_FDCWD), arg(path), flags);
    }
};

TEST_F(SchemeFileTest, ReadsAcrossMessagesAndSeeks) {
    const long fd = open("files:/data");
    ASSERT_GE(fd, 0);
    std::vector<char> data(20'000);
    EXPECT_EQ(linux_call(__NR_read, number(fd), arg(data.data()), data.size()), 10'000);
    EXPECT_EQ(std::string(data.data(), 10'000), server.contents);
    EXPECT_EQ(linux_call(__NR_read, number(fd), arg(data.data()), data.size()), 0);
    EXPECT_EQ(linux_call(__NR_lseek, number(fd), number(-10), SEEK_END), 9'990);
    EXPECT_EQ(linux_call(__NR_read, number(fd), arg(data.data()), 100), 10);
    EXPECT_EQ(linux_call(__NR_pread64, number(fd), arg(data.data()), 5, 26), 5);
    EXPECT_EQ(std::string(data.data(), 5), "abcde");
    EXPECT_EQ(linux_call(__NR_lseek, number(fd), 0, SEEK_CUR), 10'000);
    EXPECT_EQ(linux_call(__NR_lseek, number(fd), number(-1), SEEK_SET), -EINVAL);
    EXPECT_EQ(linux_call(__NR_write, number(fd), arg(data.data()), 1), -EBADF);
    EXPECT_EQ(linux_call(__NR_close, number(fd)), 0);
}

TEST_F(SchemeFileTest, ClosingGivesSlotsBack) {
    const auto before = process().slots.free_count();
    const auto capabilities = FakeKernel::instance().live_capabilities();
    for (int i = 0; i < 20; ++i) linux_call(__NR_close, number(open("files:/data")));
    EXPECT_EQ(open("files:/missing"), -ENOENT);
    EXPECT_EQ(process().slots.free_count(), before);
    EXPECT_EQ(FakeKernel::instance().live_capabilities(), capabilities);
}

TEST_F(SchemeFileTest, Stat) {
    struct stat status{};
    EXPECT_EQ(
        linux_call(__NR_newfstatat, number(AT_FDCWD), arg("/scheme/files/data"), arg(&status), 0),
        0);
    EXPECT_EQ(status.st_mode & 0170000U, 0100000U);
    EXPECT_EQ(status.st_size, 10'000);
    EXPECT_EQ(linux_call(__NR_stat, arg("files:folder"), arg(&status)), 0);
    EXPECT_EQ(status.st_mode & 0170000U, 0040000U);
    EXPECT_EQ(linux_call(__NR_stat, arg("/nowhere"), arg(&status)), -ENOENT);
    EXPECT_EQ(linux_call(__NR_access, arg("files:data"), 4), 0);
}

TEST_F(SchemeFileTest, ListsADirectoryInPieces) {
    const long fd = open("files:/folder", O_DIRECTORY);
    ASSERT_GE(fd, 0);
    std::vector<std::string> names;
    alignas(8) char entries[56];  // two at a time
    for (;;) {
        const long got = linux_call(__NR_getdents64, number(fd), arg(entries), sizeof(entries));
        ASSERT_GE(got, 0);
        if (got == 0) break;
        for (long at = 0; at < got;) {
            std::uint16_t length;
            std::memcpy(&length, entries + at + 16, 2);
            names.emplace_back(entries + at + 19);
            at += length;
        }
    }
    EXPECT_EQ(names, (std::vector<std::string>{"one", "two", "three"}));
    linux_call(__NR_lseek, number(fd), 0, SEEK_SET);
    EXPECT_EQ(linux_call(__NR_getdents64, number(fd), arg(entries), 8), -EINVAL);
    linux_call(__NR_close, number(fd));
}

TEST_F(SchemeFileTest, AFileCanBeMappedPrivately) {
    const long fd = open("files:/data");
    const long address = linux_call(__NR_mmap, 0, 10'000, 1, 2, number(fd), 0);
    ASSERT_GT(address, 0);
    EXPECT_EQ(std::memcmp(reinterpret_cast<void*>(address), server.contents.data(), 10'000), 0);
    linux_call(__NR_munmap, number(address), 10'000);
    linux_call(__NR_close, number(fd));
}

TEST_F(SchemeFileTest, UnknownSchemesDoNotExist) {
    EXPECT_EQ(open("disk:/0"), -ENOENT);
    EXPECT_EQ(open("/etc/localtime"), -ENOENT);
}

TEST(SpecialFiles, NullAndRandom) {
    const long null = linux_call(__NR_open, arg("/dev/null"), O_RDWR);
    std::uint64_t words[2] = {};
    EXPECT_EQ(linux_call(__NR_read, number(null), arg(words), 16), 0);
    EXPECT_EQ(linux_call(__NR_write, number(null), arg(words), 16), 16);
    const long random = linux_call(__NR_open, arg("/dev/urandom"), O_RDONLY);
    EXPECT_EQ(linux_call(__NR_read, number(random), arg(words), 16), 16);
    EXPECT_NE(words[0], words[1]);
    linux_call(__NR_close, number(null));
    linux_call(__NR_close, number(random));
}

/// "stream": whatever the test puts into `incoming`; keeps what is written.
struct StreamServer {
    StreamServer() {
        FakeKernel::instance().add_endpoint(
            test::kStreamRoot, [this](native::Message& m, abi::IpcBuffer& buffer) {
                FakeKernel::instance().add_endpoint(
                    buffer.receive_first,
                    [this](native::Message& request, abi::IpcBuffer& b) { serve(request, b); });
                m = native::make_reply(Error::Ok, 1, 0, 0, 1);
            });
    }
    std::uint64_t state() const {
        return (incoming.empty() ? 0 : static_cast<std::uint64_t>(EventMask::Readable)) |
               (blocked ? 0 : static_cast<std::uint64_t>(EventMask::Writable)) |
               (hung_up ? static_cast<std::uint64_t>(EventMask::HangUp) : 0);
    }
    void serve(native::Message& m, abi::IpcBuffer& buffer) {
        const std::lock_guard lock{mutex};
        switch (static_cast<Operation>(m.info.label())) {
            case Operation::Stat:
                m = native::make_reply(Error::Ok, 2, 0,
                                       static_cast<std::uint64_t>(FileKind::Stream));
                return;
            case Operation::Read: {
                if (incoming.empty()) {
                    m = native::make_reply(hung_up ? Error::EndOfFile : Error::WouldBlock);
                    return;
                }
                const std::size_t size = std::min<std::size_t>(incoming.size(), m.mr[1]);
                std::memcpy(bytes(buffer), incoming.data(), size);
                incoming.erase(0, size);
                m = native::make_reply(Error::Ok, native::words_for(size), size);
                return;
            }
            case Operation::Write:
                if (blocked) {
                    m = native::make_reply(Error::WouldBlock);
                    return;
                }
                outgoing.append(bytes(buffer), m.mr[1]);
                m = native::make_reply(Error::Ok, 1, m.mr[1]);
                return;
            case Operation::Event:
                ++questions;
                if (m.info.capabilities() == 1) {
                    subscription = FakeKernel::instance().duplicate(buffer.send[0]);
                }
                m = native::make_reply(Error::Ok, 1, state());
                return;
            default:
                m = native::make_reply(Error::Ok);
                return;
        }
    }
    void feed(const char* text) {
        const std::lock_guard lock{mutex};
        const bool began = incoming.empty();
        incoming += text;
        if (began && subscription != 0) FakeKernel::instance().signal(subscription);
    }
    std::mutex mutex;
    std::string incoming, outgoing;
    bool blocked = false, hung_up = false;
    native::Slot subscription = 0;
    int questions = 0;
};

struct StreamTest : testing::Test {
    ~StreamTest() override { linux_call(__NR_close, number(fd)); }
    short poll(int milliseconds, short events = POLLIN) {
        pollfd polled{static_cast<int>(fd), events, 0};
        linux_call(__NR_poll, arg(&polled), 1, number(milliseconds));
        return polled.revents;
    }
    long read() {
        std::memset(text, 0, sizeof(text));
        return linux_call(__NR_read, number(fd), arg(text), sizeof(text));
    }
    StreamServer server;
    long fd = linux_call(__NR_open, arg("stream:x"), O_RDWR | O_NONBLOCK);
    char text[16] = {};
};

TEST_F(StreamTest, ReadsWhatIsThereAndNotWhatIsNot) {
    ASSERT_GE(fd, 0);
    EXPECT_EQ(read(), -EAGAIN);
    server.feed("abc");
    EXPECT_EQ(read(), 3);
    EXPECT_STREQ(text, "abc");
    EXPECT_EQ(linux_call(__NR_lseek, number(fd), 0, 0), -ESPIPE);
    EXPECT_EQ(linux_call(__NR_write, number(fd), arg("out"), 3), 3);
    EXPECT_EQ(server.outgoing, "out");
}

TEST_F(StreamTest, ASignalMakesItReadable) {
    EXPECT_EQ(poll(0), 0);
    EXPECT_NE(server.subscription, 0U);
    test::TestThread thread;
    thread.start([&] {
        const __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
        linux_call(__NR_nanosleep, arg(&pause));
        server.feed("later");
    });
    EXPECT_EQ(poll(10'000), POLLIN);
    EXPECT_EQ(read(), 5);
    EXPECT_EQ(poll(0), 0);
    thread.join();
}

TEST_F(StreamTest, KnownStatesAreNotAskedForAgain) {
    EXPECT_EQ(poll(0), 0);
    const int before = server.questions;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(poll(0), 0);
    EXPECT_EQ(read(), -EAGAIN);
    EXPECT_EQ(poll(0), 0);
    EXPECT_EQ(server.questions, before);
}

TEST_F(StreamTest, ABlockingReadWaits) {
    linux_call(__NR_fcntl, number(fd), F_SETFL, 0);
    test::TestThread thread;
    thread.start([&] {
        const __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
        linux_call(__NR_nanosleep, arg(&pause));
        server.feed("x");
    });
    EXPECT_EQ(read(), 1);
    thread.join();
}

TEST_F(StreamTest, TheEndIsReadableAndAHangUp) {
    server.hung_up = true;
    EXPECT_EQ(poll(0), POLLIN | POLLHUP);
    EXPECT_EQ(read(), 0);
}

TEST_F(StreamTest, AFullStreamIsNotWritable) {
    server.blocked = true;
    EXPECT_EQ(linux_call(__NR_write, number(fd), arg("x"), 1), -EAGAIN);
    EXPECT_EQ(poll(0, POLLOUT), 0);
}

TEST_F(StreamTest, LongWritesGoInSeveralMessages) {
    std::vector<char> data(10'000, 'y');
    EXPECT_EQ(linux_call(__NR_write, number(fd), arg(data.data()), data.size()), 10'000);
    EXPECT_EQ(server.outgoing.size(), 10'000U);
}

}  // namespace
}  // namespace redoubt::posix
