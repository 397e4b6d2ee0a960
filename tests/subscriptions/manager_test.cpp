#include "subscriptions/manager.hpp"

#include "tests/subscriptions/fakes.hpp"
#include "tests/subscriptions/imposter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::FakeGraph;
using test::kNow;
using test::wanted;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SubscriptionManagerTest : public ::testing::Test {
  protected:
    SubscriptionsOptions options(std::vector<std::string> tenants) {
        auto all = test::options_with({});
        all.tenants.clear();
        for (const auto& name : tenants) {
            Tenant tenant;
            tenant.name = name;
            all.tenants.push_back(tenant);
            auto inbox = wanted(name + "-inbox", "users/" + name + "/messages");
            inbox.tenant = name;
            all.wanted.push_back(inbox);
            graphs_.try_emplace(name, std::make_shared<FakeGraph>(clock_));
        }
        return all;
    }
    SubscriptionManager make(SubscriptionsOptions options) {
        return SubscriptionManager(
            std::move(options),
            {.table = table_,
             .sync = sync_,
             .clock = clock_,
             .metrics = metrics_,
             .random = random(),
             .make_graph = [this](const Tenant& tenant) -> SubscriptionManager::Access {
                 return {graphs_.at(tenant.name), data_, credential_};
             }}
        );
    }
    /// Tenants' threads share it.
    RandomHex random() {
        return [this, hex = test::counting_hex()](std::size_t bytes) mutable {
            const std::lock_guard lock(random_mutex_);
            return hex(bytes);
        };
    }
    FakeGraph& graph(const std::string& tenant) { return *graphs_.at(tenant); }
    /// Waits until the answer to its create is read and stored; false after ten seconds.
    static bool wait_until_active(const SubscriptionManager& manager) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (manager.list()[0].subscriptions.at(0).state != "active") {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }

    std::function<CredentialState()> credential_;
    std::mutex random_mutex_;
    test::FakeClock clock_;
    test::FakeSubscriptionTable table_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    test::FakeSyncTable sync_;
    std::shared_ptr<test::FakeGraphData> data_ = std::make_shared<test::FakeGraphData>();
    std::map<std::string, std::shared_ptr<FakeGraph>> graphs_;
};

TEST_F(SubscriptionManagerTest, OneTenantsTroubleNeverDelaysAnother) {
    auto manager = make(options({"broken", "contoso"}));
    std::promise<void> release;
    auto released = release.get_future().share();
    graph("broken").fault = [&](const std::string&) -> std::optional<GraphError> {
        released.wait();
        return GraphError{.next = Next::Credentials, .status = 401};
    };
    manager.start();
    ASSERT_TRUE(graph("broken").wait_for_call("list"));
    EXPECT_TRUE(graph("contoso").wait_for_call("create"));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (manager.list()[1].subscriptions.at(0).state != "active" &&
           std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    release.set_value();
    while (manager.list()[0].last_error.empty() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    manager.stop();
    EXPECT_THAT(table_.all("contoso-inbox"), SizeIs(1));
    const auto all = manager.list();
    ASSERT_THAT(all, SizeIs(2));
    EXPECT_THAT(all[0].last_error, HasSubstr("credentials"));
    EXPECT_TRUE(all[0].waits_until.has_value());
    EXPECT_THAT(all[1].last_error, IsEmpty());
    EXPECT_EQ(all[1].subscriptions.at(0).state, "active");
}

TEST_F(SubscriptionManagerTest, AMendedCredentialIsTriedAtOnce) {
    std::atomic<CredentialState> state = CredentialState::Refused;
    credential_ = [&state] { return state.load(); };
    auto manager = make(options({"contoso"}));
    graph("contoso").fault = [&state](const std::string&) -> std::optional<GraphError> {
        if (state != CredentialState::Refused) return std::nullopt;
        return GraphError{.next = Next::Credentials, .status = 401};
    };
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("list"));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!manager.list()[0].waits_until && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    ASSERT_TRUE(manager.list()[0].waits_until) << "a refusal is not repeated for a minute";
    state = CredentialState::Mended;
    clock_.advance(5s);  // lists keep their distance
    manager.nudge();     // its thread looks by itself every two seconds
    EXPECT_TRUE(wait_until_active(manager)) << "though the minute is not over";
    manager.stop();
}

TEST_F(SubscriptionManagerTest, TwoNudgesMakeOneCreate) {
    auto manager = make(options({"contoso"}));
    std::promise<void> release;
    auto released = release.get_future().share();
    graph("contoso").before_create = [&](const CreateRequest&, const std::stop_token&) {
        released.wait();
    };
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("create"));
    manager.nudge();
    manager.nudge();
    release.set_value();
    // What a nudge wakes asks for the list anew; so the rounds after the create are over.
    clock_.advance(5s);  // lists keep their distance
    (void)manager.apply();
    ASSERT_TRUE(graph("contoso").wait_for_call("list", 2));
    ASSERT_TRUE(wait_until_active(manager));
    manager.stop();
    EXPECT_THAT(graph("contoso").calls("create"), SizeIs(1));
    EXPECT_THAT(graph("contoso").ids(), SizeIs(1));
}

TEST_F(SubscriptionManagerTest, ALifecycleEventIsActedOnByTheTenantsThread) {
    auto manager = make(options({"contoso"}));
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("create"));
    clock_.advance(5s);  // lists keep their distance
    (void)manager.apply();
    ASSERT_TRUE(graph("contoso").wait_for_call("list", 2));
    ASSERT_TRUE(wait_until_active(manager));
    (void)manager.take({"sub-1", "contoso-inbox", "reauthorizationRequired", kNow + 1s});
    EXPECT_TRUE(graph("contoso").wait_for_call("reauthorize sub-1"));
    graph("contoso").lose("sub-1");
    (void)manager.take({"sub-1", "contoso-inbox", "subscriptionRemoved", kNow + 2s});
    EXPECT_TRUE(graph("contoso").wait_for_call("create", 2));
    (void)manager.take({"sub-9", "nobodys", "missed", kNow});
    manager.stop();
    EXPECT_THAT(
        test::metrics_text(registry_),
        HasSubstr("graphhook_lifecycle_notifications_total{event=\"missed\"} 1")
    );
}

TEST_F(SubscriptionManagerTest, StoppingEndsACallUnderWay) {
    auto manager = make(options({"contoso"}));
    graph("contoso").before_create = [](const CreateRequest&, const std::stop_token& stop) {
        std::promise<void> stopped;
        const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
        stopped.get_future().wait();
    };
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("create"));
    manager.stop();
    EXPECT_THAT(table_.all("contoso-inbox"), SizeIs(1));
}

TEST_F(SubscriptionManagerTest, AReloadTakesUpWhatIsWantedAndNewTenants) {
    auto manager = make(options({"contoso"}));
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("create"));
    ASSERT_TRUE(wait_until_active(manager));
    auto more = options({"contoso", "fabrikam"});
    auto drive = wanted("drive", "drives/d/root");
    more.wanted.push_back(drive);
    more.tenants[0].credential =
        ClientSecret{Secret("new")};  // a new way to Graph: the old thread ends first
    clock_.advance(5s);
    manager.reload(more);
    EXPECT_TRUE(graph("fabrikam").wait_for_call("create"));
    EXPECT_TRUE(graph("contoso").wait_for_call("create drives/d/root"));
    manager.stop();
    EXPECT_THAT(graph("contoso").calls("create users"), SizeIs(1)) << "what was there is kept";
}

TEST_F(SubscriptionManagerTest, ShowsAndPlansWithoutBeingStarted) {
    {
        auto manager = make(options({"contoso"}));
        manager.start();
        ASSERT_TRUE(graph("contoso").wait_for_call("create"));
        ASSERT_TRUE(wait_until_active(manager));
        manager.stop();
    }
    auto changed = options({"contoso"});
    changed.wanted.push_back(wanted("drive", "drives/d/root"));
    auto manager = make(changed);
    ASSERT_TRUE(manager.load());
    const auto plans = manager.plan();
    ASSERT_THAT(plans, SizeIs(1));
    std::vector<std::string> lines;
    for (const auto& step : plans[0].plan.steps)
        lines.push_back(std::string(to_string(step.action)) + " " + step.name);
    EXPECT_THAT(lines, ElementsAre("list ", "create drive", "keep contoso-inbox"));
    const auto listed = manager.list();
    EXPECT_EQ(listed[0].subscriptions.at(1).state, "planned");
    EXPECT_THAT(graph("contoso").calls("list"), SizeIs(1)) << "looking asks nobody";
}

TEST_F(SubscriptionManagerTest, OnlyWhatIsNotWantedCanBeRemovedByHand) {
    graphs_.emplace("contoso", std::make_shared<FakeGraph>(clock_));
    graph("contoso").plant(
        "theirs", {.resource = "users/y/events",
                   .changes = "created",
                   .notification_url = test::kUrl,
                   .expires_at = kNow + 24h}
    );
    auto manager = make(options({"contoso"}));
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("create"));
    clock_.advance(5s);  // lists keep their distance
    (void)manager.apply();
    ASSERT_TRUE(graph("contoso").wait_for_call("list", 2));
    ASSERT_TRUE(wait_until_active(manager));
    EXPECT_EQ(manager.remove("contoso-inbox").error().code, Errc::Conflict);
    EXPECT_EQ(manager.remove("SUB-1").error().code, Errc::Conflict);
    EXPECT_EQ(manager.remove("nothing").error().code, Errc::NotFound);
    EXPECT_EQ(manager.renew("nothing").error().code, Errc::NotFound);
    ASSERT_TRUE(manager.remove("theirs")) << "an orphan, by an operator's word";
    EXPECT_TRUE(graph("contoso").wait_for_call("delete theirs"));
    manager.stop();
    EXPECT_THAT(graph("contoso").calls("delete"), SizeIs(1));
}

TEST_F(SubscriptionManagerTest, SilenceIsMeasuredFromTheLastArrivalOrTheStart) {
    auto manager = make(options({"contoso"}));
    clock_.advance(90s);
    manager.refresh_metrics();
    const std::string name =
        "graphhook_subscription_silence_seconds{subscription=\"contoso-inbox\"}";
    EXPECT_THAT(test::metrics_text(registry_), HasSubstr(name + " 90"));
    manager.note_arrival("contoso-inbox", kNow + 60s);
    manager.note_arrival("nobodys", kNow + 60s);
    manager.refresh_metrics();
    EXPECT_THAT(test::metrics_text(registry_), HasSubstr(name + " 30"));
    auto none = options({"contoso"});
    none.wanted.clear();
    manager.reload(none);
    manager.refresh_metrics();
    EXPECT_THAT(test::metrics_text(registry_), Not(HasSubstr("contoso-inbox")));
}

TEST_F(SubscriptionManagerTest, AwayForLongerThanGraphTriesMeansASweepOfAll) {
    auto swept = options({"contoso"});
    swept.wanted[0].sync = true;
    ASSERT_TRUE(sync_.put_note(
        "alive/contoso",
        std::to_string(
            std::chrono::duration_cast<std::chrono::seconds>((kNow - 5h).time_since_epoch()).count()
        )
    ));
    // Nothing is created: that would ask for a sweep too, and one reason is kept.
    graph("contoso").fault = [](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create")) return std::nullopt;
        return GraphError{.next = Next::RetryLater, .status = 503};
    };
    {
        auto manager = make(swept);
        manager.start();
        EXPECT_TRUE(sync_.wait_for_reason("outage"));
        manager.stop();
    }
    const auto note = sync_.note("alive/contoso");
    ASSERT_TRUE(note);
    EXPECT_EQ(
        *note, std::to_string(
                   std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count()
               )
    ) << "and it is noted that we are back";
}

TEST_F(SubscriptionManagerTest, ATemplateIsReadAndItsElementsAreSubscribed) {
    auto all = options({"contoso"});
    auto everyones = wanted("everyones", "users/{id}/events");
    everyones.for_each = "users";
    all.wanted.push_back(everyones);
    data_->set("users", {"ada", "bob"});
    auto manager = make(all);
    manager.start();
    EXPECT_TRUE(graph("contoso").wait_for_call("create users/ada/events"));
    EXPECT_TRUE(graph("contoso").wait_for_call("create users/bob/events"));
    ASSERT_TRUE(graph("contoso").wait_for_call("create", 4)) << "and that of the collection";
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (manager.progress().at(0).standing < 4 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    const auto progress = manager.progress().at(0);
    EXPECT_EQ(progress.wanted, 4u);
    EXPECT_EQ(progress.standing, 4u);
    EXPECT_EQ(progress.to_do, 0u);
    EXPECT_FALSE(progress.expanding);
    EXPECT_TRUE(manager.expand("everyones"));
    EXPECT_EQ(manager.expand("contoso-inbox").error().code, Errc::NotFound);
    manager.stop();
    ASSERT_THAT(manager.templates(), SizeIs(1));
    ASSERT_THAT(manager.templates()[0].templates, SizeIs(1));
    EXPECT_EQ(manager.templates()[0].templates[0].elements, 2u);
}

TEST_F(SubscriptionManagerTest, WhatIsMissedAndWhatIsSignalledIsDurableBeforeItReturns) {
    auto all = options({"contoso"});
    all.wanted[0].sync = true;
    auto manager = make(all);
    manager.start();
    ASSERT_TRUE(graph("contoso").wait_for_call("create"));
    ASSERT_TRUE(sync_.wait_for_reason("recreated"));
    EXPECT_TRUE(wait_until_active(manager));
    EXPECT_TRUE(manager.take({"sub-1", "contoso-inbox", "missed", kNow}));
    EXPECT_TRUE(manager.take_signal("contoso-inbox", "sub-1"));
    EXPECT_TRUE(manager.take_signal("contoso-inbox", "forgotten"));
    EXPECT_TRUE(manager.take_signal("nobodys", "sub-1"));
    EXPECT_EQ(manager.sweep("contoso-inbox").value(), 1u);
    EXPECT_EQ(manager.sweep("nobodys").error().code, Errc::NotFound);
    manager.stop();
    ASSERT_THAT(manager.sweeps(), SizeIs(1));
    ASSERT_THAT(manager.sweeps()[0].sweeps, SizeIs(1));
    EXPECT_TRUE(manager.sweeps()[0].sweeps[0].wanted_at) << "until Graph can be asked";
}

TEST_F(SubscriptionManagerTest, OverHttpTheWholeWayWorks) {
    test::Imposter world([&](const test::Imposter::Request& request) -> test::Imposter::Reply {
        if (request.target.find("/oauth2/") != std::string::npos)
            return {.body = R"({"expires_in":3600,"access_token":"tok"})"};
        if (request.method == "GET") return {.body = R"({"value":[]})"};
        return {
            .status = 201,
            .body = R"({"id":"sub-1","resource":"users/contoso/messages","changeType":"updated",)"
                    R"("expirationDateTime":"2026-11-28T08:00:00Z"})"
        };
    });
    auto all = options({"contoso"});
    all.tenants[0].tenant_id = "t";
    all.tenants[0].cloud.graph = world.url();
    all.tenants[0].cloud.login = world.url();
    SubscriptionManager manager(
        all,
        {.table = table_, .sync = sync_, .clock = clock_, .metrics = metrics_, .random = random()}
    );
    manager.start();
    EXPECT_TRUE(wait_until_active(manager));
    manager.stop();
    EXPECT_EQ(table_.only("contoso-inbox", SubscriptionState::Active).graph_id, "sub-1");
}

}  // namespace
}  // namespace graphhook::subscriptions
