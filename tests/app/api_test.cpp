#include "app/api/api.hpp"

#include "store/metrics.hpp"
#include "subscriptions/sync/store_sync_table.hpp"
#include "tests/support/hand_clock.hpp"
#include "tests/support/open_store.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <prometheus/registry.h>

namespace graphhook::app {
namespace {

using receiver::AdminReply;
using receiver::AdminRequest;
using receiver::Method;

class ApiTest : public ::testing::Test {
  protected:
    AdminReply get(const std::string& path, const std::string& query = "") {
        return api.call({.method = Method::Get, .path = path, .query = query});
    }
    AdminReply post(const std::string& path, const std::string& body, bool may_repair = true) {
        return api.call(
            {.method = Method::Post,
             .path = path,
             .body = body,
             .who = "t",
             .may_repair = may_repair}
        );
    }

    /// Puts one notification in, for a handler that is attached and never asks.
    void store_one() {
        const auto attached = wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store::Attachment attachment;
            attachment.handler = "audit";
            attachment.accepts = [](const store::Stream&) { return true; };
            attachment.on_work = [] {};
            store->attach(std::move(attachment), std::move(done));
        });
        ASSERT_TRUE(attached);
        const auto appended = wait_for<store::Appended>([&](Completion<store::Appended> done) {
            store::Item item;
            item.stream = std::make_shared<store::Stream>(
                store::Stream{store::Lane::Change, "contoso", "inbox", "message", "created"}
            );
            item.subscription_id = "s";
            item.resource = "users/x/messages/1";
            item.body = R"({"id":"1"})";
            std::vector<store::Item> items;
            items.push_back(std::move(item));
            store->append(std::move(items), real_clock().system_now(), std::move(done));
        });
        ASSERT_TRUE(appended);
    }

    /// What waits for `audit` was proved false.
    void quarantine_one(const std::string& reason) {
        const auto leased =
            wait_for<std::vector<store::Delivery>>([&](Completion<std::vector<store::Delivery>> done
                                                   ) {
                store::LeaseRequest request;
                request.handler = "audit";
                store->lease(std::move(request), std::move(done));
            });
        ASSERT_TRUE(leased);
        ASSERT_EQ(leased->size(), 1U);
        const auto settled = wait_for<std::size_t>([&](Completion<std::size_t> done) {
            store::Settlement settlement;
            settlement.id = leased->front().id;
            settlement.attempt = leased->front().attempt;
            settlement.as = store::SettleAs::Quarantine;
            settlement.reason = reason;
            store->settle("audit", {settlement}, std::move(done));
        });
        ASSERT_TRUE(settled);
    }

    test::OpenStore store;
    prometheus::Registry registry;
    subscriptions::Metrics metrics{registry};
    subscriptions::StoreSubscriptionTable table{*store};
    subscriptions::StoreSyncTable sync{*store, real_clock()};
    subscriptions::SubscriptionManager manager{
        {}, {.table = table, .sync = sync, .clock = real_clock(), .metrics = metrics}
    };
    Api api{Api::Parts{
        .store = *store,
        .subscriptions = manager,
        .clock = real_clock(),
        .state = [] { return std::string_view("ready"); },
        .started_at = real_clock().system_now()
    }};
};

TEST_F(ApiTest, ShowsStatusDeliveriesAndANotificationWithItsItem) {
    store_one();
    const auto status = boost::json::parse(get("/status").body);
    EXPECT_EQ(status.at("state").as_string(), "ready");
    EXPECT_EQ(status.at("store").at("notifications").to_number<int>(), 1);
    const auto listed = get("/deliveries", "state=waiting&handler=audit&limit=10");
    ASSERT_EQ(listed.status, 200U);
    const auto rows = boost::json::parse(listed.body).as_array();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("subscription").as_string(), "inbox");
    const auto id = std::string(rows[0].at("id").as_string());
    const auto shown = boost::json::parse(get("/notifications/" + id).body);
    EXPECT_EQ(shown.at("item").at("id").as_string(), "1");
    EXPECT_EQ(shown.at("deliveries").as_array().size(), 1U);
    for (const auto* path :
         {"/handlers", "/dead-letters", "/subscriptions", "/sweeps", "/templates", "/progress",
          "/refused", "/quarantine", "/keys", "/unsids"}) {
        const auto reply = get(path);
        EXPECT_EQ(reply.status, 200U) << path;
        EXPECT_TRUE(boost::json::parse(reply.body).is_array()) << path;
    }
}

TEST_F(ApiTest, AnswersWhatItDoesNotKnowWithAReason) {
    const auto status_of = [](const AdminReply& reply) {
        EXPECT_TRUE(boost::json::parse(reply.body).at("error").is_string());
        return reply.status;
    };
    EXPECT_EQ(status_of(get("/")), 404U);
    EXPECT_EQ(status_of(get("/nothing")), 404U);
    EXPECT_EQ(status_of(get("/notifications/41")), 404U);
    EXPECT_EQ(status_of(get("/notifications/x")), 400U);
    EXPECT_EQ(status_of(get("/subscriptions/nobody")), 404U);
    EXPECT_EQ(status_of(get("/deliveries", "state=asleep")), 400U);
    EXPECT_EQ(status_of(get("/deliveries", "after=x")), 400U);
    EXPECT_EQ(status_of(get("/plan", "allow_delete=-1")), 400U);
    EXPECT_EQ(status_of(get("/plan", "limit=x")), 400U);
    EXPECT_EQ(status_of(get("/subscriptions", "limit=x")), 400U);
    EXPECT_EQ(status_of(get("/sweeps", "limit=-1")), 400U);
    EXPECT_EQ(status_of(post("/subscriptions/nobody/sweep", "{}")), 404U);
    EXPECT_EQ(status_of(post("/subscriptions/nobody/expand", "{}")), 404U);
    EXPECT_EQ(status_of(post("/subscriptions/nobody/dance", "{}")), 404U);
    EXPECT_EQ(status_of(get("/a b%")), 400U);
    EXPECT_EQ(status_of(post("/replay", "{")), 400U);
    EXPECT_EQ(status_of(post("/replay", "{}")), 400U);
    EXPECT_EQ(status_of(post("/apply", R"({"allow_delete":"x"})")), 400U);
    EXPECT_EQ(status_of(post("/subscriptions/nobody/renew", "{}")), 404U);
    EXPECT_EQ(status_of(post("/nothing", "{}")), 404U);
    EXPECT_EQ(
        status_of(api.call({.method = Method::Put, .path = "/replay", .may_repair = true})), 405U
    );
    EXPECT_EQ(
        status_of(api.call(
            {.method = Method::Delete, .path = "/subscriptions/nobody", .may_repair = true}
        )),
        404U
    );
}

TEST_F(ApiTest, APlanHasASummaryAndAnEstimate) {
    const auto reply = get("/plan", "all=1");
    ASSERT_EQ(reply.status, 200U);
    const auto plan = boost::json::parse(reply.body);
    EXPECT_EQ(plan.at("summary").at("create").to_number<int>(), 0);
    EXPECT_EQ(plan.at("estimate_seconds").to_number<int>(), 0);
    EXPECT_TRUE(plan.at("steps").is_array());
    const auto swept = post("/sweep", "{}");
    EXPECT_EQ(swept.status, 202U);
    EXPECT_EQ(boost::json::parse(swept.body).at("sweeping").to_number<int>(), 0);
}

TEST_F(ApiTest, WhoMayOnlyReadRepairsNothing) {
    EXPECT_EQ(post("/sweep", "{}", false).status, 403U);
    EXPECT_EQ(post("/dead-letters/drop", R"({"all":true})", false).status, 403U);
    EXPECT_EQ(post("/dead-letters/drop", R"({"all":true})").status, 200U);
}

TEST_F(ApiTest, TheQuarantineIsListedShownRetriedAndDropped) {
    store_one();
    quarantine_one("token_signature: no key verifies it");
    const auto rows = [&](const std::string& query) {
        return boost::json::parse(get("/quarantine", query).body).as_array();
    };
    ASSERT_EQ(rows("").size(), 1U);
    EXPECT_EQ(rows("reason=token_signature").size(), 1U);
    // A label, not just the beginning of one.
    EXPECT_TRUE(rows("reason=token").empty());
    EXPECT_EQ(rows("")[0].at("state").as_string(), "quarantined");
    const auto status = boost::json::parse(get("/status").body);
    EXPECT_EQ(status.at("store").at("quarantined").at("token_signature").to_number<int>(), 1);
    const auto count = [&](const AdminReply& reply, const char* member) {
        EXPECT_EQ(reply.status, 200U) << reply.body;
        return boost::json::parse(reply.body).at(member).to_number<int>();
    };
    EXPECT_EQ(post("/quarantine/retry", R"({"all":true})", false).status, 403U);
    EXPECT_EQ(post("/quarantine/retry", "{}").status, 400U);
    EXPECT_EQ(count(post("/quarantine/retry", R"({"all":true})"), "retried"), 1);
    EXPECT_TRUE(rows("").empty());
    quarantine_one("data_key: not for this key");
    EXPECT_EQ(count(post("/quarantine/drop", R"({"all":true})"), "dropped"), 1);
    EXPECT_TRUE(rows("").empty());
}

TEST_F(ApiTest, AReceiptIsShownAsTheObjectThatItIs) {
    store_one();
    const auto leased =
        wait_for<std::vector<store::Delivery>>([&](Completion<std::vector<store::Delivery>> done) {
            store::LeaseRequest request;
            request.handler = "audit";
            store->lease(std::move(request), std::move(done));
        });
    ASSERT_TRUE(leased);
    ASSERT_EQ(leased->size(), 1U);
    const auto rows = [&](const char* path) {
        return boost::json::parse(get(path).body).as_array();
    };
    EXPECT_TRUE(rows("/deliveries")[0].at("receipt").is_null());
    const auto settled = wait_for<std::size_t>([&](Completion<std::size_t> done) {
        store::Settlement settlement;
        settlement.id = leased->front().id;
        settlement.attempt = leased->front().attempt;
        settlement.as = store::SettleAs::Dead;
        settlement.reason = "400";
        settlement.receipt = R"({"status":400,"requestId":"r-1"})";
        store->settle("audit", {settlement}, std::move(done));
    });
    ASSERT_TRUE(settled);
    for (const auto* path : {"/deliveries", "/dead-letters"}) {
        const auto listed = rows(path);
        ASSERT_EQ(listed.size(), 1U) << path;
        EXPECT_EQ(listed[0].at("receipt").at("requestId").as_string(), "r-1");
    }
    const auto id = std::string(rows("/deliveries")[0].at("id").as_string());
    const auto shown = boost::json::parse(get("/notifications/" + id).body);
    EXPECT_EQ(shown.at("deliveries").at(0).at("receipt").at("status").to_number<int>(), 400);
}

TEST_F(ApiTest, UnsidsAreListedAndDroppedByWhoMayRepair) {
    const auto now = real_clock().system_now();
    const std::string tenant = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    const std::string user = "3f0c8a52-9d0e-4b52-8a3e-2f5f0c3f7a10";
    const auto put = [&](const std::string& unsid, std::chrono::hours lives) {
        const auto done = wait_for<store::UnsidPut>([&](Completion<store::UnsidPut> completion) {
            store->put_unsid(
                {tenant, user, unsid, "ios", "c", now + lives, now}, std::move(completion)
            );
        });
        ASSERT_TRUE(done);
    };
    put("a", std::chrono::hours(1));
    put("b", std::chrono::hours(1));
    put("long", std::chrono::hours(3));
    // Two hours on.
    test::HandClock clock(now + std::chrono::hours(2));
    Api later(Api::Parts{
        .store = *store,
        .subscriptions = manager,
        .clock = clock,
        .state = [] { return std::string_view("ready"); },
        .started_at = now
    });
    const auto count = [&](const std::string& query) {
        const auto reply = later.call({.method = Method::Get, .path = "/unsids", .query = query});
        EXPECT_EQ(reply.status, 200U) << reply.body;
        return boost::json::parse(reply.body).as_array().size();
    };
    EXPECT_EQ(count(""), 1U);
    EXPECT_EQ(count("all=1"), 3U);
    EXPECT_EQ(count("all=1&limit=2"), 2U);
    EXPECT_EQ(count("all=1&unsid=a&user_id=" + user), 1U);
    EXPECT_EQ(count("all=1&tenant_id=" + user), 0U);
    EXPECT_EQ(get("/unsids", "user_id=someone").status, 400U);
    const auto status = boost::json::parse(get("/status").body);
    EXPECT_EQ(status.at("store").at("unsids").at("ios").to_number<int>(), 3);

    EXPECT_EQ(post("/unsids/drop", R"({"unsid":"a"})", false).status, 403U);
    for (const auto* bad :
         {"[]", "{}", R"({"all":true})", R"({"unsid":7})", R"({"unsid":""})", R"({"unsids":"a"})",
          R"({"tenant_id":"84bd8158-6d4d-4958-8b9f-9d6445542f95"})", R"({"user_id":"x"})",
          R"({"unsid":"a","all":true})", R"({"unsid":"a b"})", R"({"unsid":"a","all":1})"}) {
        EXPECT_EQ(post("/unsids/drop", bad).status, 400U) << bad;
    }
    EXPECT_EQ(count("all=1"), 3U);
    const auto dropped = [&](const std::string& body) {
        const auto reply = post("/unsids/drop", body);
        EXPECT_EQ(reply.status, 200U) << reply.body;
        return boost::json::parse(reply.body).at("dropped").to_number<int>();
    };
    EXPECT_EQ(dropped(R"({"unsid":"a"})"), 1);
    EXPECT_EQ(dropped(R"({"unsid":"a"})"), 0);
    EXPECT_EQ(dropped(R"({"tenant_id":")" + tenant + R"(","all":true})"), 2);
    EXPECT_EQ(count("all=1"), 0U);
}

TEST_F(ApiTest, PausingIsSeenInTheList) {
    store_one();
    EXPECT_EQ(post("/handlers/audit/pause", "{}").status, 200U);
    const auto rows = boost::json::parse(get("/handlers").body).as_array();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0].at("paused").as_bool());
    EXPECT_EQ(rows[0].at("waiting").to_number<int>(), 1);
}

}  // namespace
}  // namespace graphhook::app
