#include "core/mailbox.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <thread>

namespace graphhook {
namespace {

class CountingMailbox final : public Mailbox {
  public:
    void post(std::vector<Task> tasks) override {
        ++posts;
        for (auto& task : tasks) task();
    }
    int posts = 0;
};

TEST(Handover, WakesAThreadOnceForAllItsCompletions) {
    CountingMailbox first;
    CountingMailbox second;
    Handover handover;
    std::vector<int> seen;
    for (int i = 0; i < 10; ++i) {
        handover.add<int>(
            {i % 2 == 0 ? &first : &second, [&seen](Result<int> result) { seen.push_back(*result); }
            },
            i
        );
    }
    handover.deliver();
    EXPECT_EQ(first.posts, 1);
    EXPECT_EQ(second.posts, 1);
    EXPECT_EQ(seen.size(), 10u);
    handover.deliver();
    EXPECT_EQ(first.posts, 1) << "it empties itself";
}

TEST(Handover, RunsCompletionsWithoutAHomeHereAndNow) {
    Handover handover;
    bool failed = false;
    handover.add<int>(
        {nullptr, [&](Result<int> result) { failed = result.has_error(); }}, fail(Errc::Busy, "now")
    );
    EXPECT_FALSE(failed);
    handover.deliver();
    EXPECT_TRUE(failed);
}

TEST(Mailbox, RunsTasksInOrderOnTheThreadOfItsLoop) {
    boost::asio::io_context io(1);
    const auto mailbox = make_mailbox(io);
    std::vector<int> order;
    std::vector<Task> tasks;
    for (int i = 0; i < 5; ++i) tasks.emplace_back([&order, i] { order.push_back(i); });
    mailbox->post(std::move(tasks));
    EXPECT_TRUE(order.empty()) << "not before the loop runs";
    io.run();
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

TEST(WaitFor, BlocksUntilAnotherThreadCompletes) {
    std::jthread worker;
    const auto result = wait_for<std::string>([&](Completion<std::string> done) {
        worker =
            std::jthread([done = std::move(done)]() mutable { done.call(std::string("there")); });
    });
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, "there");
}

TEST(UniqueFunction, HoldsWhatCanOnlyBeMoved) {
    UniqueFunction<int()> empty;
    EXPECT_FALSE(empty);
    UniqueFunction<int()> function = [value = std::make_unique<int>(7)] { return *value; };
    ASSERT_TRUE(function);
    auto moved = std::move(function);
    EXPECT_EQ(moved(), 7);
}

}  // namespace
}  // namespace graphhook
