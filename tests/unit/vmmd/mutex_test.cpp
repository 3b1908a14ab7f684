// One thread at a time, and nobody waits for ever.
#include "vmmd/mutex.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace redoubt::vmmd {
namespace {

TEST(Mutex, ThreadsThatWantItAtOnceComeOneAfterTheOther) {
    constexpr unsigned kThreads = 4, kRounds = 20'000;
    Mutex mutex;
    std::uint64_t count = 0;
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < kThreads; ++i) {
            threads.emplace_back([&] {
                for (unsigned round = 0; round < kRounds; ++round) {
                    const std::lock_guard lock(mutex);
                    const auto before = count;
                    if (round % 64 == 0) std::this_thread::yield();
                    count = before + 1;
                }
            });
        }
    }
    EXPECT_EQ(count, std::uint64_t{kThreads} * kRounds);
}

TEST(Mutex, WhoWaitsIsWokenWhenItIsGivenBack) {
    Mutex mutex;
    std::atomic<bool> began = false, taken = false;
    mutex.lock();
    std::jthread other([&] {
        began = true;
        const std::lock_guard lock(mutex);
        taken = true;
    });
    while (!began) std::this_thread::yield();
    EXPECT_FALSE(taken);
    mutex.unlock();
    other.join();
    EXPECT_TRUE(taken);
}

}  // namespace
}  // namespace redoubt::vmmd
