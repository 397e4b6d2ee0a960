// Subscriptions with resource data: made for a certificate, and led to the next one.
#include "core/log.hpp"
#include "subscriptions/manager.hpp"
#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>

#include <deque>
#include <memory>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::kNow;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

const std::string kResource = "chats/x/messages";

WantedSubscription rich(const std::string& name, const std::string& resource) {
    auto w = test::wanted(name, resource);
    w.resource_data = true;
    return w;
}

class ResourceDataTest : public ::testing::Test {
  protected:
    ResourceDataTest() { options_ = test::options_with({rich("chat", kResource)}); }

    /// A new process over the same store and the same Graph.
    void start(std::size_t threads = 1) {
        bench_.reset();
        bench_ = std::make_unique<test::Bench>(
            graph_, table_, clock_, metrics_, quota_, random_, options_, threads,
            [this] { return certificate_; }
        );
    }
    void run_for(std::chrono::microseconds time) {
        ASSERT_TRUE(bench_->run_for(time)) << "never at rest";
    }
    void key(const std::string& id, std::chrono::hours life = std::chrono::hours(24 * 365)) {
        certificate_ = EncryptionCertificate{
            .id = id, .der_base64 = "DER-" + id, .not_after = clock_.system_now() + life
        };
    }
    store::SubscriptionRecord active(std::string_view name = "chat") {
        return table_.only(name, SubscriptionState::Active);
    }
    std::map<std::string, std::size_t> certificates() {
        std::map<std::string, std::size_t> all;
        (*bench_)->count_certificates(all);
        return all;
    }
    std::vector<std::string> reasons(Action action) {
        std::vector<std::string> all;
        for (const auto& step : (*bench_)->preview(0).steps) {
            if (step.action == action) all.push_back(step.reason);
        }
        return all;
    }
    /// One that stands with "k1", an hour old.
    void stands() {
        key("k1");
        start();
        run_for(1h);
        ASSERT_EQ(active().certificate_id, "k1");
    }

    test::FakeClock clock_;
    test::FakeSubscriptionTable table_;
    test::FakeGraph graph_{clock_};
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    Quota quota_{clock_};
    RandomHex random_ = test::counting_hex();
    SubscriptionsOptions options_;
    std::optional<EncryptionCertificate> certificate_;
    std::unique_ptr<test::Bench> bench_;
};

TEST_F(ResourceDataTest, ItIsCreatedForTheCertificateAndTheStoreKnowsWhichOneBeforehand) {
    key("k1");
    bool asked = false;
    graph_.before_create = [&](const CreateRequest& request, const std::stop_token&) {
        asked = true;
        ASSERT_NE(request.certificate, nullptr);
        EXPECT_EQ(request.certificate->der_base64, "DER-k1");
        EXPECT_LE(request.expires_at, kNow + 4'315min);
        EXPECT_EQ(table_.only("chat", SubscriptionState::Creating).certificate_id, "k1");
        EXPECT_THAT(certificates(), ElementsAre(Pair("k1", 1))) << "so that its key is kept";
    };
    start();
    bench_->step();
    EXPECT_TRUE(asked);
    EXPECT_EQ(active().certificate_id, "k1");
    EXPECT_EQ((*bench_)->status().subscriptions.at(0).certificate_id, "k1");
    EXPECT_THAT(graph_.calls("get"), IsEmpty());
}

TEST_F(ResourceDataTest, WithoutACertificateNothingRichIsCreatedAndNothingBasicIsDelayed) {
    options_.wanted.push_back(test::wanted("inbox", "users/x/messages"));
    start();
    bench_->step();
    EXPECT_THAT(graph_.calls("create"), ElementsAre("create users/x/messages"));
    EXPECT_EQ(active("inbox").certificate_id, "");
    EXPECT_THAT(reasons(Action::Wait), ElementsAre(HasSubstr("graphhook keys create")));
    EXPECT_EQ((*bench_)->progress().to_do, 0u) << "an operator has to do something first";
    run_for(24h);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    key("k1");
    bench_->step();
    EXPECT_EQ(active().certificate_id, "k1") << "as soon as there is one";
}

TEST_F(ResourceDataTest, ACertificateThatHasExpiredIsNotUsed) {
    key("k1", std::chrono::hours(-1));
    start();
    run_for(24h);
    EXPECT_THAT(graph_.calls("create"), IsEmpty());
    EXPECT_THAT(reasons(Action::Wait), ElementsAre(HasSubstr("has expired")));
    key("k2");
    run_for(1min);
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, WithoutACertificateWhatIsThereIsRenewedAndKeepsItsOwn) {
    stands();
    certificate_.reset();
    run_for(24h * 10);
    EXPECT_THAT(graph_.calls("renew"), SizeIs(Gt(2u)));
    EXPECT_THAT(graph_.calls("move-key"), IsEmpty());
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_EQ(graph_.certificate_of("sub-1"), "k1");
    EXPECT_EQ(active().certificate_id, "k1");
}

TEST_F(ResourceDataTest, ARenewalDoesNotTouchTheCertificate) {
    stands();
    run_for(24h * 10);
    EXPECT_THAT(graph_.calls("renew"), SizeIs(Gt(2u)));
    EXPECT_THAT(graph_.calls("move-key"), IsEmpty());
}

TEST_F(ResourceDataTest, WhatIsGoneIsCreatedAnewOnceThereIsACertificate) {
    stands();
    certificate_.reset();
    graph_.lose("sub-1");
    (void)(*bench_)->take(
        LifecycleEvent{"sub-1", "chat", "subscriptionRemoved", clock_.system_now()}
    );
    run_for(1h);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_THAT(reasons(Action::Wait), SizeIs(1));
    key("k2");
    run_for(1min);
    EXPECT_EQ(active().graph_id, "sub-2");
}

TEST_F(ResourceDataTest, AnotherCertificateIsPatchedInAndProvedByAGet) {
    stands();
    key("k2");
    std::string before_the_get;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("get")) before_the_get = active().certificate_id;
        return std::nullopt;
    };
    run_for(1min);
    const auto calls = graph_.calls();
    ASSERT_THAT(calls, SizeIs(4));
    EXPECT_EQ(calls[2], "move-key sub-1 k2");
    EXPECT_EQ(calls[3], "get sub-1");
    EXPECT_EQ(before_the_get, "k1") << "its key is in use until Graph shows the other one";
    EXPECT_EQ(active().certificate_id, "k2");
    EXPECT_THAT(certificates(), ElementsAre(Pair("k2", 1)));
    EXPECT_GT(active().expires_at, kNow + 1h + 70h) << "which renewed it";
    run_for(24h);
    EXPECT_THAT(graph_.calls("move-key"), SizeIs(1));
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
}

TEST_F(ResourceDataTest, AMoveKeepsTenMinutesFromTheTouchBefore) {
    stands();
    ASSERT_TRUE((*bench_)->renew("chat"));
    bench_->step();
    ASSERT_THAT(graph_.calls("renew"), SizeIs(1));
    const SystemTime renewed = clock_.system_now();
    key("k2");
    run_for(9min);
    EXPECT_THAT(graph_.calls("move-key"), IsEmpty());
    SystemTime moved;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("move-key")) moved = clock_.system_now();
        return std::nullopt;
    };
    run_for(2min);
    EXPECT_GE(moved, renewed + 10min);
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, WhereGraphIgnoresThePatchItIsReplacedAndBothAreAcceptedMeanwhile) {
    stands();
    graph_.takes_keys = false;
    key("k2");
    std::size_t known_at_the_end_of_the_old = 0;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("delete")) {
            for (const auto& record : table_.all("chat")) {
                if (record.state == SubscriptionState::Active) ++known_at_the_end_of_the_old;
            }
        }
        return std::nullopt;
    };
    run_for(10min);
    EXPECT_THAT(graph_.calls("create"), SizeIs(2));
    EXPECT_THAT(graph_.calls("delete"), ElementsAre("delete sub-1"));
    EXPECT_EQ(known_at_the_end_of_the_old, 2u) << "the new one stood before the old one went";
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2")) << "nothing is there twice";
    EXPECT_EQ(graph_.certificate_of("sub-2"), "k2");
    EXPECT_EQ(active().certificate_id, "k2");
    EXPECT_EQ(table_.only("chat", SubscriptionState::Retired).graph_id, "sub-1")
        << "what is on its way is accepted";
    EXPECT_THAT(certificates(), ElementsAre(Pair("k2", 1)));
    run_for(24h);
    EXPECT_THAT(graph_.calls("create"), SizeIs(2)) << "once";
}

TEST_F(ResourceDataTest, WhereGraphTakesNoSecondOneTheOldOneGoesFirst) {
    stands();
    graph_.takes_keys = false;
    key("k2");
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("create") && !graph_.ids().empty())
            return GraphError{.next = Next::Conflict, .status = 409};
        return std::nullopt;
    };
    run_for(30min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, WhereGraphsLimitIsReachedTheOldOneGoesFirstToo) {
    stands();
    graph_.takes_keys = false;
    key("k2");
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("create") && !graph_.ids().empty())
            return GraphError{
                .next = Next::Refused,
                .status = 403,
                .message = "The limit of 1 subscriptions per app and resource of Teams is reached."
            };
        return std::nullopt;
    };
    run_for(30min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, WhereAPermissionIsMissingTheOldOneStays) {
    stands();
    graph_.takes_keys = false;
    key("k2");
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create")) return std::nullopt;
        return GraphError{
            .next = Next::Refused, .status = 403, .message = "Missing scope permissions."
        };
    };
    run_for(30min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
}

TEST_F(ResourceDataTest, WhereGraphRefusesThePatchItIsReplacedToo) {
    stands();
    key("k2");
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("move-key")) return std::nullopt;
        return GraphError{.next = Next::Refused, .status = 400, .message = "not updatable"};
    };
    run_for(30min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, AGraphThatNeverNamesItsCertificateGetsOneReplacementAndNoMore) {
    graph_.shows_keys = false;
    stands();
    key("k2");
    run_for(24h * 7);
    EXPECT_THAT(graph_.calls("create"), SizeIs(2));
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, AGetThatLagsBehindIsAskedOnceMore) {
    stands();
    key("k2");
    graph_.stale_gets = 1;
    run_for(10min);
    EXPECT_THAT(graph_.calls("get"), SizeIs(2));
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_EQ(active().certificate_id, "k2");
}

TEST_F(ResourceDataTest, CutOffBetweenThePatchAndTheGetTheNextProcessAsksAndGoesOn) {
    stands();
    key("k2");
    bench_->step();
    ASSERT_THAT(graph_.calls("move-key"), SizeIs(1));
    ASSERT_THAT(graph_.calls("get"), IsEmpty());
    ASSERT_EQ(active().certificate_id, "k1");
    start();
    run_for(1min);
    EXPECT_THAT(graph_.calls("get"), SizeIs(1));
    EXPECT_EQ(active().certificate_id, "k2");
    run_for(24h);
    EXPECT_THAT(graph_.calls("move-key"), SizeIs(1)) << "it had been done";
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
}

TEST_F(ResourceDataTest, CutOffWhileItIsReplacedTheNextProcessEndsWithOne) {
    stands();
    graph_.takes_keys = false;
    key("k2");
    graph_.lose_create_replies = 1;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("delete")) return GraphError{.next = Next::Aborted};
        return std::nullopt;
    };
    run_for(3min);
    ASSERT_THAT(graph_.calls("create"), SizeIs(2));
    graph_.fault = nullptr;
    start();
    run_for(2h);
    EXPECT_THAT(graph_.ids(), SizeIs(1)) << "none is missing, none is there twice";
    EXPECT_EQ(active().certificate_id, "k2");
    EXPECT_EQ(graph_.certificate_of(active().graph_id), "k2");
}

TEST_F(ResourceDataTest, ACertificateThatChangesTwiceQuicklyEndsWithTheLast) {
    stands();
    std::vector<SystemTime> touches;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("move-key")) touches.push_back(clock_.system_now());
        return std::nullopt;
    };
    key("k2");
    bench_->step();
    key("k3");
    run_for(30min);
    EXPECT_EQ(active().certificate_id, "k3");
    EXPECT_EQ(graph_.certificate_of("sub-1"), "k3");
    ASSERT_THAT(touches, SizeIs(2));
    EXPECT_GE(touches[1] - touches[0], 10min);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
}

TEST_F(ResourceDataTest, WhatGraphReallyHasIsKnownWhileItWaitsForTheNextCertificate) {
    stands();
    key("k2");
    bench_->step();
    key("k3");
    run_for(1min);
    EXPECT_THAT(certificates(), ElementsAre(Pair("k2", 1))) << "so that k2's key is not retired";
}

TEST_F(ResourceDataTest, AMoveThatFailsForEverIsRenewedAllTheSame) {
    stands();
    key("k2");
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("move-key")) return std::nullopt;
        return GraphError{.next = Next::RetryLater, .status = 500, .uncertain = true};
    };
    run_for(24h * 14);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_THAT(graph_.calls("create"), SizeIs(1)) << "it has never expired";
    EXPECT_EQ(active().certificate_id, "k1");
    EXPECT_THAT(active().last_error, HasSubstr("500"));
}

TEST_F(ResourceDataTest, SwitchedOnOrOffItIsReplacedWithoutAGap) {
    stands();
    options_.wanted[0].resource_data = false;
    EXPECT_TRUE((*bench_)->set_options(options_));
    run_for(1min);
    EXPECT_EQ(active().certificate_id, "");
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    options_.wanted[0].resource_data = true;
    EXPECT_TRUE((*bench_)->set_options(options_));
    run_for(1min);
    EXPECT_EQ(active().certificate_id, "k1");
    EXPECT_THAT(
        graph_.calls(), ElementsAre(
                            "list", "create " + kResource, "create " + kResource, "delete sub-1",
                            "create " + kResource, "delete sub-2"
                        )
    );
}

TEST_F(ResourceDataTest, AnUnansweredCreateIsTakenUpAndAskedWhichCertificateItHas) {
    key("k1");
    graph_.lose_create_replies = 1;
    start();
    bench_->step();
    key("k2");  // while nobody knows what came of it
    run_for(1h);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_EQ(active().certificate_id, "k2");
    EXPECT_EQ(graph_.certificate_of("sub-1"), "k2");
}

TEST_F(ResourceDataTest, ARetryTakesTheCertificateOfNow) {
    key("k1");
    int refusals = 1;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create") || refusals-- <= 0) return std::nullopt;
        return GraphError{.next = Next::Refused, .status = 403};
    };
    start();
    bench_->step();
    key("k2");
    run_for(1h);
    EXPECT_EQ(graph_.certificate_of("sub-1"), "k2");
    EXPECT_EQ(active().certificate_id, "k2");
    EXPECT_THAT(graph_.calls("move-key"), IsEmpty());
}

TEST_F(ResourceDataTest, ALimitOnRichLivesSaysNothingOfBasicOnes) {
    options_.wanted.push_back(test::wanted("plain", "chats/y/messages"));
    key("k1");
    bool told = false;
    graph_.before_create = [](const CreateRequest&, const std::stop_token&) {};
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call != "create " + kResource || told) return std::nullopt;
        told = true;
        return GraphError{.next = Next::Refused, .status = 400, .longest_life = 60min};
    };
    start();
    run_for(1min);
    EXPECT_EQ(active().expires_at - active().created_at, 55min);
    EXPECT_GT(active("plain").expires_at, kNow + 70h);
}

class ResourceDataTakeOverTest : public ResourceDataTest {
  protected:
    ResourceDataTakeOverTest() {
        options_.wanted[0].client_state_file = "/etc/old-state";
        options_.wanted[0].client_state = Secret("their-secret");
        GraphSubscription theirs;
        theirs.resource = kResource;
        theirs.changes = "updated";
        theirs.notification_url = "https://old.example.com/hook";
        theirs.lifecycle_url = test::kLifecycleUrl;
        theirs.expires_at = kNow + 24h * 2;
        theirs.certificate_id = "theirs";
        graph_.plant("theirs", theirs, "their-secret");
    }
};

TEST_F(ResourceDataTakeOverTest, OurUrlAndOurCertificateGoInOnePatchAndAGetProvesIt) {
    key("k1");
    start();
    run_for(1min);
    EXPECT_THAT(
        graph_.calls(), ElementsAre("list", "renew theirs", "redirect theirs", "get theirs")
    );
    EXPECT_EQ(graph_.certificate_of("theirs"), "k1");
    EXPECT_EQ(active().certificate_id, "k1");
    EXPECT_EQ(active().notification_url, test::kUrl);
}

TEST_F(ResourceDataTakeOverTest, WhereGraphIgnoresOurCertificateItIsReplaced) {
    key("k1");
    graph_.takes_keys = false;
    start();
    run_for(10min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_EQ(active().certificate_id, "k1");
}

TEST_F(ResourceDataTakeOverTest, WithoutACertificateNothingIsLedToUs) {
    start();
    run_for(24h);
    EXPECT_THAT(graph_.calls("redirect"), IsEmpty()) << "we could not read it";
    key("k1");
    run_for(1min);
    EXPECT_EQ(active().certificate_id, "k1");
    EXPECT_THAT(graph_.ids(), ElementsAre("theirs"));
}

class ResourceDataScaleTest : public ResourceDataTest {
  protected:
    ResourceDataScaleTest() { log().set_level(spdlog::level::off); }
    ~ResourceDataScaleTest() override { log().set_level(spdlog::level::info); }
};

TEST_F(ResourceDataScaleTest, ARotationOfAThousandKeepsToTheQuotaAndDelaysNobodyElse) {
    constexpr std::size_t kMany = 1'000;
    options_.wanted.clear();
    for (std::size_t i = 0; i < kMany; ++i) {
        const std::string id = std::to_string(10'000 + i);
        options_.wanted.push_back(rich("c" + id, "chats/" + id + "/messages"));
    }
    key("k1");
    start(4);
    run_for(1h);
    ASSERT_THAT(graph_.ids(), SizeIs(kMany));
    std::mutex mutex;
    std::deque<SystemTime> writes, reads;
    std::size_t most_writes = 0, most_reads = 0, moves_before_the_create = 0;
    std::size_t moves = 0;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        const std::lock_guard lock(mutex);
        const SystemTime now = clock_.system_now();
        const bool read = call.starts_with("get");
        auto& times = read ? reads : writes;
        auto& most = read ? most_reads : most_writes;
        times.push_back(now);
        while (times.front() + 20s <= now) times.pop_front();
        most = std::max(most, times.size());
        if (call.starts_with("move-key")) ++moves;
        if (call == "create users/late/messages") moves_before_the_create = moves;
        return std::nullopt;
    };
    key("k2");
    options_.wanted.push_back(test::wanted("late", "users/late/messages"));
    EXPECT_TRUE((*bench_)->set_options(options_));
    run_for(10min);
    EXPECT_EQ(moves, kMany) << "each once";
    EXPECT_LE(most_writes, 500u);
    EXPECT_LE(most_reads, 500u);
    EXPECT_LT(moves_before_the_create, 10u) << "what is new goes before";
    EXPECT_THAT(certificates(), ElementsAre(Pair("k2", kMany)));
    for (const auto& id : graph_.ids()) {
        if (id != "sub-1001") EXPECT_EQ(graph_.certificate_of(id), "k2") << id;
    }
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
}

TEST_F(ResourceDataTest, TheManagerCountsByCertificateOverAllTenants) {
    test::FakeSyncTable sync;
    auto data = std::make_shared<test::FakeGraphData>();
    auto graph = std::make_shared<test::FakeGraph>(clock_);
    options_.tenants.push_back(options_.tenants.front());
    options_.tenants.back().name = "fabrikam";
    options_.wanted.push_back(rich("theirs", "chats/y/messages"));
    options_.wanted.back().tenant = "fabrikam";
    options_.wanted.push_back(test::wanted("basic", "users/x/messages"));
    key("k1");
    SubscriptionManager manager(
        options_,
        {.table = table_,
         .sync = sync,
         .clock = clock_,
         .metrics = metrics_,
         .random = random_,
         .make_graph = [&](const Tenant&) -> SubscriptionManager::Access { return {graph, data}; },
         .certificate = [this] { return certificate_; }}
    );
    for (int i = 0; i < 6; ++i) {
        (void)manager.step();
        manager.wait_idle();
    }
    EXPECT_THAT(manager.certificates(), ElementsAre(Pair("k1", 2)));
    key("k2");
    manager.nudge();
    for (int i = 0; i < 6; ++i) {
        (void)manager.step();
        manager.wait_idle();
        clock_.advance(5s);
    }
    EXPECT_THAT(manager.certificates(), ElementsAre(Pair("k2", 2)));
}

}  // namespace
}  // namespace graphhook::subscriptions
