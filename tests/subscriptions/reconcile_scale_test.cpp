#include "core/log.hpp"
#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::kNow;
using ::testing::SizeIs;

/// Counts what is asked, by class, and keeps the most that any 20 s held.
class Windows {
  public:
    void add(const std::string& call, SystemTime now) {
        const bool read = call.starts_with("get");
        const bool list = call.starts_with("list");
        const bool reauthorize = call.starts_with("reauthorize");
        auto& [times, most] = list ? lists_ : read ? reads_ : reauthorize ? reauthorizes_ : writes_;
        times.push_back(now);
        while (times.front() + 20s <= now) times.pop_front();
        most = std::max(most, times.size());
    }
    [[nodiscard]] std::size_t writes() const { return writes_.second; }
    [[nodiscard]] std::size_t reads() const { return reads_.second; }
    [[nodiscard]] std::size_t lists() const { return lists_.second; }

  private:
    using Window = std::pair<std::deque<SystemTime>, std::size_t>;
    Window writes_, reads_, lists_, reauthorizes_;
};

class ReconcileScaleTest : public ::testing::Test {
  protected:
    ReconcileScaleTest() { log().set_level(spdlog::level::off); }
    ~ReconcileScaleTest() override { log().set_level(spdlog::level::info); }

    test::FakeClock clock_;
    test::FakeSubscriptionTable table_;
    test::FakeGraph graph_{clock_};
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    RandomHex random_ = test::counting_hex();
};

TEST_F(ReconcileScaleTest, AHundredThousandArePlannedFromAColdStoreInSeconds) {
    constexpr int kMany = 100'000;
    auto everyones = test::wanted("everyones", "users/{id}/events");
    everyones.for_each = "users";
    store::SubscriptionRecord record;
    record.state = SubscriptionState::Active;
    record.name = "everyones";
    record.tenant = "contoso";
    record.kind = "event";
    record.changes = "updated";
    record.notification_url = test::kUrl;
    record.lifecycle_url = test::kLifecycleUrl;
    record.created_at = kNow - 24h;
    for (int i = 0; i < kMany; ++i) {
        record.element = "0f0d2c9a-1111-4222-8333-" + std::to_string(100'000'000 + i);
        record.resource = "users/" + record.element + "/events";
        record.graph_id = "6d0f6a0c-7a39-4f0e-8a53-" + std::to_string(100'000'000 + i);
        record.expires_at = kNow + 24h * 6;
        if (i % 1'000 == 0) record.expires_at = kNow + 1h;  // due
        record.record = 0;
        ASSERT_TRUE(table_.put(record));
    }
    Quota quota(clock_);
    test::Bench bench(
        graph_, table_, clock_, metrics_, quota, random_, test::options_with({everyones})
    );
    ASSERT_TRUE(bench->load());
    const auto begin = std::chrono::steady_clock::now();
    const Plan plan = bench->preview(0);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(std::ranges::count(plan.steps, Action::Renew, &Step::action), 100);
    EXPECT_EQ(plan.kept, static_cast<std::size_t>(kMany - 100));
    EXPECT_LT(plan.steps.size(), 2'000u) << "what is kept is counted";
    EXPECT_LT(
        took, 30s
    ) << "without optimization, beside other tests; released it is well under 1 s";
    const auto progress = bench->progress();
    EXPECT_EQ(progress.to_do, 101u) << "and the subscription of the collection";
}

TEST_F(ReconcileScaleTest, AMonthOfFailuresRestartsAndAnOutageLosesNothingThatLivesADay) {
    struct Sort {
        int count;
        std::chrono::minutes life;
    };
    std::vector<WantedSubscription> all;
    std::set<std::string> short_lived;
    int number = 0;
    for (const auto& [count, life] :
         {Sort{1'190, 10'065min}, Sort{400, 4'315min}, Sort{300, 41'755min}, Sort{100, 1'500min},
          Sort{10, 60min}}) {
        for (int i = 0; i < count; ++i) {
            const std::string id = std::to_string(10'000 + ++number);
            auto one = test::wanted("s" + id, "users/u" + id + "/messages");
            one.life = life;
            if (life < 24h) short_lived.insert(one.resource);
            all.push_back(std::move(one));
        }
    }
    auto options = test::options_with(all);
    options.list_every = 12h;

    std::mutex mutex;
    Windows windows;
    std::size_t calls = 0;
    std::map<std::string, int> created;
    const SystemTime outage = kNow + 24h * 10 + 5h;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        const std::lock_guard lock(mutex);
        const SystemTime now = clock_.system_now();
        windows.add(call, now);
        if (now >= outage && now < outage + 6h)
            return GraphError{.next = Next::RetryLater, .message = "no answer", .uncertain = true};
        if (++calls % 40 == 0)
            return GraphError{.next = Next::Throttled, .status = 429, .retry_at = now + 5s};
        if (calls % 40 == 20)
            return GraphError{.next = Next::RetryLater, .status = 503, .uncertain = true};
        return std::nullopt;
    };
    graph_.before_create = [&](const CreateRequest& request, const std::stop_token&) {
        const std::lock_guard lock(mutex);
        ++created[request.resource];
    };
    for (int day = 0; day < 30; ++day) {
        Quota quota(clock_);  // a restart forgets what was counted
        test::Bench bench(graph_, table_, clock_, metrics_, quota, random_, options, 8);
        ASSERT_TRUE(bench.run_for(24h)) << "never at rest";
    }
    for (const auto& [resource, times] : created) {
        if (!short_lived.contains(resource)) EXPECT_EQ(times, 1) << resource << " has expired";
    }
    EXPECT_LE(windows.writes(), 500u);
    EXPECT_LE(windows.reads(), 500u);
    EXPECT_LE(windows.lists(), 25u);
    EXPECT_THAT(graph_.ids(), SizeIs(2'000)) << "none is missing, none is there twice";
    EXPECT_THAT(created, SizeIs(2'000));
}

}  // namespace
}  // namespace graphhook::subscriptions
