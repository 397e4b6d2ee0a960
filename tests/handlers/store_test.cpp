// The dispatcher over the real store: what the two promise each other.

#include "handlers/builtin/file_handler.hpp"
#include "handlers/dispatcher.hpp"
#include "handlers/routes.hpp"
#include "tests/handlers/fake_opener.hpp"
#include "tests/handlers/recording_handler.hpp"
#include "tests/support/open_store.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kGrace = seconds(20);
const std::string kName = "tickets";

class OverTheRealStoreTest : public ::testing::Test {
  protected:
    void append(
        std::uint64_t first_key, std::size_t count, std::size_t keys,
        store::Source source = store::Source::Notification, const store::TokensPtr& tokens = nullptr
    ) {
        const auto stream = std::make_shared<const store::Stream>(
            store::Stream{store::Lane::Change, "contoso", "inbox", "message", "updated", source}
        );
        std::vector<store::Item> items(count);
        for (std::size_t i = 0; i < count; ++i) {
            auto& item = items[i];
            item.stream = stream;
            item.subscription_id = "sub";
            item.order_key = first_key + i % keys;
            item.resource = "r/" + std::to_string(item.order_key);
            item.body = "{\"number\":" + std::to_string(next_number_++) + "}";
            item.tokens = tokens;
        }
        const auto appended = wait_for<store::Appended>([&](Completion<store::Appended> done) {
            opened_->append(std::move(items), real_clock().system_now(), std::move(done));
        });
        ASSERT_TRUE(appended.has_value());
        ASSERT_EQ(appended->stored, count);
    }
    store::HandlerStats stats() {
        const auto all = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
            opened_->stats(std::move(done));
        });
        for (const auto& one : all->handlers) {
            if (one.handler == kName) return one;
        }
        return {};
    }
    std::unique_ptr<Dispatcher> dispatcher(DispatcherOptions options = {}) {
        source_ = std::make_unique<StoreSource>(*opened_);
        return std::make_unique<Dispatcher>(*source_, real_clock(), metrics_, std::move(options));
    }
    Result<void> add(Dispatcher& to, std::size_t batch, std::uint32_t workers, RetryOptions retry) {
        return to.add(
            kName, std::make_unique<RecordingHandler>(recorder_, batch),
            make_accepts({"inbox"}, {}), retry, workers
        );
    }
    /// For each resource the numbers of its items in the order in which they were done.
    std::map<std::string, std::vector<std::int64_t>> numbers_by_resource() {
        std::map<std::string, std::vector<std::int64_t>> numbers;
        for (const auto& one : recorder_->seen()) {
            numbers[one.resource].push_back(boost::json::parse(one.item).at("number").as_int64());
        }
        return numbers;
    }

    test::OpenStore opened_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    std::unique_ptr<StoreSource> source_;
    std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
    std::int64_t next_number_ = 0;
};

TEST_F(OverTheRealStoreTest, EverythingIsHandedOverOnceAndEachResourceInOrder) {
    append(1, 500, 40);
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 16, 3, {}));
    append(20, 500, 40);
    ASSERT_TRUE(recorder_->wait_for_seen(1'000));
    working->stop(kGrace);
    EXPECT_EQ(recorder_->seen().size(), 1'000U);
    for (const auto& [resource, numbers] : numbers_by_resource()) {
        EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << resource;
    }
    EXPECT_EQ(stats().waiting, 0U);
    EXPECT_EQ(stats().dead, 0U);
}

TEST_F(OverTheRealStoreTest, WhatWaitedToBeProvedIsHandedOverInOrderInBatchesAndAsItsFirstAttempt) {
    const auto tokens = std::make_shared<const std::string>(R"(["a.b.c"])");
    FakeOpener opener([](const auto&) { return waits("keys_missing", milliseconds(1)); });
    append(1, 12, 4, store::Source::Notification, tokens);
    append(10, 5, 5);
    const auto working = dispatcher({.opener = &opener});
    ASSERT_TRUE(add(*working, 16, 1, {}));
    // Basic ones are not held up; rich ones come to the opener again and again.
    ASSERT_TRUE(recorder_->wait_for_seen(5));
    ASSERT_TRUE(opener.wait_for_asked(3));
    EXPECT_EQ(recorder_->seen().size(), 5U);
    opener.answer_with([](const store::Delivery& one) {
        return one.proof->tokens == R"(["a.b.c"])" ? proved() : waits("not_these");
    });
    ASSERT_TRUE(recorder_->wait_for_seen(17));
    working->stop(kGrace);
    for (const auto& [resource, numbers] : numbers_by_resource())
        EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << resource;
    for (const auto& one : recorder_->seen()) EXPECT_EQ(one.attempt, 1U);
    const auto sizes = recorder_->sizes();
    EXPECT_LT(sizes.size(), 17U) << "what waited is not handed over one by one";
    EXPECT_EQ(stats().waiting, 0U);
    EXPECT_EQ(stats().retrying, 0U) << "giving back costs no row";
}

TEST_F(OverTheRealStoreTest, WhatIsProvedFalseIsInTheQuarantineAndItsResourceGoesOn) {
    FakeOpener opener([](const store::Delivery& one) {
        return one.proof->tokens == "null" ? disproved("token_coverage", "of another tenant")
                                           : proved();
    });
    append(1, 1, 1, store::Source::Notification, std::make_shared<const std::string>("null"));
    append(1, 1, 1, store::Source::Notification, std::make_shared<const std::string>("[]"));
    const auto working = dispatcher({.opener = &opener});
    ASSERT_TRUE(add(*working, 4, 1, {}));
    ASSERT_TRUE(recorder_->wait_for_seen(1));
    working->stop(kGrace);
    EXPECT_EQ(numbers_by_resource()["r/1"].size(), 1U);
    store::DeliveryQuery query;
    query.state = store::DeliveryState::Quarantined;
    const auto rows = wait_for<std::vector<store::DeliveryRow>>(
        [&](Completion<std::vector<store::DeliveryRow>> done) {
            opened_->list(query, std::move(done));
        }
    );
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->at(0).reason, "token_coverage: of another tenant");
    EXPECT_EQ(stats().dead, 0U);
}

TEST_F(OverTheRealStoreTest, ReceiptsOfDoneDeadAndRetriedOnesReachTheStore) {
    append(1, 4, 4);
    recorder_->answer_with([](const Delivery& one) {
        auto outcome = one.resource == "r/2"   ? Outcome::dead("HTTP 400")
                       : one.resource == "r/3" ? Outcome::retry_item("later", std::chrono::hours(1))
                                               : Outcome::done();
        outcome.receipt = one.resource == "r/4" ? std::string(2'001, 'x')
                                                : R"({"location":")" + one.resource + R"("})";
        return outcome;
    });
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 1, 1, {}));
    ASSERT_TRUE(recorder_->wait_for_seen(4));
    working->stop(kGrace);
    const auto rows = wait_for<std::vector<store::DeliveryRow>>(
        [&](Completion<std::vector<store::DeliveryRow>> done) {
            opened_->list({}, std::move(done));
        }
    );
    ASSERT_TRUE(rows.has_value());
    std::map<std::string, std::string> receipts;
    std::map<std::string, store::DeliveryState> states;
    for (const auto& row : *rows) {
        receipts[row.resource] = row.receipt;
        states[row.resource] = row.state;
    }
    EXPECT_EQ(states["r/1"], store::DeliveryState::Done);
    EXPECT_EQ(states["r/2"], store::DeliveryState::Dead);
    EXPECT_EQ(states["r/3"], store::DeliveryState::Retrying);
    for (const std::string resource : {"r/1", "r/2", "r/3"}) {
        EXPECT_EQ(receipts[resource], R"({"location":")" + resource + R"("})");
    }
    EXPECT_EQ(receipts["r/4"], "") << "too long to be kept";
}

TEST_F(OverTheRealStoreTest, ADeliverySaysHowWeLearnedOfIt) {
    append(1, 1, 1);
    append(2, 1, 1, store::Source::Sweep);
    append(3, 1, 1, store::Source::Poll);
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 1, 1, {}));
    ASSERT_TRUE(recorder_->wait_for_seen(3));
    working->stop(kGrace);
    std::map<std::string, std::string> sources;
    for (const auto& one : recorder_->seen()) sources[one.resource] = one.source;
    EXPECT_EQ(sources["r/1"], "notification");
    EXPECT_EQ(sources["r/2"], "sweep");
    EXPECT_EQ(sources["r/3"], "poll");
}

TEST_F(OverTheRealStoreTest, RetriedOneHoldsBackItsOwnResourceOnlyAndIsHandedOverAgain) {
    recorder_->answer_with([](const Delivery& one) {
        return one.resource == "r/1" && one.attempt == 1 ? Outcome::retry_item("HTTP 422")
                                                         : Outcome::done();
    });
    append(1, 30, 3);
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 4, 1, {.first = milliseconds(20)}));
    // Each of the ten of r/1 comes twice.
    ASSERT_TRUE(recorder_->wait_for_seen(40));
    working->stop(kGrace);
    auto numbers = numbers_by_resource();
    EXPECT_EQ(numbers["r/2"].size(), 10U);
    EXPECT_EQ(numbers["r/1"].size(), 20U);
    EXPECT_TRUE(std::is_sorted(numbers["r/1"].begin(), numbers["r/1"].end()));
    EXPECT_EQ(stats().waiting, 0U);
}

TEST_F(OverTheRealStoreTest, WhatUsedUpItsAttemptsIsADeadLetterAndTheRestGoesOn) {
    recorder_->answer_with([](const Delivery& one) {
        return one.resource == "r/2" ? Outcome::retry_item("HTTP 400") : Outcome::done();
    });
    append(1, 3, 3);
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 1, 1, {.attempts = 3, .first = milliseconds(5)}));
    ASSERT_TRUE(recorder_->wait_for_seen(5));
    working->stop(kGrace);
    EXPECT_EQ(stats().dead, 1U);
    EXPECT_EQ(stats().waiting, 0U);
}

TEST_F(OverTheRealStoreTest, WhatWasGivenBackAtAStopComesAfterTheRestart) {
    recorder_->hold();
    append(1, 100, 100);
    {
        const auto working = dispatcher();
        ASSERT_TRUE(add(*working, 8, 1, {}));
        ASSERT_TRUE(recorder_->wait_for_inside(1));
        working->stop_at_once();
        working->stop(seconds(0));
    }
    recorder_->let_go();
    EXPECT_EQ(stats().waiting, 100U);
    source_.reset();
    opened_.reopen();
    recorder_ = std::make_shared<Recorder>();
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 8, 1, {}));
    ASSERT_TRUE(recorder_->wait_for_seen(100));
    working->stop(kGrace);
    EXPECT_EQ(stats().waiting, 0U);
    EXPECT_EQ(recorder_->seen().size(), 100U);
}

TEST_F(OverTheRealStoreTest, TargetThatIsDownCostsFewWritesAndIsCaughtUpWithWhenItIsBack) {
    recorder_->answer_with([](const Delivery&) { return Outcome::retry_target("down"); });
    append(1, 300, 300);
    DispatcherOptions options;
    options.breaker.first = milliseconds(50);
    options.breaker.longest = milliseconds(100);
    const auto working = dispatcher(options);
    ASSERT_TRUE(add(*working, 32, 1, {.first = milliseconds(50)}));
    ASSERT_TRUE(recorder_->wait_for_seen(40));
    EXPECT_EQ(stats().waiting, 300U);
    EXPECT_LT(stats().retrying, 50U);
    std::atomic<std::size_t> done{0};
    recorder_->answer_with([&](const Delivery&) {
        ++done;
        return Outcome::done();
    });
    const auto before = recorder_->seen().size();
    ASSERT_TRUE(recorder_->wait_for_seen(before + 300));
    working->stop(kGrace);
    EXPECT_EQ(stats().waiting, 0U);
    EXPECT_EQ(done, 300U);
}

TEST_F(OverTheRealStoreTest, HandlerThatIsTakenOutAndPutBackGoesOnWhereItWas) {
    const auto working = dispatcher();
    ASSERT_TRUE(add(*working, 8, 1, {}));
    append(1, 10, 10);
    ASSERT_TRUE(recorder_->wait_for_seen(10));
    ASSERT_TRUE(working->remove(kName, kGrace));
    append(1, 10, 10);
    EXPECT_EQ(recorder_->seen().size(), 10U);
    ASSERT_TRUE(add(*working, 8, 1, {}));
    ASSERT_TRUE(recorder_->wait_for_seen(20));
    working->stop(kGrace);
    EXPECT_EQ(recorder_->seen().size(), 20U);
}

TEST_F(OverTheRealStoreTest, FileHandlerHasEveryLineOnceAndInOrder) {
    append(1, 2'000, 50);
    const auto path = opened_.dir.file("audit.jsonl");
    const auto working = dispatcher();
    ASSERT_TRUE(working->add(
        kName, std::make_unique<FileHandler>(FileOptions{.path = path}), make_accepts({"inbox"}, {})
    ));
    ASSERT_TRUE(working->add(
        "watch", std::make_unique<RecordingHandler>(recorder_, 64), make_accepts({}, {Route{}})
    ));
    ASSERT_TRUE(recorder_->wait_for_seen(2'000));
    while (stats().waiting > 0) std::this_thread::yield();
    working->stop(kGrace);
    std::ifstream file(path);
    std::map<std::string, std::int64_t> last;
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line); ++lines) {
        const auto read = boost::json::parse(line);
        const std::string resource(read.at("resource").as_string());
        const auto number = read.at("item").at("number").as_int64();
        if (last.contains(resource)) {
            EXPECT_GT(number, last[resource]);
        }
        last[resource] = number;
    }
    EXPECT_EQ(lines, 2'000U);
}

}  // namespace
}  // namespace graphhook::handlers
