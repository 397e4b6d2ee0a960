#include "authenticity/decryption_pool.hpp"

#include "tests/authenticity/sealing.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sched.h>
#include <string>
#include <vector>

namespace graphhook::authenticity {
namespace {

using namespace std::chrono_literals;

class DecryptionPoolTest : public testing::Test {
  protected:
    [[nodiscard]] std::vector<DecryptionPool::Job> jobs(std::size_t count) const {
        return std::vector<DecryptionPool::Job>(count, {content_, key_});
    }
    static std::size_t done(const std::vector<DecryptionPool::Outcome>& outcomes) {
        std::size_t count = 0;
        for (const auto& outcome : outcomes) {
            if (!outcome) continue;
            EXPECT_TRUE(std::holds_alternative<Secret>(*outcome));
            ++count;
        }
        return count;
    }

    const EncryptionKeyPtr key_ = test::key_of(test::make_rsa(2048));
    const EncryptedContent content_ = test::seal(key_->key.get(), R"({"id":"1"})");
};

TEST_F(DecryptionPoolTest, EachJobHasItsOutcomeInOrder) {
    DecryptionPool pool(3);
    EXPECT_EQ(pool.threads(), 3U);
    std::vector<DecryptionPool::Job> mixed;
    for (int i = 0; i < 40; ++i)
        mixed.push_back({test::seal(key_->key.get(), R"({"id":)" + std::to_string(i) + "}"), key_});
    mixed[7].key = nullptr;
    std::swap(mixed[11].content.data_signature, mixed[12].content.data_signature);
    mixed[20].content.data = "!";
    const auto outcomes = pool.decrypt(mixed, {});
    ASSERT_EQ(outcomes.size(), mixed.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        ASSERT_TRUE(outcomes[i]) << i;
        const auto* const reason = std::get_if<Reason>(&*outcomes[i]);
        if (i == 7)
            EXPECT_EQ(*reason, Reason::NoPrivateKey);
        else if (i == 11 || i == 12)
            EXPECT_EQ(*reason, Reason::DataSignature);
        else if (i == 20)
            EXPECT_EQ(*reason, Reason::ContentMalformed);
        else
            EXPECT_EQ(
                std::get<Secret>(*outcomes[i]).reveal(), R"({"id":)" + std::to_string(i) + "}"
            );
    }
    EXPECT_TRUE(pool.decrypt({}, {}).empty());
}

TEST_F(DecryptionPoolTest, ZeroThreadsIsOneForEachProcessorWeMayUse) {
    ::cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    DecryptionPool pool(0);
    EXPECT_EQ(pool.threads(), static_cast<std::size_t>(CPU_COUNT(&set)));
    EXPECT_EQ(done(pool.decrypt(jobs(5), {})), 5U);
}

TEST_F(DecryptionPoolTest, WhatStopCutShortSaysNothingOfTheItem) {
    DecryptionPool pool(1);
    std::stop_source stop;
    stop.request_stop();
    const auto outcomes = pool.decrypt(jobs(3), stop.get_token());
    ASSERT_EQ(outcomes.size(), 3U);
    EXPECT_EQ(done(outcomes), 0U);
}

TEST_F(DecryptionPoolTest, AThousandJobsDelayOneOfAnotherByAboutOneAndEndSoonAfterStop) {
    DecryptionPool pool(1);
    std::stop_source stop;
    auto many = std::async(std::launch::async, [&] {
        return pool.decrypt(jobs(100'000), stop.get_token());
    });
    // In turns, these take as long as ten of the others; behind them, minutes.
    for (int i = 0; i < 10; ++i) EXPECT_EQ(done(pool.decrypt(jobs(1), {})), 1U);
    EXPECT_EQ(many.wait_for(0s), std::future_status::timeout);
    stop.request_stop();
    ASSERT_EQ(many.wait_for(30s), std::future_status::ready);
    EXPECT_LT(done(many.get()), 1000U);
    EXPECT_EQ(done(pool.decrypt(jobs(2), {})), 2U);
}

TEST_F(DecryptionPoolTest, WhatIsDoneWhenItsTimeIsOverIsKeptAndTheRestSaysNothing) {
    DecryptionPool pool(1);
    const auto outcomes = pool.decrypt(jobs(100'000), {}, 200ms);
    ASSERT_EQ(outcomes.size(), 100'000U);
    EXPECT_LT(done(outcomes), 100'000U);
    EXPECT_EQ(done({outcomes.back()}), 0U);
    EXPECT_EQ(done(pool.decrypt(jobs(2), {})), 2U) << "nothing of it is left in the queue";
    // However little time there is, what was begun is finished.
    EXPECT_LE(done(pool.decrypt(jobs(2), {}, 0ms)), 2U);
    EXPECT_EQ(done(pool.decrypt(jobs(2), {})), 2U);
}

TEST_F(DecryptionPoolTest, ManyCallersAtOnceAllGetTheirOwn) {
    DecryptionPool pool(2);
    std::vector<std::future<std::size_t>> callers;
    callers.reserve(8);
    for (std::size_t i = 0; i < 8; ++i)
        callers.push_back(std::async(std::launch::async, [&, i] {
            return done(pool.decrypt(jobs(i * 3 + 1), {}));
        }));
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(callers[i].get(), i * 3 + 1);
}

TEST_F(DecryptionPoolTest, ItsThreadsYieldToAllOthersAndTakeNoSignals) {
    DecryptionPool pool(2);
    // One each: a thread takes its place in the queue only after it has lowered itself.
    EXPECT_EQ(done(pool.decrypt(jobs(50), {})), 50U);
    std::size_t yielding = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        const std::string name = entry.path().filename().string();
        int id = 0;
        std::from_chars(name.data(), name.data() + name.size(), id);
        if (::sched_getscheduler(id) != SCHED_IDLE &&
            ::getpriority(PRIO_PROCESS, static_cast<id_t>(id)) != 19)
            continue;
        ++yielding;
        std::ifstream status(entry.path() / "status");
        std::string line;
        while (std::getline(status, line) && !line.starts_with("SigBlk:")) {
        }
        const auto term = std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1);
        EXPECT_EQ(term & 1U, 1U) << line;
    }
    EXPECT_GE(yielding, 1U);
    EXPECT_LE(yielding, 2U);
}

}  // namespace
}  // namespace graphhook::authenticity
