#include "core/work_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace graphhook {
namespace {

using namespace std::chrono_literals;

/// Longer than anything here takes.
constexpr auto kWatchdog = 30s;

template <class T>
void expect_ready(const std::future<T>& future) {
    ASSERT_EQ(future.wait_for(kWatchdog), std::future_status::ready);
}

TEST(WorkPool, DoesAllThatItIsGiven) {
    WorkPool pool(4);
    std::atomic<int> done{0};
    for (int i = 0; i < 1000; ++i) pool.run([&](const std::stop_token&) { ++done; });
    pool.wait_idle();
    EXPECT_EQ(done, 1000);
    EXPECT_EQ(pool.free(), 4u);
}

TEST(WorkPool, AsManyPiecesRunAtOnceAsItMayAndNoMore) {
    WorkPool pool(3);
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::latch all(3);
    for (int i = 0; i < 30; ++i) {
        pool.run([&, i](const std::stop_token&) {
            const int now = ++running;
            int seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            // The first three can only go on together.
            if (i < 3) all.arrive_and_wait();
            --running;
        });
    }
    pool.wait_idle();
    EXPECT_EQ(most, 3);
}

TEST(WorkPool, WhatWaitsIsTakenInOrder) {
    WorkPool pool(1);
    std::vector<int> order;
    for (int i = 0; i < 50; ++i) pool.run([&, i](const std::stop_token&) { order.push_back(i); });
    pool.wait_idle();
    ASSERT_EQ(order.size(), 50u);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(WorkPool, AThreadIsStartedOnlyWhereNoneIsFree) {
    WorkPool pool(8);
    std::set<std::thread::id> threads;
    for (int i = 0; i < 20; ++i) {
        pool.run([&](const std::stop_token&) { threads.insert(std::this_thread::get_id()); });
        pool.wait_idle();
    }
    EXPECT_EQ(threads.size(), 1u);
}

TEST(WorkPool, SaysHowManyMoreWouldStartAtOnce) {
    WorkPool pool(2);
    EXPECT_EQ(pool.free(), 2u);
    std::promise<void> go;
    const auto gone = go.get_future().share();
    for (const std::size_t left : {1u, 0u, 0u}) {
        pool.run([gone](const std::stop_token&) { gone.wait(); });
        EXPECT_EQ(pool.free(), left);
    }
    go.set_value();
    pool.wait_idle();
    EXPECT_EQ(pool.free(), 2u);
}

TEST(WorkPool, AnExceptionEndsOnlyItsOwnWork) {
    WorkPool pool(1);
    bool after = false;
    pool.run([](const std::stop_token&) { throw std::runtime_error("no"); });
    pool.run([&](const std::stop_token&) { after = true; });
    pool.wait_idle();
    EXPECT_TRUE(after);
}

TEST(WorkPool, StopAsksWhatRunsToEndAndDropsWhatWaits) {
    WorkPool pool(1);
    std::promise<void> begun;
    bool asked = false;
    bool dropped_ran = false;
    pool.run([&](const std::stop_token& stop) {
        begun.set_value();
        std::promise<void> told;
        const std::stop_callback callback(stop, [&] { told.set_value(); });
        asked = told.get_future().wait_for(kWatchdog) == std::future_status::ready;
    });
    const auto guard = std::make_shared<int>(1);
    pool.run([&, guard](const std::stop_token&) { dropped_ran = true; });
    expect_ready(begun.get_future());
    pool.stop();
    EXPECT_TRUE(asked);
    EXPECT_FALSE(dropped_ran);
    EXPECT_EQ(guard.use_count(), 1) << "what was dropped is let go";
    EXPECT_EQ(pool.free(), 0u);
    pool.run([&](const std::stop_token&) { dropped_ran = true; });
    pool.wait_idle();
    EXPECT_FALSE(dropped_ran) << "nothing is taken after that";
    pool.stop();
}

TEST(WorkPool, WhatIsDroppedMayAskThePoolAtItsEnd) {
    struct Asks {
        explicit Asks(WorkPool& asked) : pool(asked) {}
        ~Asks() { static_cast<void>(pool.free()); }
        WorkPool& pool;
    };
    WorkPool pool(1);
    std::promise<void> go;
    std::promise<void> begun;
    pool.run([&](const std::stop_token&) {
        begun.set_value();
        go.get_future().wait();
    });
    expect_ready(begun.get_future());
    pool.run([asks = std::make_unique<Asks>(pool)](const std::stop_token&) {});
    std::thread stopping([&] { pool.stop(); });
    go.set_value();
    stopping.join();
}

TEST(WorkPool, WhoeverWaitsForItToBeIdleIsWokenByAStop) {
    WorkPool pool(1);
    std::promise<void> begun;
    std::promise<void> go;
    pool.run([&](const std::stop_token&) {
        begun.set_value();
        go.get_future().wait();
    });
    expect_ready(begun.get_future());
    pool.run([](const std::stop_token&) {});
    auto idle = std::async(std::launch::async, [&] { pool.wait_idle(); });
    auto stopped = std::async(std::launch::async, [&] { pool.stop(); });
    go.set_value();
    expect_ready(stopped);
    expect_ready(idle);
}

TEST(WorkPool, WorkMayAskForMoreWork) {
    WorkPool pool(2);
    std::atomic<int> depth{0};
    std::function<void(int)> dig = [&](int left) {
        ++depth;
        if (left > 0) pool.run([&, left](const std::stop_token&) { dig(left - 1); });
    };
    pool.run([&](const std::stop_token&) { dig(99); });
    pool.wait_idle();
    EXPECT_EQ(depth, 100);
}

TEST(WorkPool, ManyMayGiveItWorkAtOnce) {
    WorkPool pool(4);
    std::atomic<int> done{0};
    {
        std::vector<std::jthread> givers;
        for (int giver = 0; giver < 4; ++giver) {
            givers.emplace_back([&] {
                for (int i = 0; i < 500; ++i) pool.run([&](const std::stop_token&) { ++done; });
            });
        }
    }
    pool.wait_idle();
    EXPECT_EQ(done, 2000);
}

}  // namespace
}  // namespace graphhook
