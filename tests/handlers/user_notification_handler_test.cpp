// From a delivery to the user who is told.

#include "handlers/user_notification/user_notification_handler.hpp"

#include "tests/handlers/fake_clock.hpp"
#include "tests/handlers/fake_notification_world.hpp"
#include "tests/handlers/small_server.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Answer = SmallServer::Answer;
using Kind = Outcome::Kind;

const std::string kUser = "8a1b2c3d-0000-4111-8222-abcdefabcdef";

class UserNotificationHandlerTest : public ::testing::Test {
  protected:
    UserNotificationHandlerTest()
        : server_([this](const auto&) { return answer_; }),
          access_(std::make_shared<FakeNotificationAccess>(
              server_.url().substr(0, server_.url().rfind('/'))
          )) {
        world_.tenants["contoso"] = access_;
        world_.unsids[kUser] = "unsid-1";
        options_.target_host_name = "notify.example.com";
        options_.title = "{kind} {change}";
    }
    std::unique_ptr<UserNotificationHandler> make(bool resource_data = false) {
        auto made = UserNotificationHandler::make("push", options_, resource_data, clock_, world_);
        EXPECT_TRUE(made.has_value());
        return std::move(*made);
    }
    Delivery delivery() {
        Delivery one;
        one.id = "7";
        one.subscription = "inbox";
        one.tenant = "contoso";
        one.kind = "message";
        one.change = "created";
        one.resource = "Users/8A1B2C3D-0000-4111-8222-ABCDEFABCDEF/Messages/AAMk";
        one.received_at = clock_.system_now();
        one.item = "{}";
        return one;
    }
    Outcome handle(const Delivery& one, bool resource_data = false) {
        const std::vector<Delivery> batch{one};
        return make(resource_data)->handle(batch, {}).at(0);
    }
    boost::json::object last_body() {
        return boost::json::parse(server_.requests().back().body).as_object();
    }

    FakeClock clock_;
    FakeNotificationWorld world_;
    Answer answer_{201, {}, false, R"({"id":"n1"})"};
    SmallServer server_;
    std::shared_ptr<FakeNotificationAccess> access_;
    UserNotificationOptions options_;
};

TEST_F(UserNotificationHandlerTest, TellsTheUserWhoseResourceChangedByTheirUnsid) {
    const auto outcome = handle(delivery());
    EXPECT_EQ(outcome.kind, Kind::Done) << outcome.reason;
    EXPECT_THAT(outcome.receipt, StartsWith(R"({"status":201,"id":"n1")"));
    EXPECT_EQ(world_.lookups, std::vector<std::string>{"contoso " + kUser});
    ASSERT_EQ(server_.requests().size(), 1U);
    EXPECT_EQ(server_.requests()[0].headers.at("x-uns-id"), "unsid-1");
    const auto body = last_body();
    EXPECT_EQ(body.at("targetHostName").as_string(), "notify.example.com");
    EXPECT_EQ(body.at("payload").at("visualContent").at("title").as_string(), "message created");
    EXPECT_FALSE(body.contains("expirationDateTime"));
    EXPECT_FALSE(body.contains("displayTimeToLive"));
}

TEST_F(UserNotificationHandlerTest, EveryFieldFollowsFromItsTemplate) {
    options_.title = "{data.subject:-(no subject)}";
    options_.body = "{data.bodyPreview}";
    options_.raw = R"({{"id":{id!json},"subject":{data.subject!json}}})";
    options_.group = "{subscription}";
    options_.app_notification_id = "{kind}-{data.id}";
    options_.priority = "{data.importance}";
    options_.expires_after = hours(1);
    options_.display_for = minutes(2);
    options_.platforms = {"ios", "windows"};
    options_.fallback = UserNotificationOptions::Fallback{seconds(90), "{change}", "{data.no}"};
    auto one = delivery();
    one.data = R"({"id":"AAMk","subject":"a\nb","bodyPreview":"x\r\ny\u0007","importance":"high"})";
    ASSERT_EQ(handle(one, true).kind, Kind::Done);
    EXPECT_EQ(
        last_body(),
        boost::json::parse(
            R"({"targetHostName":"notify.example.com","appNotificationId":"message-AAMk","groupName":"inbox",
                "expirationDateTime":"2026-11-21T01:00:00Z","displayTimeToLive":120,"priority":"High",
                "payload":{"rawContent":"{\"id\":\"7\",\"subject\":\"a\\u000ab\"}",
                           "visualContent":{"title":"a b","body":"x\r\ny "}},
                "targetPolicy":{"platformTypes":["iOS","Windows"]},
                "fallbackPolicy":{"endpointFallback":{"platformTypes":["iOS"],"fallbackDelayInSeconds":90,
                                  "visualContent":{"title":"created"}}}})"
        )
            .as_object()
    );
}

TEST_F(UserNotificationHandlerTest, EveryAttemptSaysTheSame) {
    options_.expires_after = hours(1);
    options_.display_for = minutes(1);
    auto one = delivery();
    one.received_at += microseconds(1'234'567);
    answer_ = Answer{503, {}};
    EXPECT_EQ(handle(one).blame, Outcome::Blame::Target);
    clock_.advance(minutes(30));
    one.attempt = 2;
    answer_ = Answer{201, {}, false, "{}"};
    EXPECT_EQ(handle(one).kind, Kind::Done);
    const auto requests = server_.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0].body, requests[1].body);
    // 2026-11-21T00:00:01.234Z in milliseconds since 1970.
    EXPECT_EQ(last_body().at("appNotificationId").as_string(), "push-7-1a1fb671cd2");
    EXPECT_EQ(last_body().at("expirationDateTime").as_string(), "2026-11-21T01:00:01Z");
}

TEST_F(UserNotificationHandlerTest, PastItsExpiryItIsDeadAndNeverSent) {
    options_.expires_after = hours(1);
    const auto one = delivery();
    clock_.advance(hours(1));
    const auto outcome = handle(one);
    EXPECT_EQ(outcome.kind, Kind::Dead);
    EXPECT_EQ(outcome.reason, "expirationDateTime is past");
    EXPECT_TRUE(server_.requests().empty());
    EXPECT_TRUE(world_.lookups.empty());
}

TEST_F(UserNotificationHandlerTest, LifecycleNotificationsAreDeadWithAReason) {
    auto one = delivery();
    one.lifecycle = true;
    one.change = "missed";
    const auto outcome = handle(one);
    EXPECT_EQ(outcome.kind, Kind::Dead);
    EXPECT_THAT(outcome.reason, HasSubstr("a lifecycle notification is about a subscription"));
    EXPECT_TRUE(server_.requests().empty());
}

TEST_F(UserNotificationHandlerTest, ResourceWithoutAUserIsDead) {
    auto one = delivery();
    for (const std::string resource : {"groups/1", "Users/support@contoso.com/messages/1", ""}) {
        one.resource = resource;
        const auto outcome = handle(one);
        EXPECT_EQ(outcome.kind, Kind::Dead);
        EXPECT_EQ(outcome.reason, "no_user: the resource names no user by id");
    }
    EXPECT_TRUE(server_.requests().empty());
}

TEST_F(UserNotificationHandlerTest, UserWithoutUnsidIsDeadOrSkippedAsConfigured) {
    world_.unsids.clear();
    auto outcome = handle(delivery());
    EXPECT_EQ(outcome.kind, Kind::Dead);
    EXPECT_EQ(outcome.reason, "no_unsid: the user has no live UNSID");
    options_.without_unsid = UserNotificationOptions::WithoutUnsid::Skip;
    outcome = handle(delivery());
    EXPECT_EQ(outcome.kind, Kind::Done);
    EXPECT_EQ(outcome.receipt, R"({"skipped":"no_unsid"})");
    EXPECT_TRUE(server_.requests().empty());
}

TEST_F(UserNotificationHandlerTest, StoreThatCanNotBeAskedIsARetryAndNotASkip) {
    options_.without_unsid = UserNotificationOptions::WithoutUnsid::Skip;
    world_.store_trouble = Error{Errc::Busy, "too much at once"};
    const auto outcome = handle(delivery());
    EXPECT_EQ(outcome.kind, Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    EXPECT_EQ(outcome.reason, "the UNSID could not be looked up: busy: too much at once");
}

TEST_F(UserNotificationHandlerTest, DelegatedTenantTellsItsSignedInUserWithoutAnUnsid) {
    access_->is_delegated = true;
    auto one = delivery();
    one.resource = "me/messages/1";
    EXPECT_EQ(handle(one).kind, Kind::Done);
    EXPECT_TRUE(world_.lookups.empty());
    EXPECT_FALSE(server_.requests().at(0).headers.contains("x-uns-id"));
}

TEST_F(UserNotificationHandlerTest, TenantThatIsNotConfiguredAnyMoreIsDead) {
    world_.tenants.clear();
    const auto outcome = handle(delivery());
    EXPECT_EQ(outcome.kind, Kind::Dead);
    EXPECT_THAT(outcome.reason, StartsWith("no_tenant: "));
}

TEST_F(UserNotificationHandlerTest, WhatATemplateMakesIsCheckedBeforeItIsSent) {
    options_.title = "{data.subject}";
    options_.priority = "{data.importance}";
    auto one = delivery();
    auto outcome = handle(one, true);
    EXPECT_EQ(outcome.kind, Kind::Dead);
    EXPECT_EQ(outcome.reason, "payload.visualContent.title is required");
    one.data = R"({"subject":")" + std::string(5'000, 'x') + R"(","importance":"burning"})";
    outcome = handle(one, true);
    EXPECT_EQ(
        outcome.reason,
        "priority is unknown; known are None, High and Low; payload.visualContent.title is longer "
        "than 4096 bytes"
    );
    EXPECT_TRUE(server_.requests().empty());
    options_.most_content_bytes = 8'192;
    one.data = R"({"subject":")" + std::string(5'000, 'x') + R"(","importance":"normal"})";
    EXPECT_EQ(handle(one, true).kind, Kind::Done);
    EXPECT_FALSE(last_body().contains("priority"));
}

}  // namespace
}  // namespace graphhook::handlers
