// What endpoints are told (protocol 10.2, 10.8), the limits of a user (10.9), and who may be
// notified (10.6), without sockets.
#include "emulator/user_notifications/feed.hpp"
#include "emulator/user_notifications/service.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/fake_clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using std::chrono::hours;
using std::chrono::seconds;
using test::FakeClock;
using test::somebody;
using test::someone;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PostedNotification visual(const std::string& title) {
    PostedNotification made;
    made.host = "notify.example.com";
    made.visual = Visual{title, std::nullopt};
    return made;
}

class UserFeedTest : public testing::Test {
  protected:
    SystemTime now() { return clock_.system_now(); }
    void endpoint(const std::string& id, Platform platform, seconds life = hours(24 * 60)) {
        FeedEndpoint made;
        made.id = id;
        made.platform = platform;
        made.expires = now() + life;
        ASSERT_TRUE(feed_.add(std::move(made), now()));
    }
    UserFeed::Stored put(PostedNotification notification, const std::string& id) {
        return feed_.put(std::move(notification), id, now());
    }
    /// What an endpoint has not been told yet: "n1 Active Unread NoInteraction title".
    std::vector<std::string> news(const std::string& endpoint) {
        const auto page = feed_.read(endpoint, cursors_[endpoint], 1'000, now()).value();
        cursors_[endpoint] = page.at("cursor").to_number<std::uint64_t>();
        std::vector<std::string> lines;
        for (const auto& one : page.at("notifications").as_array()) {
            std::string line;
            for (const auto* member : {"id", "status", "readState", "userActionState"})
                line += std::string(one.at(member).as_string()) + " ";
            const auto& shown = one.at("visualContent");
            lines.push_back(
                line + (shown.is_object() ? std::string(shown.at("title").as_string()) : "-")
            );
        }
        return lines;
    }
    bool act(const std::string& endpoint, const std::string& id, UserAct what) {
        return static_cast<bool>(feed_.act(endpoint, id, what, now()));
    }
    static UserAct dismissed() { return {ReadState::Read, UserAction::Dismissed}; }

    FakeClock clock_;
    UserFeed feed_;
    std::map<std::string, std::uint64_t> cursors_;
};

TEST_F(UserFeedTest, EveryLiveEndpointIsToldOnce) {
    endpoint("a", Platform::Windows);
    endpoint("b", Platform::Ios);
    EXPECT_EQ(put(visual("t"), "n1").endpoints, 2U);
    EXPECT_THAT(news("a"), ElementsAre("n1 Active Unread NoInteraction t"));
    EXPECT_THAT(news("b"), ElementsAre("n1 Active Unread NoInteraction t"));
    EXPECT_THAT(news("a"), IsEmpty());
}

TEST_F(UserFeedTest, TheTargetPolicyChoosesPlatforms) {
    endpoint("a", Platform::Windows);
    endpoint("b", Platform::Android);
    auto one = visual("t");
    one.platforms = {Platform::Android, Platform::Ios};
    EXPECT_EQ(put(one, "n1").endpoints, 1U);
    EXPECT_THAT(news("a"), IsEmpty());
    EXPECT_EQ(news("b").size(), 1U);
}

TEST_F(UserFeedTest, WhatIsDismissedAtOneIsDismissedAtTheOthersButNotInABrowser) {
    for (const auto& [id, platform] :
         {std::pair("a", Platform::Windows), std::pair("b", Platform::Ios),
          std::pair("c", Platform::Android), std::pair("w", Platform::WebPush)})
        endpoint(id, platform);
    put(visual("t"), "n1");
    for (const auto* id : {"a", "b", "c", "w"}) EXPECT_EQ(news(id).size(), 1U);
    clock_.advance(seconds(5));
    EXPECT_TRUE(act("a", "n1", dismissed()));
    EXPECT_THAT(news("a"), IsEmpty()) << "who did it knows";
    EXPECT_THAT(news("b"), ElementsAre("n1 Active Read Dismissed t"));
    EXPECT_THAT(news("c"), ElementsAre("n1 Active Read Dismissed t"));
    EXPECT_THAT(news("w"), IsEmpty());
    EXPECT_TRUE(act("a", "n1", dismissed()));
    EXPECT_THAT(news("b"), IsEmpty()) << "nothing new";
    cursors_["a"] = 0;
    EXPECT_THAT(news("a"), ElementsAre("n1 Active Read Dismissed t"));
}

TEST_F(UserFeedTest, WhatIsReadInABrowserIsReadAtTheOthers) {
    endpoint("w", Platform::WebPush);
    endpoint("v", Platform::WebPush);
    endpoint("a", Platform::Windows);
    put(visual("t"), "n1");
    news("a");
    news("v");
    EXPECT_TRUE(act("w", "n1", {ReadState::Read, std::nullopt}));
    EXPECT_THAT(news("a"), ElementsAre("n1 Active Read NoInteraction t"));
    EXPECT_THAT(news("v"), IsEmpty());
}

TEST_F(UserFeedTest, AnEndpointWhoseSubscriptionIsOverGetsNothing) {
    endpoint("a", Platform::Windows, hours(1));
    endpoint("b", Platform::Ios);
    clock_.advance(hours(1));
    EXPECT_EQ(put(visual("t"), "n1").endpoints, 1U);
    EXPECT_THAT(news("a"), IsEmpty());
    EXPECT_EQ(feed_.renew("a", now() + hours(1), now()).error().code, Errc::Refused);
    EXPECT_EQ(feed_.act("a", "n1", dismissed(), now()).error().code, Errc::Refused);
    EXPECT_EQ(feed_.renew("x", now() + hours(1), now()).error().code, Errc::NotFound);
}

TEST_F(UserFeedTest, ARenewedEndpointGoesOn) {
    endpoint("a", Platform::Windows, hours(1));
    clock_.advance(hours(1) - seconds(1));
    EXPECT_TRUE(feed_.renew("a", now() + hours(1), now()));
    clock_.advance(hours(1) - seconds(1));
    EXPECT_EQ(put(visual("t"), "n1").endpoints, 1U);
}

TEST_F(UserFeedTest, WithoutEndpointsItIsKeptForOneThatRegistersLater) {
    EXPECT_EQ(put(visual("t"), "n1").endpoints, 0U);
    clock_.advance(kUsualLife - seconds(1));
    endpoint("a", Platform::Windows);
    EXPECT_THAT(news("a"), ElementsAre("n1 Active Unread NoInteraction t"));
    clock_.advance(seconds(1));
    endpoint("b", Platform::Windows);
    EXPECT_THAT(news("b"), IsEmpty()) << "it is over";
}

TEST_F(UserFeedTest, ANewEndpointSeesWhatTheUserDidBefore) {
    endpoint("a", Platform::Windows);
    put(visual("t"), "n1");
    EXPECT_TRUE(act("a", "n1", dismissed()));
    endpoint("b", Platform::Ios);
    endpoint("w", Platform::WebPush);
    EXPECT_THAT(news("b"), ElementsAre("n1 Active Read Dismissed t"));
    EXPECT_THAT(news("w"), ElementsAre("n1 Active Unread NoInteraction t"));
}

TEST_F(UserFeedTest, ItIsDeletedWhenItExpiresAndThenForgotten) {
    endpoint("a", Platform::Windows);
    endpoint("w", Platform::WebPush);
    auto one = visual("t");
    one.expires = now() + seconds(60);
    put(one, "n1");
    news("a");
    news("w");
    clock_.advance(seconds(60));
    EXPECT_THAT(news("a"), ElementsAre("n1 Deleted Unread NoInteraction -"));
    EXPECT_THAT(news("w"), ElementsAre("n1 Deleted Unread NoInteraction -"));
    EXPECT_EQ(feed_.act("a", "n1", dismissed(), now()).error().code, Errc::Conflict);
    clock_.advance(hours(24));
    cursors_["a"] = 0;
    EXPECT_THAT(news("a"), IsEmpty());
    EXPECT_EQ(feed_.act("a", "n1", dismissed(), now()).error().code, Errc::NotFound);
}

TEST_F(UserFeedTest, WhatIsDeletedAtOneIsDeletedEverywhere) {
    endpoint("a", Platform::Windows);
    endpoint("w", Platform::WebPush);
    put(visual("t"), "n1");
    news("w");
    EXPECT_TRUE(feed_.erase("a", "n1", now()));
    EXPECT_THAT(news("w"), ElementsAre("n1 Deleted Unread NoInteraction -"));
    EXPECT_EQ(feed_.size(now()), 0U);
}

TEST_F(UserFeedTest, TheSameAppNotificationIdReplacesAndARetryChangesNothing) {
    endpoint("a", Platform::Windows);
    auto one = visual("t");
    one.app_id = "order-1";
    put(one, "n1");
    EXPECT_TRUE(act("a", "n1", dismissed()));
    news("a");
    const auto again = put(one, "n2");
    EXPECT_TRUE(again.replaced);
    EXPECT_EQ(again.id, "n1");
    EXPECT_EQ(again.endpoints, 1U);
    EXPECT_THAT(news("a"), IsEmpty()) << "a retry must not show it twice";
    one.visual->title = "new";
    EXPECT_EQ(put(one, "n3").id, "n1");
    EXPECT_THAT(news("a"), ElementsAre("n1 Active Unread NoInteraction new"));
    one.platforms = {Platform::Ios};
    put(one, "n4");
    EXPECT_THAT(news("a"), ElementsAre("n1 Deleted Unread NoInteraction -"));
    EXPECT_EQ(put(visual("t"), "n5").id, "n5") << "without an id of the app each is another";
    EXPECT_EQ(put(visual("t"), "n6").id, "n6");
}

TEST_F(UserFeedTest, AfterItsEndAnIdIsFreeAgain) {
    auto one = visual("t");
    one.app_id = "order-1";
    put(one, "n1");
    clock_.advance(kUsualLife);
    EXPECT_EQ(put(one, "n2").id, "n2");
    clock_.advance(hours(24));
    EXPECT_EQ(put(one, "n3").id, "n2") << "forgetting the first leaves the second alone";
}

TEST_F(UserFeedTest, OnIosTheFallbackIsShownWhenTheRawOneWasNotHandled) {
    endpoint("i", Platform::Ios);
    endpoint("j", Platform::Ios);
    endpoint("a", Platform::Windows);
    PostedNotification one;
    one.raw = "raw";
    one.platforms = {Platform::Ios, Platform::Windows};
    one.fallback = IosFallback{seconds(60), Visual{"look", std::nullopt}};
    put(one, "n1");
    for (const auto* id : {"i", "j", "a"})
        EXPECT_THAT(news(id), ElementsAre("n1 Active Unread NoInteraction -"));
    clock_.advance(seconds(59));
    EXPECT_THAT(news("i"), IsEmpty());
    clock_.advance(seconds(1));
    EXPECT_THAT(news("i"), ElementsAre("n1 Active Unread NoInteraction look"));
    EXPECT_THAT(news("a"), IsEmpty());
    put(one, "n2");
    EXPECT_TRUE(act("j", "n2", {ReadState::Read, std::nullopt}));
    for (const auto* id : {"i", "j"}) news(id);
    clock_.advance(seconds(60));
    EXPECT_THAT(news("i"), IsEmpty()) << "it was read at the other";
    EXPECT_THAT(news("j"), IsEmpty());
}

TEST_F(UserFeedTest, AReadGoesOnFromItsCursorPageByPage) {
    endpoint("a", Platform::Windows);
    for (int i = 0; i < 5; ++i) put(visual("t"), "n" + std::to_string(i));
    std::uint64_t cursor = 0;
    std::size_t found = 0;
    for (int page = 0; page < 3; ++page) {
        const auto read = feed_.read("a", cursor, 2, now()).value();
        found += read.at("notifications").as_array().size();
        cursor = read.at("cursor").to_number<std::uint64_t>();
        EXPECT_EQ(read.at("more").as_bool(), page < 2);
    }
    EXPECT_EQ(found, 5U);
}

TEST_F(UserFeedTest, AVisualOneIsAlwaysOfHighPriority) {
    endpoint("a", Platform::Windows);
    auto one = visual("t");
    one.priority = "Low";
    put(one, "n1");
    PostedNotification silent;
    silent.raw = "r";
    silent.priority = "Low";
    put(silent, "n2");
    const auto read = feed_.read("a", 0, 10, now()).value().at("notifications").as_array();
    EXPECT_EQ(read.at(0).at("priority").as_string(), "High");
    EXPECT_EQ(read.at(1).at("priority").as_string(), "Low");
    EXPECT_EQ(read.at(1).at("content").as_string(), "r");
}

TEST(UserActTest, OnlyKnownStatesAreTaken) {
    const auto taken = [](std::string_view json) {
        return static_cast<bool>(read_user_act(boost::json::parse(json).as_object()));
    };
    EXPECT_TRUE(taken(R"({"readState":"Read"})"));
    EXPECT_TRUE(taken(R"({"userActionState":"Activated","readState":"Unread"})"));
    EXPECT_FALSE(taken("{}"));
    EXPECT_FALSE(taken(R"({"readState":"read"})"));
    EXPECT_FALSE(taken(R"({"userActionState":7})"));
    EXPECT_FALSE(taken(R"({"status":"Deleted"})"));
}

TEST(UserLimitsTest, AUserHasLimitsForReadingAndForWriting) {
    FakeClock clock;
    UserLimits limits(true);
    const auto taken = [&](const std::string& user, UserLimits::Kind kind, int count) {
        int found = 0;
        for (int i = 0; i < count; ++i) found += limits.ask(user, kind, clock.steady_now()) ? 0 : 1;
        return found;
    };
    EXPECT_EQ(taken("ann", UserLimits::Kind::Write, 150), 100);
    EXPECT_EQ(taken("ann", UserLimits::Kind::Read, 500), 400);
    EXPECT_EQ(taken("ben", UserLimits::Kind::Write, 150), 100);
    EXPECT_EQ(limits.ask("ann", UserLimits::Kind::Write, clock.steady_now()), seconds(300));
    int writes = 100;
    int reads = 400;
    for (int span = 0; span < 100; ++span) {
        clock.advance(seconds(300));
        writes += taken("ann", UserLimits::Kind::Write, 110);
        reads += taken("ann", UserLimits::Kind::Read, 410);
    }
    EXPECT_EQ(writes, 8'000);
    EXPECT_EQ(reads, 12'000);
    clock.advance(hours(24));
    EXPECT_EQ(taken("ann", UserLimits::Kind::Write, 110), 100);
}

TEST(UserLimitsTest, SwitchedOffTheyCountAndRefuseNothing) {
    FakeClock clock;
    UserLimits limits(false);
    for (int i = 0; i < 500; ++i)
        EXPECT_FALSE(limits.ask("ann", UserLimits::Kind::Write, clock.steady_now()));
    EXPECT_EQ(limits.to_json().at("refused"), 0);
}

class UserNotificationsTest : public testing::Test {
  protected:
    UserNotificationsTest() { start({}); }
    void start(UserNotifications::Options options) {
        service_ = std::make_unique<UserNotifications>(std::move(options), clock_);
    }
    object endpoint(const Caller& user, const std::string& app, Platform platform = Platform::Ios) {
        UserNotifications::NewEndpoint made;
        made.owner = {app, user.tenant, user.user, user.user_name, user.personal};
        made.client = user.app;
        made.platform = platform;
        made.life = hours(1);
        return service_->add_endpoint(std::move(made)).value();
    }
    static std::string unsid_of(const object& endpoint) {
        return std::string(endpoint.at("userNotificationSubscriptionId").as_string());
    }
    Response post(
        const Caller& caller, const std::string& unsid,
        std::string body = R"({"targetHostName":"h","payload":{"rawContent":"r"}})"
    ) {
        Request request;
        request.method = "POST";
        request.base = "https://localhost:1";
        request.headers = {{"content-type", "application/json"}};
        if (!unsid.empty()) request.headers.emplace_back("x-uns-id", unsid);
        request.body = std::move(body);
        return service_->post(request, caller, {"id", "id"});
    }
    FakeClock clock_;
    std::unique_ptr<UserNotifications> service_;
};

TEST_F(UserNotificationsTest, AllEndpointsOfAnAppAndAUserShareOneUnsid) {
    const auto first = unsid_of(endpoint(somebody(), "app-1"));
    EXPECT_EQ(unsid_of(endpoint(somebody(), "APP-1", Platform::Windows)), first);
    EXPECT_NE(unsid_of(endpoint(somebody(), "app-2")), first);
    auto other = somebody();
    other.user = "1f0d2c9a-1111-4222-8333-444455556666";
    EXPECT_NE(unsid_of(endpoint(other, "app-1")), first);
}

TEST_F(UserNotificationsTest, UnknownForeignAndExpiredUnsidsAreRefused) {
    const auto unsid = unsid_of(endpoint(somebody(), "app-1"));
    EXPECT_EQ(post(someone(), unsid).status, 201);
    EXPECT_EQ(post(someone(), "another").status, 403);
    auto stranger = someone();
    stranger.app = "app-2";
    EXPECT_EQ(post(stranger, unsid).status, 403);
    stranger = someone();
    stranger.tenant = "elsewhere";
    EXPECT_EQ(post(stranger, unsid).status, 403);
    clock_.advance(hours(1));
    EXPECT_EQ(post(someone(), unsid).status, 403);
    EXPECT_EQ(unsid_of(endpoint(somebody(), "app-1")), unsid);
    EXPECT_EQ(post(someone(), unsid).status, 201);
}

TEST_F(UserNotificationsTest, WhenTheUserIsSignedOutEverywhereItIsStoredAllTheSame) {
    const auto first = endpoint(somebody(), "app-1");
    ASSERT_TRUE(service_->remove_endpoint(std::string(first.at("endpointId").as_string())));
    EXPECT_EQ(post(someone(), unsid_of(first)).status, 201);
    const auto next = endpoint(somebody(), "app-1");
    const std::string id(next.at("endpointId").as_string());
    const auto read = service_->feed_of(id)->read(id, 0, 10, clock_.system_now()).value();
    EXPECT_EQ(read.at("notifications").as_array().size(), 1U);
}

TEST_F(UserNotificationsTest, ASignedInUserIsNotifiedWithThePermissionOnly) {
    EXPECT_EQ(post(somebody(), "").status, 201);
    auto caller = somebody();
    caller.scopes = {"Notifications.ReadWrite.CreatedByApp"};
    EXPECT_EQ(post(caller, "").status, 201);
    caller.scopes = {"User.Read"};
    EXPECT_EQ(post(caller, "").status, 403);
    auto other = somebody();
    other.user = "1f0d2c9a-1111-4222-8333-444455556666";
    EXPECT_EQ(post(somebody(), unsid_of(endpoint(other, "app-1"))).status, 403);
}

TEST_F(UserNotificationsTest, AnAppNeedsNoRole) {
    auto caller = someone();
    caller.roles.clear();
    EXPECT_EQ(post(caller, unsid_of(endpoint(somebody(), "app-1"))).status, 201);
}

TEST_F(UserNotificationsTest, BeyondTheLimitsIs406AfterEverythingElse) {
    start({.limits = true});
    const auto unsid = unsid_of(endpoint(somebody(), "app-1"));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(post(someone(), unsid).status, 201);
    const auto refused = post(someone(), unsid);
    EXPECT_EQ(refused.status, 406);
    EXPECT_THAT(refused.body, HasSubstr("NotAcceptable"));
    EXPECT_EQ(post(someone(), unsid, "[]").status, 400);
    EXPECT_EQ(post(someone(), "another").status, 403);
    clock_.advance(seconds(300));
    EXPECT_EQ(post(someone(), unsid).status, 201);
}

TEST_F(UserNotificationsTest, WhatWasPostedIsListedTakenOrRefused) {
    const auto unsid = unsid_of(endpoint(somebody(), "app-1"));
    post(
        someone(), unsid,
        R"({"targetHostName":"h","payload":{"rawContent":"r"},)"
        R"("appNotificationId":"order-1"})"
    );
    post(someone(), unsid, R"({"appNotificationId":"order-2"})");
    post(someone(), unsid, "{");
    const auto all = service_->received().page(0, 10).at("received").as_array();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all.at(0).at("status"), 201);
    EXPECT_EQ(all.at(0).at("endpoints"), 1);
    EXPECT_EQ(all.at(1).at("status"), 400);
    EXPECT_EQ(all.at(1).at("appNotificationId").as_string(), "order-2");
    EXPECT_EQ(all.at(1).at("unsid").as_string(), unsid);
    EXPECT_TRUE(all.at(2).at("notification").is_null());
    const auto page = service_->received().page(1, 1);
    EXPECT_EQ(page.at("received").at(0).at("number"), 2);
    EXPECT_EQ(page.at("next"), 2);
    EXPECT_TRUE(service_->received().page(3, 1).at("received").as_array().empty());
}

TEST_F(UserNotificationsTest, AResetMayKeepTheEndpoints) {
    const auto unsid = unsid_of(endpoint(somebody(), "app-1"));
    EXPECT_EQ(post(someone(), unsid).status, 201);
    service_->clear(true);
    EXPECT_EQ(service_->endpoints().size(), 1U);
    EXPECT_EQ(service_->received().count(), 0U);
    EXPECT_EQ(post(someone(), unsid).status, 201);
    service_->clear(false);
    EXPECT_TRUE(service_->endpoints().empty());
    EXPECT_EQ(post(someone(), unsid).status, 403);
}

}  // namespace
}  // namespace graphhook::emulator
