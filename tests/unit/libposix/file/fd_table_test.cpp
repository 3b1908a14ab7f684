// Tests of descriptors: numbers, duplicates, the end of a file.
#include "libposix/file/fd_table.hpp"

#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/fcntl.h>

#include <memory>

#include "tests/unit/libposix/environment.hpp"

namespace redoubt::posix {
namespace {

using test::linux_call;

struct Counted final : File {
    explicit Counted(int& count) : count_(count) { ++count_; }
    ~Counted() override { --count_; }
    int& count_;
};

TEST(FdTable, GivesTheLowestFreeNumber) {
    auto table = std::make_unique<FdTable>();
    int files = 0;
    const Ref<> file{new Counted{files}};
    EXPECT_EQ(table->insert(file), 0);
    EXPECT_EQ(table->insert(file), 1);
    EXPECT_EQ(table->insert(file, true, 10), 10);
    EXPECT_EQ(table->close(0), 0);
    EXPECT_EQ(table->insert(file), 0);
    EXPECT_TRUE(table->close_on_exec(10));
    EXPECT_FALSE(table->close_on_exec(0));
    EXPECT_EQ(table->insert(file, false, -1), -EMFILE);
}

TEST(FdTable, RefusesNumbersThatAreNotOpen) {
    auto table = std::make_unique<FdTable>();
    for (const int fd : {-1, 0, FdTable::kMaximum, 1 << 30}) {
        EXPECT_EQ(table->close(fd), -EBADF);
        EXPECT_FALSE(table->get(fd));
        EXPECT_EQ(table->duplicate_to(fd, 3, false), -EBADF);
    }
}

TEST(FdTable, IsFullAtSomePoint) {
    auto table = std::make_unique<FdTable>();
    int files = 0;
    const Ref<> file{new Counted{files}};
    for (int i = 0; i < FdTable::kMaximum; ++i) ASSERT_EQ(table->insert(file), i);
    EXPECT_EQ(table->insert(file), -EMFILE);
}

TEST(FdTable, AFileLivesAsLongAsADescriptorOrAUser) {
    auto table = std::make_unique<FdTable>();
    int files = 0;
    table->insert(Ref<>{new Counted{files}});
    EXPECT_EQ(table->duplicate_to(0, 5, false), 5);
    EXPECT_EQ(table->duplicate_to(5, 5, false), 5);
    table->close(0);
    EXPECT_EQ(files, 1);
    {
        const Ref<> user = table->get(5);
        table->close(5);
        EXPECT_EQ(files, 1);
    }
    EXPECT_EQ(files, 0);
}

TEST(Descriptors, StandardOnesAreOpenAndFlagsAreKept) {
    EXPECT_EQ(linux_call(__NR_read, 0, 0, 0), 0);
    char text[] = "a line of a test\n";
    EXPECT_EQ(linux_call(__NR_write, 1, test::arg(text), sizeof(text) - 1), sizeof(text) - 1);
    const long fd = linux_call(__NR_eventfd2, 0, 0);
    ASSERT_GE(fd, 3);
    const auto number = static_cast<std::uint64_t>(fd);
    EXPECT_EQ(linux_call(__NR_fcntl, number, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(linux_call(__NR_fcntl, number, F_SETFL, O_NONBLOCK), 0);
    EXPECT_NE(linux_call(__NR_fcntl, number, F_GETFL) & O_NONBLOCK, 0);
    std::uint64_t count;
    EXPECT_EQ(linux_call(__NR_read, number, test::arg(&count), 8), -EAGAIN);
    EXPECT_EQ(linux_call(__NR_fcntl, number, F_SETFD, FD_CLOEXEC), 0);
    EXPECT_EQ(linux_call(__NR_fcntl, number, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(linux_call(__NR_close, number), 0);
    EXPECT_EQ(linux_call(__NR_close, number), -EBADF);
}

}  // namespace
}  // namespace redoubt::posix
