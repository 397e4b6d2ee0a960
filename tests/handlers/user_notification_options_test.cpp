// What the configuration of a user_notification handler may say.

#include "handlers/factory.hpp"
#include "handlers/user_notification/options_check.hpp"
#include "tests/handlers/fake_clock.hpp"
#include "tests/handlers/fake_notification_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::StartsWith;

UserNotificationOptions sound() {
    UserNotificationOptions options;
    options.target_host_name = "notify.example.com";
    options.title = "{item.changeType}";
    return options;
}

std::string problems(const UserNotificationOptions& options, bool resource_data = false) {
    return to_text(check_options(options, resource_data));
}

TEST(UserNotificationOptionsTest, SoundOnesHaveNoProblems) {
    EXPECT_EQ(problems(sound()), "");
    auto all = sound();
    all.body = "{data.bodyPreview}\n{id}";
    all.raw = R"({{"id":{id!json}}})";
    all.group = "{kind}";
    all.app_notification_id = "{kind}-{id}";
    all.priority = "{data.importance}";
    all.expires_after = hours(30 * 24);
    all.display_for = seconds(1);
    all.platforms = {"windows", "iOS"};
    all.fallback = UserNotificationOptions::Fallback{seconds(600), "{data.subject}", ""};
    all.url = "https://notify.example.com/beta/me/notifications";
    EXPECT_EQ(problems(all, true), "");
    for (const std::string priority : {"", "none", "Low", "HIGH", "normal"}) {
        all.priority = priority;
        EXPECT_EQ(problems(all, true), "") << priority;
    }
}

TEST(UserNotificationOptionsTest, TargetHostNameAndTitleOrRawAreRequired) {
    EXPECT_EQ(problems({}), "target_host_name is required; title or 'raw' is required");
    auto options = sound();
    options.target_host_name = "https://notify.example.com";
    EXPECT_EQ(problems(options), "target_host_name must be a domain without a scheme");
    options = sound();
    options.title.clear();
    options.raw = "x";
    EXPECT_EQ(problems(options), "");
    options.body = "b";
    EXPECT_EQ(problems(options), "body needs a 'title'");
}

TEST(UserNotificationOptionsTest, BadTemplatesAreNamedWithThePositionAndThePlace) {
    const std::vector<std::pair<std::string, std::string UserNotificationOptions::*>> keys = {
        {"title", &UserNotificationOptions::title},
        {"body", &UserNotificationOptions::body},
        {"raw", &UserNotificationOptions::raw},
        {"group", &UserNotificationOptions::group},
        {"app_notification_id", &UserNotificationOptions::app_notification_id},
        {"priority", &UserNotificationOptions::priority},
    };
    for (const auto& [key, member] : keys) {
        auto options = sound();
        options.*member = "ab {foo}";
        EXPECT_THAT(
            problems(options),
            StartsWith(key + " has at character 4: {foo} is not known; known are id, ")
        );
    }
    auto options = sound();
    options.raw = "x";
    options.platforms = {"ios"};
    options.fallback = UserNotificationOptions::Fallback{seconds(60), "{", "}"};
    EXPECT_EQ(
        problems(options),
        "fallback.title has at character 1: a '{' that is not closed; '{{' is a brace; "
        "fallback.body has at character 1: a '}' that closes nothing; '}}' is a brace"
    );
}

TEST(UserNotificationOptionsTest, DataNeedsResourceData) {
    auto options = sound();
    options.title = "{data.subject:-none}";
    EXPECT_EQ(
        problems(options), "title has {data.subject:-none}, which needs 'resource_data: true'"
    );
    EXPECT_EQ(problems(options, true), "");
}

TEST(UserNotificationOptionsTest, WhatIsTheSameForEveryDeliveryIsCheckedAtOnce) {
    auto options = sound();
    options.title = "a\nb";
    options.body = std::string(4'097, 'x');
    options.group = std::string(257, 'x');
    options.priority = "urgent";
    EXPECT_EQ(
        problems(options),
        "title has control characters; body is longer than 4096 bytes; group is longer than 256 "
        "bytes; priority is 'urgent'; known are None, High and Low"
    );
}

TEST(UserNotificationOptionsTest, TimesHaveTheServicesBounds) {
    auto options = sound();
    options.expires_after = hours(30 * 24) + milliseconds(1);
    options.display_for = milliseconds(999);
    options.timeout = milliseconds(0);
    EXPECT_EQ(
        problems(options),
        "expires_after must be 30d at most; display_for must be 1s at least; timeout must be more "
        "than nothing and at most 10m"
    );
    options = sound();
    options.expires_after = milliseconds(-1);
    EXPECT_EQ(problems(options), "expires_after must be 1s at least");
}

TEST(UserNotificationOptionsTest, PlatformsAreKnownAndNamedOnce) {
    auto options = sound();
    options.platforms = {"windows", "blackberry", "WINDOWS"};
    EXPECT_EQ(
        problems(options),
        "platforms[1] is 'blackberry'; known are Windows, iOS, Android and WebPush; platforms[2] "
        "names Windows again"
    );
}

TEST(UserNotificationOptionsTest, FallbackNeedsRawIosATitleAnd60To600Seconds) {
    auto options = sound();
    options.fallback = UserNotificationOptions::Fallback{seconds(59), "", ""};
    EXPECT_EQ(
        problems(options),
        "fallback is only allowed with 'raw'; fallback is only allowed with ios among 'platforms'; "
        "fallback.after must be 60s to 600s; fallback.title is required"
    );
}

TEST(UserNotificationOptionsTest, UrlIsHttpsOrHttpOnLoopbackOnly) {
    auto options = sound();
    for (const std::string good :
         {"https://x.example", "https://x.example:8443/a?b=c", "http://127.0.0.1:80/",
          "http://[::1]/", "http://localhost:1/"}) {
        options.url = good;
        EXPECT_EQ(problems(options), "") << good;
    }
    for (const std::string bad :
         {"x.example", "ftp://x.example", "https://", "https://a:b@x.example",
          "https://x.example#f", "http://x.example", "http://127.0.0.1.example/", "/path",
          "https://x y"}) {
        options.url = bad;
        EXPECT_THAT(problems(options), StartsWith("url must")) << bad;
    }
}

TEST(UserNotificationOptionsTest, ContentLimitHasBounds) {
    auto options = sound();
    options.most_content_bytes = (256u << 10) + 1;
    EXPECT_EQ(problems(options), "most_content_bytes must be 1B to 256KiB");
}

TEST(UserNotificationOptionsTest, FactoryMakesItAndRefusesWhatContradictsItself) {
    FakeClock clock;
    FakeNotificationWorld world;
    HandlerOptions entry;
    entry.name = "push";
    entry.type = sound();
    const auto made = make_handler(entry, clock, &world);
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->handler->batch_limit(), 1U);
    EXPECT_FALSE(made->handler->wants_data());
    EXPECT_EQ(made->time_limit, seconds(90));
    entry.resource_data = true;
    EXPECT_TRUE(make_handler(entry, clock, &world)->handler->wants_data());
    EXPECT_EQ(make_handler(entry, clock).error().code, Errc::BadInput);
    entry.type = UserNotificationOptions();
    EXPECT_EQ(
        make_handler(entry, clock, &world).error().detail,
        "target_host_name is required; title or 'raw' is required"
    );
}

}  // namespace
}  // namespace graphhook::handlers
