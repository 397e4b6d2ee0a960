// A notification that is written by hand, as JSON.

#include "handlers/user_notification/notification.hpp"

#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using std::chrono::seconds;

/// What is wrong; empty: nothing.
std::string problems(std::string_view json) {
    const auto read = read_notification(json);
    const auto* found = std::get_if<std::vector<FieldProblem>>(&read);
    return found == nullptr ? std::string() : to_text(*found);
}

std::string with(std::string_view members) {
    return R"({"targetHostName":"a.example","payload":{"rawContent":"x"})" +
           (members.empty() ? std::string() : "," + std::string(members)) + "}";
}

TEST(UserNotificationReadTest, ReadsEveryFieldAndWritesTheSameAgain) {
    const std::string json =
        R"({"targetHostName":"notify.example.com","appNotificationId":"order-4711","groupName":"orders",)"
        R"("expirationDateTime":"2026-11-22T00:00:00Z","displayTimeToLive":60,"priority":"High",)"
        R"("payload":{"rawContent":"raw","visualContent":{"title":"t","body":"b"}},)"
        R"("targetPolicy":{"platformTypes":["Windows","iOS"]},"fallbackPolicy":{"endpointFallback":)"
        R"({"platformTypes":["iOS"],"fallbackDelayInSeconds":90,"visualContent":{"title":"t"}}}})";
    const auto read = read_notification(json);
    ASSERT_TRUE(std::holds_alternative<UserNotification>(read)) << problems(json);
    EXPECT_EQ(to_json(std::get<UserNotification>(read)), json);
}

TEST(UserNotificationReadTest, ReadsMicrosoftsSampleWithItsStringOfSeconds) {
    const auto read = read_notification(
        R"({"targetHostName":"notify.example.com","expirationDateTime":"2026-12-20T23:59:00.000Z",
            "payload":{"visualContent":{"title":"Order shipped"}},
            "targetPolicy":{"platformTypes":["windows","ios","android"]},"displayTimeToLive":"60"})"
    );
    ASSERT_TRUE(std::holds_alternative<UserNotification>(read));
    const auto& one = std::get<UserNotification>(read);
    EXPECT_EQ(one.display_for, seconds(60));
    EXPECT_EQ(one.platforms, (std::vector<std::string>{"Windows", "iOS", "Android"}));
    EXPECT_FALSE(one.raw_content.has_value());
}

TEST(UserNotificationReadTest, WrongTypesAreNamedWithTheirPath) {
    EXPECT_EQ(problems(R"("text")"), "notification must be an object");
    EXPECT_EQ(
        problems(R"({"targetHostName":1,"payload":[]})"),
        "targetHostName must be a string; payload must be an object"
    );
    EXPECT_EQ(
        problems(
            R"({"targetHostName":"a","payload":{"rawContent":{},"visualContent":{"title":null,"body":7}}})"
        ),
        "payload.rawContent must be a string; payload.visualContent.title must be a string; "
        "payload.visualContent.body must be a string"
    );
    EXPECT_EQ(
        problems(with(R"("targetPolicy":{"platformTypes":"ios"})")),
        "targetPolicy.platformTypes must be a list of strings"
    );
    EXPECT_EQ(
        problems(with(R"("targetPolicy":{"platformTypes":["ios",1]})")),
        "targetPolicy.platformTypes[1] must be a string"
    );
    EXPECT_EQ(problems(with(R"("targetPolicy":[])")), "targetPolicy must be an object");
    EXPECT_EQ(
        problems(with(R"("expirationDateTime":1,"priority":true)")),
        "expirationDateTime must be a string; priority must be a string"
    );
    EXPECT_EQ(
        problems(with(R"("fallbackPolicy":{"endpointFallback":{"fallbackDelayInSeconds":"60"}})")),
        "fallbackPolicy.endpointFallback.fallbackDelayInSeconds must be a whole number; "
        "fallbackPolicy.endpointFallback.visualContent is required"
    );
    EXPECT_EQ(
        problems(with(
            R"("fallbackPolicy":{"endpointFallback":{"platformTypes":["windows"],"visualContent":{"title":"t"}}})"
        )),
        "fallbackPolicy.endpointFallback.platformTypes may only name iOS; "
        "fallbackPolicy.endpointFallback.fallbackDelayInSeconds is required"
    );
    EXPECT_EQ(
        problems(with(R"("fallbackPolicy":{})")), "fallbackPolicy.endpointFallback is required"
    );
}

TEST(UserNotificationReadTest, DisplayTimeIsANumberOrAStringOfOne) {
    for (const std::string good : {"60", "\"60\"", "-1", "\"-1\""}) {
        EXPECT_EQ(problems(with("\"displayTimeToLive\":" + good)), "") << good;
    }
    for (const std::string bad :
         {"60.5", "\"60s\"", "\"\"", "\" 60\"", "null", "true", "[60]", "\"99999999999\"",
          "18446744073709551615"}) {
        EXPECT_EQ(
            problems(with("\"displayTimeToLive\":" + bad)),
            "displayTimeToLive must be a whole number of seconds, or a string of one"
        ) << bad;
    }
}

TEST(UserNotificationReadTest, TimesWithoutZoneAndOtherTextAreNoTimes) {
    for (const std::string bad : {"2026-12-20T23:59:00", "tomorrow", "", "2026-02-30T00:00:00Z"}) {
        EXPECT_EQ(
            problems(with("\"expirationDateTime\":\"" + bad + "\"")),
            "expirationDateTime must be a time such as 2026-12-20T23:59:00Z"
        ) << bad;
    }
}

TEST(UserNotificationReadTest, UnknownMembersAreNamedAtEveryLevel) {
    EXPECT_EQ(
        problems(
            R"({"targetHostName":"a","payload":{"visualContent":{"title":"t","icon":1},"x":1},"titel":"t"})"
        ),
        "titel is unknown; payload.x is unknown; payload.visualContent.icon is unknown"
    );
    EXPECT_EQ(problems(with(R"("id":"1")")), "id is given by the service");
    EXPECT_EQ(problems(R"({"notification":{}})"), "notification is unknown; payload is required");
    EXPECT_EQ(problems(with(R"("TargetHostName":"b")")), "TargetHostName is unknown");
    EXPECT_EQ(problems(with(R"("a\u000ab":1)")), "a\\x0ab is unknown");
}

TEST(UserNotificationReadTest, MembersThatAreThereTwiceAreNamed) {
    EXPECT_EQ(
        problems(R"({"payload":{"visualContent":{"title":"a","title":"b"}}})"),
        "payload.visualContent.title is there twice"
    );
    EXPECT_EQ(
        problems(R"({"targetHostName":"a","targetHostN\u0061me":"a","payload":{}})"),
        "targetHostName is there twice"
    );
    EXPECT_EQ(
        problems(R"({"groupName":"a","groupName":1,"titel":"t","titel":"t"})"),
        "groupName is there twice; titel is there twice; titel is unknown; groupName must be a "
        "string; payload is required"
    );
}

TEST(UserNotificationReadTest, ArraysAndWhatIsNoJsonAreRefused) {
    EXPECT_EQ(
        problems("[" + with("") + "]"),
        "notification is an array; one request takes one notification"
    );
    for (const std::string bad : {"", "{", "{\"a\":\"\xff\"}", "{} {}"}) {
        EXPECT_EQ(problems(bad), "notification is not JSON") << bad;
    }
    EXPECT_EQ(problems(std::string(100'000, '[')), "notification is not JSON");
    EXPECT_EQ(problems(std::string(5u << 20, ' ')), "notification is larger than 4 MiB");
}

TEST(UserNotificationReadTest, EmptyIsNotTheSameAsLeftOut) {
    EXPECT_EQ(
        problems(with(R"("groupName":"","appNotificationId":"","priority":"")")),
        "appNotificationId is empty; groupName is empty; priority is empty"
    );
    EXPECT_EQ(
        problems(with(R"("targetPolicy":{"platformTypes":[]})")),
        "targetPolicy.platformTypes is empty; leave it out for all platforms"
    );
}

}  // namespace
}  // namespace graphhook::handlers
