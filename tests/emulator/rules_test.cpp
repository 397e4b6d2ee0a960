#include "emulator/rules.hpp"

#include "tests/emulator/drafts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using std::chrono::minutes;
using test::body_for;
using test::checked;
using test::some_time;
using test::someone;
using testing::HasSubstr;

template <class Value>
boost::json::object with(boost::json::object body, std::string_view name, const Value& value) {
    body[name] = value;
    return body;
}
boost::json::object without(boost::json::object body, std::string_view name) {
    body.erase(name);
    return body;
}
boost::json::object lasting(std::string_view resource, minutes life) {
    return with(body_for(std::string(resource)), "expirationDateTime", to_text(some_time() + life));
}

/// The refusal, as "400 InvalidRequest message".
std::string refusal(const boost::json::object& body, ApiVersion version = ApiVersion::V1) {
    const auto result = checked(body, version);
    if (result) return "accepted";
    return std::to_string(result.error().status) + " " + result.error().code + " " +
           result.error().message;
}

TEST(RulesTest, ACreateInOrderIsTaken) {
    const auto draft = checked(body_for("users/a/messages", "created,updated"));
    ASSERT_TRUE(draft);
    EXPECT_EQ(draft->resource.kind->name, "message");
    EXPECT_EQ(draft->notification_url, "https://hooks.example.com/graph?acct=42");
    EXPECT_EQ(draft->client_state.reveal(), "k3H9-example-secret");
    EXPECT_EQ(draft->expires, some_time() + minutes(50));
    EXPECT_EQ(draft->tenant, someone().tenant);
}

TEST(RulesTest, RequiredPropertiesAreNamedWhenTheyAreMissing) {
    for (const auto* name : {"expirationDateTime", "resource", "changeType", "notificationUrl"}) {
        EXPECT_EQ(
            refusal(without(body_for("users/a/messages"), name)),
            std::string("400 InvalidRequest ") + name +
                " is a required property for subscription creation"
        );
    }
}

TEST(RulesTest, ABodyWronglyNestedLacksItsExpiration) {
    EXPECT_THAT(
        refusal({{"subscription", body_for("users/a/messages")}}),
        HasSubstr("expirationDateTime is a required property")
    );
}

TEST(RulesTest, AMisspelledPropertyIsRefused) {
    EXPECT_THAT(
        refusal(with(body_for("users/a/messages"), "clientstate", "x")),
        HasSubstr("Are all property names spelled and camelCased properly")
    );
}

TEST(RulesTest, ADateWithoutAZoneIsRefused) {
    EXPECT_THAT(
        refusal(with(body_for("users/a/messages"), "expirationDateTime", "2026-11-21T09:00:00")),
        HasSubstr("Could not process subscription creation payload")
    );
}

TEST(RulesTest, AClientStateOver128CharactersIsRefused) {
    EXPECT_EQ(
        refusal(with(body_for("users/a/messages"), "clientState", std::string(128, 'x'))),
        "accepted"
    );
    EXPECT_THAT(
        refusal(with(body_for("users/a/messages"), "clientState", std::string(129, 'x'))),
        HasSubstr("128")
    );
}

TEST(RulesTest, OutlookLivesEndAt10070MinutesWithTheKnownMessage) {
    EXPECT_EQ(refusal(lasting("users/a/messages", minutes(10'070))), "accepted");
    EXPECT_EQ(
        refusal(lasting("users/a/messages", minutes(10'071))),
        "400 ExtensionError Subscription expiration can only be 10070 minutes in the future."
    );
}

TEST(RulesTest, OtherLivesEndAtTheirKindsMaximum) {
    EXPECT_EQ(refusal(lasting("teams/getAllMessages", minutes(4'320))), "accepted");
    EXPECT_THAT(
        refusal(lasting("teams/getAllMessages", minutes(4'321))),
        HasSubstr("is beyond allowed max '3.00:00:00'.]")
    );
}

TEST(RulesTest, ALifeUnder45MinutesIsRaisedSilently) {
    const auto draft = checked(lasting("users/a/messages", minutes(5)));
    ASSERT_TRUE(draft);
    EXPECT_EQ(draft->expires, some_time() + minutes(45));
}

TEST(RulesTest, AnExpirationInThePastIsRefused) {
    EXPECT_THAT(refusal(lasting("users/a/messages", minutes(-1))), HasSubstr("400 InvalidRequest"));
}

TEST(RulesTest, ChangeTypesTheKindDoesNotHaveAreRefused) {
    EXPECT_THAT(
        refusal(body_for("drives/x/root", "created")),
        HasSubstr("400 InvalidRequest Invalid 'changeType'")
    );
    EXPECT_THAT(refusal(body_for("users", "created")), HasSubstr("changeType"));
    EXPECT_EQ(refusal(body_for("users", "updated,deleted")), "accepted");
    EXPECT_THAT(refusal(body_for("users", "modified")), HasSubstr("changeType"));
}

TEST(RulesTest, UnknownResourcesAreNotSupported) {
    EXPECT_EQ(
        refusal(body_for("users/a/photos")),
        "400 InvalidRequest resource 'users/a/photos' is not supported."
    );
}

TEST(RulesTest, BetaResourcesAreForBetaOnly) {
    const auto body = body_for("users/a/tasks/alltasks");
    EXPECT_THAT(refusal(body), HasSubstr("is not supported"));
    EXPECT_EQ(refusal(body, ApiVersion::Beta), "accepted");
}

TEST(RulesTest, TeamsResourcesOverAnHourNeedALifecycleUrl) {
    const auto bare = without(body_for("chats/c/messages"), "lifecycleNotificationUrl");
    const auto at = [](minutes life) { return to_text(some_time() + life); };
    EXPECT_EQ(refusal(with(bare, "expirationDateTime", at(minutes(60)))), "accepted");
    EXPECT_THAT(
        refusal(with(bare, "expirationDateTime", at(minutes(61)))),
        HasSubstr("lifecycleNotificationUrl is a required property for subscription creation on "
                  "this resource")
    );
}

TEST(RulesTest, NotificationUrlsAreHttps) {
    EXPECT_THAT(
        refusal(with(body_for("users"), "notificationUrl", "http://hooks.example.com/")),
        HasSubstr("https")
    );
    EXPECT_THAT(refusal(with(body_for("users"), "notificationUrl", "hooks")), HasSubstr("https"));
    EXPECT_THAT(
        refusal(with(body_for("users"), "lifecycleNotificationUrl", "ftp://x/")), HasSubstr("https")
    );
    RulePolicy lax{.now = some_time()};
    lax.insecure_http = true;
    const auto local = with(body_for("users"), "notificationUrl", "http://127.0.0.1:99/");
    EXPECT_TRUE(check_create(local, someone(), ApiVersion::V1, lax));
    EXPECT_FALSE(check_create(
        with(local, "notificationUrl", "http://example.com/"), someone(), ApiVersion::V1, lax
    ));
}

TEST(RulesTest, Tls13IsRefusedAsSeenFromGraph) {
    EXPECT_EQ(
        refusal(with(body_for("users"), "latestSupportedTlsVersion", "v1_3")),
        "400 ValidationError Invalid property value for LatestSupportedTlsVersion"
    );
}

TEST(RulesTest, DrivesHaveNoResourceData) {
    EXPECT_THAT(
        refusal(with(body_for("drives/x/root"), "includeResourceData", true)),
        HasSubstr("File Services workload is not enabled for rich notifications.")
    );
    EXPECT_EQ(refusal(with(body_for("drives/x/root"), "includeResourceData", false)), "accepted");
}

TEST(RulesTest, AMissingRoleIsForbidden) {
    auto caller = someone();
    caller.roles = {"Calendars.Read", "mail.read"};
    const RulePolicy policy{.now = some_time()};
    EXPECT_TRUE(check_create(body_for("users/a/messages"), caller, ApiVersion::V1, policy));
    const auto refused = check_create(body_for("users"), caller, ApiVersion::V1, policy);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 403);
    EXPECT_THAT(refused.error().message, HasSubstr("User.Read.All"));
}

TEST(RulesTest, WriteOnlyRolesDoNotSatisfyAReadRequirement) {
    auto caller = someone();
    caller.roles = {"Mail.Send"};
    EXPECT_FALSE(check_create(
        body_for("users/a/messages"), caller, ApiVersion::V1, RulePolicy{.now = some_time()}
    ));
}

TEST(RulesTest, PropertiesOfTheWrongTypeAreRefused) {
    for (const auto* name :
         {"resource", "changeType", "notificationUrl", "expirationDateTime", "clientState",
          "lifecycleNotificationUrl", "includeResourceData", "notificationQueryOptions"}) {
        EXPECT_THAT(refusal(with(body_for("users"), name, 7)), HasSubstr("400 ")) << name;
    }
    EXPECT_FALSE(check_create(
        boost::json::value(nullptr), someone(), ApiVersion::V1, RulePolicy{.now = some_time()}
    ));
}

TEST(RulesTest, PrintersNeedTheirQueryOptions) {
    EXPECT_THAT(
        refusal(body_for("print/printers/p/jobs")),
        HasSubstr("notificationQueryOptions is a required property")
    );
    EXPECT_EQ(
        refusal(with(
            body_for("print/printers/p/jobs"), "notificationQueryOptions",
            "$filter = isFetchable eq true"
        )),
        "accepted"
    );
}

class UpdateRulesTest : public testing::Test {
  protected:
    std::string refusal(const boost::json::object& body) {
        const auto result =
            check_update(body, subscription_, someone(), RulePolicy{.now = some_time()});
        return result ? "accepted"
                      : std::to_string(result.error().status) + " " + result.error().message;
    }
    const Subscription subscription_ = checked(body_for("users/a/messages")).value();
};

TEST_F(UpdateRulesTest, OnlyExpirationAndNotificationUrlMayChange) {
    EXPECT_EQ(refusal({{"expirationDateTime", to_text(some_time() + minutes(100))}}), "accepted");
    EXPECT_EQ(refusal({{"notificationUrl", "https://other.example.com/"}}), "accepted");
    EXPECT_THAT(
        refusal({{"lifecycleNotificationUrl", "https://other.example.com/"}}),
        HasSubstr("cannot be updated")
    );
    EXPECT_THAT(refusal({{"clientState", "new"}}), HasSubstr("cannot be updated"));
}

TEST_F(UpdateRulesTest, AtLeastOneOfThemIsNeeded) {
    EXPECT_THAT(refusal({}), HasSubstr("400"));
}

TEST_F(UpdateRulesTest, LifeLimitsHoldForRenewalsToo) {
    EXPECT_THAT(
        refusal({{"expirationDateTime", to_text(some_time() + minutes(10'071))}}),
        HasSubstr("Subscription expiration can only be 10070 minutes in the future.")
    );
    const auto update = check_update(
        boost::json::object{{"expirationDateTime", to_text(some_time() + minutes(1))}},
        subscription_, someone(), RulePolicy{.now = some_time()}
    );
    EXPECT_EQ(update->expires, some_time() + minutes(45));
}

}  // namespace
}  // namespace graphhook::emulator
