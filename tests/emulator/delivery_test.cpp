// What happens to notifications before and after they are sent: batches, retries, slow and drop
// states.
#include "emulator/changes.hpp"
#include "emulator/health.hpp"
#include "emulator/outbox.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/fake_clock.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <set>

namespace graphhook::emulator {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::FakeClock;
using test::subscribe;

constexpr const char* kEndpoint = "https://hooks.example.com:443";

SteadyPoint at(Span time) {
    return SteadyPoint(hours(1000)) + time;
}

void record(EndpointHealth& health, Reply reply, int times, SteadyPoint now) {
    for (int i = 0; i < times; ++i) health.record(reply, now);
}

// protocol 2.6
TEST(EndpointHealthTest, MoreThanATenthOfRepliesBeyondTheFirstWindowMakeItSlow) {
    EndpointHealth health({});
    record(health, Reply::InTime, 90, at(seconds(0)));
    record(health, Reply::Slow, 10, at(seconds(1)));
    EXPECT_EQ(health.state(at(seconds(1))), Health::Normal) << "exactly 10 % is not more than 10 %";
    record(health, Reply::Slow, 1, at(seconds(2)));
    EXPECT_EQ(health.state(at(seconds(2))), Health::Slow);
}

TEST(EndpointHealthTest, ItLeavesTheSlowStateBelowATenth) {
    EndpointHealth health({});
    record(health, Reply::Slow, 20, at(seconds(0)));
    EXPECT_EQ(health.state(at(seconds(0))), Health::Slow);
    EXPECT_EQ(health.state(at(minutes(30))), Health::Slow) << "silence is no proof";
    record(health, Reply::InTime, 20, at(minutes(31)));
    EXPECT_EQ(health.state(at(minutes(31))), Health::Normal);
}

TEST(EndpointHealthTest, MoreThan15PercentBeyondTheRetryWindowDropForTenMinutes) {
    EndpointHealth health({});
    record(health, Reply::InTime, 17, at(seconds(0)));
    record(health, Reply::TooSlow, 3, at(seconds(0)));
    EXPECT_EQ(health.state(at(seconds(0))), Health::Slow) << "exactly 15 % is not more than 15 %";
    record(health, Reply::TooSlow, 1, at(seconds(1)));
    EXPECT_EQ(health.state(at(seconds(1))), Health::Dropping);
    record(health, Reply::InTime, 1000, at(minutes(2)));
    EXPECT_EQ(health.state(at(minutes(10))), Health::Dropping) << "good replies do not shorten it";
    EXPECT_EQ(health.state(at(minutes(10) + seconds(1))), Health::Normal) << "then it is probed";
}

TEST(EndpointHealthTest, AProbeThatFailsDropsAgain) {
    EndpointHealth health({});
    record(health, Reply::TooSlow, 10, at(seconds(0)));
    EXPECT_EQ(health.state(at(seconds(0))), Health::Dropping);
    EXPECT_EQ(health.state(at(minutes(11))), Health::Normal);
    record(health, Reply::TooSlow, 10, at(minutes(11)));
    EXPECT_EQ(health.state(at(minutes(11))), Health::Dropping);
}

TEST(EndpointHealthTest, AHandfulOfRepliesDecidesNothing) {
    EndpointHealth health({});
    record(health, Reply::TooSlow, 9, at(seconds(0)));
    EXPECT_EQ(health.state(at(seconds(0))), Health::Normal);
}

TEST(EndpointHealthTest, RepliesOlderThanTheWindowDoNotCount) {
    EndpointHealth health({});
    record(health, Reply::TooSlow, 9, at(seconds(0)));
    record(health, Reply::InTime, 9, at(minutes(11)));
    EXPECT_EQ(health.state(at(minutes(11))), Health::Normal);
    EXPECT_TRUE(health.forgotten(at(minutes(30))));
}

// protocol 2.5
TEST(RetryTest, TheWaitDoublesUpToALimit) {
    RetryPolicy policy;
    EXPECT_EQ(retry_delay(policy, 1), seconds(10));
    EXPECT_EQ(retry_delay(policy, 2), seconds(20));
    EXPECT_EQ(retry_delay(policy, 3), seconds(40));
    EXPECT_EQ(retry_delay(policy, 50), minutes(30));
}

class OutboxTest : public testing::Test {
  protected:
    explicit OutboxTest(Outbox::Options options = {})
        : outbox_(
              options, faults_,
              {[this](const Item&, Settlement end, int attempts) {
                   settled_.emplace_back(end, attempts);
               },
               [](const std::string&) {},
               {},
               {}},
              1
          ) {}

    void add(const SubscriptionPtr& subscription, std::uint64_t number = 1) {
        outbox_.add(
            Item{
                subscription,
                {.number = number, .object = number, .at = clock_.system_now()},
                {},
                {}
            },
            now()
        );
    }
    SteadyPoint now() const { return clock_.steady_now(); }
    std::unique_ptr<Post> take() { return outbox_.take(kEndpoint, now()); }
    void finish(std::unique_ptr<Post> post, Outcome outcome, Reply reply = Reply::InTime) {
        outbox_.finished(std::move(post), outcome, reply, now());
    }
    static boost::json::array items(const Post& post) {
        return boost::json::parse(post.body).at("value").as_array();
    }

    FakeClock clock_;
    Faults faults_;
    std::vector<std::pair<Settlement, int>> settled_;
    Outbox outbox_;
    Registry registry_{{}};
    const SubscriptionPtr subscription_ = subscribe(registry_, "users/a/messages");
};

TEST_F(OutboxTest, ItemsOfSeveralSubscriptionsAndTenantsForOneUrlTravelTogether) {
    auto foreign = test::checked(test::body_for("users")).value();
    foreign.tenant = "11111111-0000-4000-8000-000000000001";
    add(subscription_);
    add(registry_.add(std::move(foreign)));
    const auto post = take();
    ASSERT_TRUE(post);
    EXPECT_EQ(post->url->target, "/graph?acct=42") << "the query string is preserved";
    const auto value = items(*post);
    ASSERT_EQ(value.size(), 2U);
    EXPECT_NE(value[0].at("tenantId"), value[1].at("tenantId"));
    EXPECT_FALSE(take());
}

TEST_F(OutboxTest, APostHoldsNoMoreThanABatch) {
    for (std::uint64_t i = 1; i <= 45; ++i) add(subscription_, i);
    EXPECT_EQ(items(*take()).size(), 20U);
    EXPECT_EQ(items(*take()).size(), 20U);
    EXPECT_EQ(items(*take()).size(), 5U);
}

TEST_F(OutboxTest, AnAcceptedPostIsNeverSentAgain) {
    add(subscription_);
    finish(take(), Outcome::Accepted);
    EXPECT_EQ(settled_, (std::vector<std::pair<Settlement, int>>{{Settlement::Accepted, 1}}));
    clock_.advance(hours(5));
    EXPECT_FALSE(take());
    EXPECT_EQ(outbox_.waiting(), 0U);
}

TEST_F(OutboxTest, ARefusedPostComesBackUnchangedAfterItsDelay) {
    add(subscription_);
    auto post = take();
    const auto body = post->body;
    finish(std::move(post), Outcome::Refused);
    EXPECT_FALSE(take());
    clock_.advance(seconds(10));
    post = take();
    ASSERT_TRUE(post);
    EXPECT_EQ(post->body, body);
    EXPECT_EQ(post->attempts, 1);
}

TEST_F(OutboxTest, RetriesEndAfterFourHours) {
    add(subscription_);
    const auto started = clock_.steady_now();
    int attempts = 0;
    while (settled_.empty() && attempts < 100) {
        const auto due = outbox_.next_due(kEndpoint);
        if (due)
            clock_.advance(std::chrono::duration_cast<std::chrono::microseconds>(*due - now()));
        auto post = take();
        ASSERT_TRUE(post);
        ++attempts;
        finish(std::move(post), Outcome::Unreachable);
    }
    EXPECT_EQ(settled_.front(), std::pair(Settlement::Failed, attempts));
    EXPECT_GT(clock_.steady_now() - started, hours(3));
    EXPECT_LE(clock_.steady_now() - started, hours(4));
    EXPECT_TRUE(subscription_->missed_due) << "a missed lifecycle notification is owed";
}

TEST_F(OutboxTest, InTheSlowStateNewNotificationsWaitTenMinutes) {
    for (int i = 0; i < 10; ++i) {
        add(subscription_);
        finish(take(), Outcome::Accepted, i < 2 ? Reply::Slow : Reply::InTime);
    }
    add(subscription_);
    EXPECT_FALSE(take());
    clock_.advance(minutes(10) - seconds(1));
    EXPECT_FALSE(take());
    clock_.advance(seconds(1));
    EXPECT_TRUE(take());
}

TEST_F(OutboxTest, InTheDropStateNewNotificationsAreGone) {
    for (int i = 0; i < 10; ++i) {
        add(subscription_);
        finish(take(), Outcome::Accepted, i < 2 ? Reply::TooSlow : Reply::InTime);
    }
    settled_.clear();
    add(subscription_);
    EXPECT_EQ(settled_, (std::vector<std::pair<Settlement, int>>{{Settlement::Dropped, 0}}));
    EXPECT_TRUE(subscription_->missed_due);
    EXPECT_FALSE(take());
}

TEST_F(OutboxTest, RefusedConnectionsDoNotMakeAnEndpointSlow) {
    for (int i = 0; i < 50; ++i) {
        add(subscription_);
        finish(take(), Outcome::Unreachable, Reply::TooSlow);
    }
    EXPECT_EQ(outbox_.health(kEndpoint, now()), Health::Normal);
}

TEST_F(OutboxTest, LifecycleNotificationsGoToTheirOwnUrlAndAreBatchedOnDemand) {
    std::vector<Item> two{
        {subscription_, {}, LifecycleEvent::Missed, {}},
        {subscription_, {}, LifecycleEvent::ReauthorizationRequired, {}}
    };
    outbox_.add_lifecycle(two, true, now());
    auto post = take();
    EXPECT_EQ(post->url->target, "/life");
    EXPECT_EQ(items(*post).size(), 2U);
    outbox_.add_lifecycle(two, false, now());
    EXPECT_EQ(items(*take()).size(), 1U);
    EXPECT_EQ(items(*take()).size(), 1U);
}

TEST_F(OutboxTest, ADuplicateIsPostedTwiceAndSettledOnce) {
    faults_.set(FaultKind::Duplicate, {});
    add(subscription_);
    finish(take(), Outcome::Accepted);
    auto again = take();
    ASSERT_TRUE(again);
    finish(std::move(again), Outcome::Accepted);
    EXPECT_FALSE(take());
    EXPECT_EQ(settled_.size(), 1U);
}

TEST_F(OutboxTest, ReorderedItemsAreAllThereInAnotherOrder) {
    faults_.set(FaultKind::Reorder, {.count = 0});
    for (std::uint64_t i = 1; i <= 40; ++i) add(subscription_, i);
    std::vector<std::string> order;
    while (const auto post = take()) {
        for (const auto& item : items(*post)) order.emplace_back(item.at("id").as_string());
    }
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), 40U);
}

TEST_F(OutboxTest, AForgedClientStateStrikesAsOftenAsAsked) {
    faults_.set(FaultKind::WrongClientState, {.count = 2});
    for (std::uint64_t i = 1; i <= 3; ++i) add(subscription_, i);
    const auto value = items(*take());
    EXPECT_NE(value[0].at("clientState"), "k3H9-example-secret");
    EXPECT_NE(value[1].at("clientState"), "k3H9-example-secret");
    EXPECT_EQ(value[2].at("clientState"), "k3H9-example-secret");
    EXPECT_FALSE(faults_.any());
}

TEST_F(OutboxTest, AResetForgetsWhatIsUnderWay) {
    add(subscription_);
    auto post = take();
    outbox_.clear();
    EXPECT_EQ(outbox_.waiting(), 0U);
    finish(std::move(post), Outcome::Refused);
    EXPECT_EQ(outbox_.waiting(), 0U);
    EXPECT_TRUE(settled_.empty());
    EXPECT_FALSE(outbox_.next_due(kEndpoint));
}

TEST_F(OutboxTest, EndpointsThatAreIdleAreForgotten) {
    add(subscription_);
    finish(take(), Outcome::Accepted);
    outbox_.tidy(now());
    EXPECT_EQ(outbox_.to_json(now()).size(), 1U);
    clock_.advance(minutes(20));
    outbox_.tidy(now());
    EXPECT_TRUE(outbox_.to_json(now()).empty());
}

class ChangeMakerTest : public OutboxTest {
  protected:
    explicit ChangeMakerTest(std::size_t room = 1000)
        : OutboxTest(Outbox::Options{.most_items = room}) {}
    std::shared_ptr<ChangeJob> start(const boost::json::object& json) {
        return maker_.start(read_change_request(json).value()).value();
    }

    Stats stats_;
    Ledger ledger_{100};
    World world_{clock_};
    ChangeMaker maker_{registry_, world_, outbox_, ledger_, faults_, stats_, clock_};
};

TEST_F(ChangeMakerTest, ChangesOfAKindGoRoundItsResources) {
    subscribe(registry_, "users/b/messages");
    subscribe(registry_, "users/b/events");
    const auto job = start({{"kind", "message"}, {"count", 4}});
    EXPECT_FALSE(maker_.step());
    EXPECT_EQ(job->made, 4U);
    std::set<std::string> resources;
    for (const auto& item : items(*take())) {
        const std::string resource(item.at("resource").as_string());
        resources.insert(resource.substr(0, resource.find("/AAMk")));
    }
    EXPECT_EQ(resources, (std::set<std::string>{"Users/a/Messages", "Users/b/Messages"}));
}

TEST_F(ChangeMakerTest, EachSubscriptionOfAResourceGetsItsOwnItem) {
    subscribe(registry_, "users/A/mailFolders('inbox')/messages");
    start({{"resource", "users/a/messages"}});
    maker_.step();
    const auto value = items(*take());
    ASSERT_EQ(value.size(), 2U);
    EXPECT_NE(value[0].at("subscriptionId"), value[1].at("subscriptionId"));
    EXPECT_NE(value[0].at("id"), value[1].at("id"));
    EXPECT_EQ(ledger_.page(0, 10).at("changes").at(0).at("items").as_array().size(), 2U);
}

TEST_F(ChangeMakerTest, OnlyTheChangeTypesSubscribedToAreNotified) {
    EXPECT_EQ(
        maker_.start(read_change_request({{"kind", "message"}, {"change", "deleted"}}).value())
            .error()
            .code,
        Errc::NotFound
    );
}

TEST_F(ChangeMakerTest, ARateIsKept) {
    const auto job = start({{"kind", "message"}, {"count", 100}, {"rate", 10}});
    EXPECT_TRUE(maker_.step());
    EXPECT_EQ(job->made, 1U);
    clock_.advance(seconds(2));
    EXPECT_TRUE(maker_.step());
    EXPECT_EQ(job->made, 21U);
    clock_.advance(seconds(60));
    EXPECT_FALSE(maker_.step());
    EXPECT_EQ(job->made, 100U);
}

class SmallQueueTest : public ChangeMakerTest {
  protected:
    SmallQueueTest() : ChangeMakerTest(5) {}
};

TEST_F(SmallQueueTest, AFullQueueSlowsTheChangesDownAndLosesNone) {
    const auto job = start({{"kind", "message"}, {"count", 12}});
    EXPECT_TRUE(maker_.step());
    EXPECT_EQ(job->made, 5U);
    finish(take(), Outcome::Accepted);
    EXPECT_TRUE(maker_.step());
    finish(take(), Outcome::Accepted);
    EXPECT_FALSE(maker_.step());
    EXPECT_EQ(job->made, 12U);
}

TEST_F(ChangeMakerTest, ChangesCanGoRoundAFewObjects) {
    start({{"kind", "message"}, {"count", 6}, {"objects", 2}});
    maker_.step();
    std::set<std::string> objects;
    std::set<std::string> etags;
    for (const auto& item : items(*take())) {
        objects.emplace(item.at("resourceData").at("id").as_string());
        etags.emplace(item.at("resourceData").at("@odata.etag").as_string());
    }
    EXPECT_EQ(objects.size(), 2U);
    EXPECT_EQ(etags.size(), 6U);
}

TEST_F(ChangeMakerTest, TheLedgerTellsWhatBecameOfEachChange) {
    start({{"kind", "message"}, {"count", 2}});
    maker_.step();
    auto post = take();
    const auto item = items(*post)[0];
    for (const auto& one : post->items) maker_.settled(one, Settlement::Accepted, 3);
    const auto entry = ledger_.page(0, 1).at("changes").at(0).as_object();
    EXPECT_EQ(entry.at("id"), item.at("resourceData").at("id"));
    EXPECT_EQ(entry.at("etag"), item.at("resourceData").at("@odata.etag"));
    EXPECT_EQ(entry.at("resource"), item.at("resource"));
    EXPECT_EQ(entry.at("items").at(0).at("state"), "accepted");
    EXPECT_EQ(entry.at("items").at(0).at("attempts"), 3);
    const auto next = ledger_.page(0, 1).at("next").to_number<std::uint64_t>();
    EXPECT_EQ(entry.at("number"), next);
    EXPECT_FALSE(ledger_.page(next, 1).contains("next"));
}

TEST_F(ChangeMakerTest, TheLedgerKeepsTheNewestOnly) {
    start({{"kind", "message"}, {"count", 150}});
    maker_.step();
    EXPECT_EQ(ledger_.size(), 100U);
    const auto oldest = ledger_.page(0, 1).at("next").to_number<std::uint64_t>();
    EXPECT_EQ(ledger_.page(oldest + 98, 10).at("changes").as_array().size(), 1U);
}

// protocol 6.2: changes during the pause are lost.
TEST_F(ChangeMakerTest, ChangesOfAPausedSubscriptionAreLost) {
    subscription_->paused = true;
    const auto job = start({{"kind", "message"}});
    maker_.step();
    EXPECT_EQ(job->lost, 1U);
    EXPECT_TRUE(job->settled());
    EXPECT_FALSE(take());
    EXPECT_EQ(ledger_.page(0, 1).at("changes").at(0).at("items").at(0).at("state"), "lost");
}

TEST_F(ChangeMakerTest, AJobEndsWhenNobodyIsLeftToBeNotified) {
    const auto job = start({{"kind", "message"}, {"count", 10}, {"rate", 1}});
    EXPECT_TRUE(maker_.step());
    registry_.clear();
    EXPECT_FALSE(maker_.step());
    EXPECT_FALSE(job->trouble.empty());
}

TEST_F(ChangeMakerTest, RequestsThatMakeNoSenseAreRefused) {
    const std::vector<boost::json::object> requests{
        {},
        {{"kind", "nothing"}},
        {{"kind", "message"}, {"resource", "users"}},
        {{"resource", "nowhere"}},
        {{"kind", "message"}, {"count", -1}},
        {{"kind", "message"}, {"count", "x"}},
        {{"kind", "message"}, {"rate", -5}},
        {{"kind", "message"}, {"change", "moved"}},
        {{"kind", 7}}
    };
    for (const auto& request : requests)
        EXPECT_EQ(read_change_request(request).error().code, Errc::BadInput);
}

}  // namespace
}  // namespace graphhook::emulator
