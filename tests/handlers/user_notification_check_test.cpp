// What a user notification may say, and how it is written.

#include "handlers/user_notification/notification.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;

const SystemTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};

UserNotification sound() {
    UserNotification one;
    one.target_host_name = "notify.example.com";
    one.visual_content = VisualContent{"Order shipped", "It arrives tomorrow."};
    return one;
}

UserNotification with_fallback() {
    auto one = sound();
    one.raw_content = "raw";
    one.platforms = {"Windows", "iOS"};
    one.fallback = EndpointFallback{seconds(60), {"Order shipped", {}}};
    return one;
}

std::string problems(const UserNotification& one) {
    return to_text(check(one, kNow));
}

TEST(UserNotificationCheckTest, SoundOnesHaveNoProblems) {
    EXPECT_EQ(problems(sound()), "");
    EXPECT_EQ(problems(with_fallback()), "");
    auto one = sound();
    one.visual_content.reset();
    one.raw_content = "{\"a\":\n1}";
    EXPECT_EQ(problems(one), "");
}

TEST(UserNotificationCheckTest, TargetHostNameIsRequiredAndADomainWithoutScheme) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "targetHostName is required"},
        {"https://notify.example.com", "targetHostName must be a domain without a scheme"},
        {"notify.example.com:443",
         "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {"notify.example.com/x",
         "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {"-a.example.com", "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {"a..com", "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {"example.com.", "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {std::string(64, 'a') + ".com",
         "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {"b\xc3\xbc"
         "cher.example",
         "targetHostName is not a domain (letters, digits, hyphens and dots)"},
        {"192.0.2.1", "targetHostName must be a domain, not an address"},
        {std::string(250, 'a') + ".com", "targetHostName is longer than 253 characters"},
    };
    for (const auto& [name, text] : cases) {
        auto one = sound();
        one.target_host_name = name;
        EXPECT_EQ(problems(one), text) << name;
    }
    for (const std::string name :
         {"localhost", "graphnotifications.sample.windows.com", "a1.b-2.c"}) {
        auto one = sound();
        one.target_host_name = name;
        EXPECT_EQ(problems(one), "") << name;
    }
}

TEST(UserNotificationCheckTest, NamesAreAtMost256BytesOfUtf8WithoutControlCharacters) {
    auto one = sound();
    one.app_notification_id = std::string(256, 'x');
    one.group_name = std::string(257, 'x');
    EXPECT_EQ(problems(one), "groupName is longer than 256 bytes");
    one.group_name = "a\nb";
    EXPECT_EQ(problems(one), "groupName has control characters");
    one.group_name = "a\xff";
    one.app_notification_id = "\x7f";
    EXPECT_EQ(problems(one), "appNotificationId has control characters; groupName is not UTF-8");
}

TEST(UserNotificationCheckTest, ExpiryIsInTheFutureAndAtMost30DaysAhead) {
    auto one = sound();
    one.expires_at = kNow;
    EXPECT_EQ(problems(one), "expirationDateTime is past");
    one.expires_at = kNow + microseconds(1);
    EXPECT_EQ(problems(one), "");
    one.expires_at = kNow + hours(30 * 24);
    EXPECT_EQ(problems(one), "");
    one.expires_at = kNow + hours(30 * 24) + microseconds(1);
    EXPECT_EQ(problems(one), "expirationDateTime is more than 30 days ahead");
}

TEST(UserNotificationCheckTest, DisplayTimeIsAPositiveInt32) {
    auto one = sound();
    for (const std::int64_t good : {1L, 60L, 2'147'483'647L}) {
        one.display_for = seconds(good);
        EXPECT_EQ(problems(one), "");
    }
    for (const std::int64_t bad : {0L, -1L, 2'147'483'648L}) {
        one.display_for = seconds(bad);
        EXPECT_EQ(problems(one), "displayTimeToLive must be 1 to 2147483647 seconds");
    }
}

TEST(UserNotificationCheckTest, PriorityAndPlatformsAreKnownOnesInAnyCase) {
    auto one = sound();
    one.priority = "HIGH";
    one.platforms = {"windows", "IOS", "Android", "webpush"};
    EXPECT_EQ(problems(one), "");
    one.priority = "urgent";
    one.platforms = {"ios", "Symbian", "iOS"};
    EXPECT_EQ(
        problems(one),
        "priority is unknown; known are None, High and Low; targetPolicy.platformTypes[1] is "
        "unknown; known are Windows, iOS, Android and WebPush; targetPolicy.platformTypes[2] is "
        "there already"
    );
}

TEST(UserNotificationCheckTest, PayloadNeedsRawOrVisualContentAndVisualContentATitle) {
    auto one = sound();
    one.visual_content.reset();
    EXPECT_EQ(problems(one), "payload needs rawContent or visualContent");
    one.visual_content = VisualContent{"", "body"};
    EXPECT_EQ(problems(one), "payload.visualContent.title is required");
    one.raw_content = "";
    EXPECT_EQ(
        problems(one), "payload.rawContent is empty; payload.visualContent.title is required"
    );
}

TEST(UserNotificationCheckTest, ContentHasAtMost4KiBAField) {
    auto one = with_fallback();
    const std::string most(4'096, 'x');
    one.raw_content = most;
    one.visual_content = VisualContent{most, most};
    one.fallback->content = {most, most};
    EXPECT_EQ(problems(one), "");
    const auto over = most + 'x';
    one.raw_content = over;
    one.visual_content = VisualContent{over, over};
    one.fallback->content = {over, over};
    const auto found = check(one, kNow);
    std::vector<std::string> fields;
    for (const auto& problem : found) {
        fields.push_back(problem.field);
        EXPECT_EQ(problem.text, "is longer than 4096 bytes");
    }
    EXPECT_EQ(
        fields,
        (std::vector<std::string>{
            "payload.rawContent", "payload.visualContent.title", "payload.visualContent.body",
            "fallbackPolicy.endpointFallback.visualContent.title",
            "fallbackPolicy.endpointFallback.visualContent.body"
        })
    );
    EXPECT_TRUE(check(one, kNow, 5'000).empty());
}

TEST(UserNotificationCheckTest, ControlCharactersAreForLinesOfTheBodyAndForRawContentOnly) {
    auto one = sound();
    one.visual_content = VisualContent{"a\tb", "one\r\n\ttwo"};
    EXPECT_EQ(problems(one), "payload.visualContent.title has control characters");
    one.visual_content = VisualContent{"a", "\x1b[1m"};
    EXPECT_EQ(problems(one), "payload.visualContent.body has control characters");
    one = sound();
    one.raw_content = "\x01\x1b\n";
    EXPECT_EQ(problems(one), "");
    one.raw_content = std::string("a\0b", 3);
    EXPECT_EQ(problems(one), "payload.rawContent has a NUL character");
    one.raw_content = "\xed\xa0\x80";
    EXPECT_EQ(problems(one), "payload.rawContent is not UTF-8");
}

TEST(UserNotificationCheckTest, FallbackOnlyWithIosNamedAndRawContent) {
    auto one = with_fallback();
    one.platforms.clear();
    EXPECT_EQ(
        problems(one), "fallbackPolicy is only allowed with iOS in targetPolicy.platformTypes"
    );
    one = with_fallback();
    one.raw_content.reset();
    EXPECT_EQ(problems(one), "fallbackPolicy is only allowed with payload.rawContent");
}

TEST(UserNotificationCheckTest, FallbackDelayIs60To600SecondsAndItNeedsATitle) {
    for (const int bad : {0, 59, 601}) {
        auto one = with_fallback();
        one.fallback->delay = seconds(bad);
        EXPECT_EQ(
            problems(one),
            "fallbackPolicy.endpointFallback.fallbackDelayInSeconds must be 60 to 600"
        );
    }
    auto one = with_fallback();
    one.fallback->delay = seconds(600);
    EXPECT_EQ(problems(one), "");
    one.fallback->content.title.clear();
    EXPECT_EQ(problems(one), "fallbackPolicy.endpointFallback.visualContent.title is required");
}

TEST(UserNotificationCheckTest, ProblemsNeverRepeatWhatAFieldSays) {
    UserNotification one;
    const std::string secret = "s3cr3t";
    one.target_host_name = "https://" + secret;
    one.app_notification_id = secret + std::string(300, 'x');
    one.group_name = secret + "\n";
    one.priority = secret;
    one.platforms = {secret};
    one.raw_content = secret + std::string(5'000, 'x');
    one.visual_content = VisualContent{secret + "\n", secret + "\x01"};
    one.fallback = EndpointFallback{seconds(1), {secret + "\n", {}}};
    EXPECT_EQ(check(one, kNow).size(), 11U);
    EXPECT_EQ(problems(one).find(secret), std::string::npos);
}

TEST(UserNotificationJsonTest, IsWrittenAsTheServiceReadsIt) {
    auto one = with_fallback();
    one.app_notification_id = "order-4711";
    one.group_name = "orders";
    one.expires_at = kNow + hours(24);
    one.display_for = seconds(60);
    one.priority = "high";
    one.platforms = {"windows", "IOS"};
    const std::string json =
        R"({"targetHostName":"notify.example.com","appNotificationId":"order-4711","groupName":"orders",)"
        R"("expirationDateTime":"2026-11-22T00:00:00Z","displayTimeToLive":60,"priority":"High",)"
        R"("payload":{"rawContent":"raw","visualContent":{"title":"Order shipped","body":"It arrives tomorrow."}},)"
        R"("targetPolicy":{"platformTypes":["Windows","iOS"]},"fallbackPolicy":{"endpointFallback":)"
        R"({"platformTypes":["iOS"],"fallbackDelayInSeconds":60,"visualContent":{"title":"Order shipped"}}}})";
    EXPECT_EQ(to_json(one), json);
    EXPECT_EQ(to_json(one, true), R"({"notification":)" + json + "}");
}

TEST(UserNotificationJsonTest, WhatIsNotSaidIsLeftOutAndTextIsEscaped) {
    UserNotification one;
    one.target_host_name = "a.example";
    one.raw_content = "\"},\"x\":1,\"\n\\\x01\xf0\x9f\x93\xa7";
    const auto json = to_json(one);
    const auto read = boost::json::parse(json).as_object();
    EXPECT_EQ(read.size(), 2U);
    EXPECT_EQ(read.at("payload").as_object().size(), 1U);
    EXPECT_EQ(read.at("payload").at("rawContent").as_string(), *one.raw_content);
}

}  // namespace
}  // namespace graphhook::handlers
