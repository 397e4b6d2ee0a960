// What the configuration says of user notifications: `unsids`, and handlers of that type.

#include "app/config/config_schema.hpp"
#include "tests/app/config_fixture.hpp"
#include "tests/app/mini_schema.hpp"

#include <boost/json/parse.hpp>

namespace graphhook::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using handlers::ContentCoding;
using handlers::UserNotificationOptions;

class ConfigUserNotificationsTest : public ConfigFixture {
  protected:
    static constexpr const char* kUuid = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    static constexpr const char* kSecret = "client_secret: pw";

    /// A handler `push` from line 10 on, which `handler` describes, with a service of its own and a
    /// subscription that names it.
    static std::string pushing(
        const std::string& handler, const std::string& credential = kSecret,
        const std::string& unsids = "unsids: {enabled: true}",
        const std::string& cloud = "{graph: 'https://g.example', login: 'https://l.example'}"
    ) {
        return with(fmt::format(
            "{0}\ntenants:\n  t:\n    tenant_id: {1}\n    client_id: {1}\n    cloud: {2}\n"
            "    credential: {{{3}}}\nhandlers:\n  push:\n    type: user_notification\n"
            "{4}subscriptions:\n  s: {{tenant: t, resource: users/u/messages, changes: "
            "created, handlers: push}}\n",
            unsids, kUuid, cloud, credential, handler
        ));
    }
    static constexpr const char* kHost = "    target_host_name: notify.example.com\n";
    static constexpr const char* kTitle = "    title: News\n";
    static std::string sound(const std::string& more = "") {
        return std::string(kHost) + kTitle + more;
    }
};

TEST_F(ConfigUserNotificationsTest, TheDefaultsAreThoseOfTheHandler) {
    const auto parsed = parse(pushing(sound()));
    ASSERT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "f");
    EXPECT_THAT(parsed.problems, IsEmpty());
    ASSERT_EQ(parsed.config->handlers.size(), 1U);
    const auto& options = std::get<UserNotificationOptions>(parsed.config->handlers[0].type);
    const UserNotificationOptions defaults;
    EXPECT_EQ(options.target_host_name, "notify.example.com");
    EXPECT_EQ(options.title, "News");
    EXPECT_EQ(options.body, "");
    EXPECT_EQ(options.expires_after, defaults.expires_after);
    EXPECT_EQ(options.display_for, defaults.display_for);
    EXPECT_THAT(options.platforms, IsEmpty());
    EXPECT_FALSE(options.fallback);
    EXPECT_EQ(options.url, "");
    EXPECT_EQ(options.coding, defaults.coding);
    EXPECT_EQ(options.wrapped, defaults.wrapped);
    EXPECT_EQ(options.most_content_bytes, defaults.most_content_bytes);
    EXPECT_EQ(options.without_unsid, defaults.without_unsid);
    EXPECT_EQ(options.timeout, defaults.timeout);
}

TEST_F(ConfigUserNotificationsTest, EveryValueReachesTheHandler) {
    const auto text =
        pushing(sound("    body: '{resource}'\n"
                      "    raw: '{data.subject!json}'\n"
                      "    group: '{kind}'\n"
                      "    app_notification_id: 'mail-{id}'\n"
                      "    priority: '{data.importance}'\n"
                      "    expires_after: 2h\n"
                      "    display_for: 90s\n"
                      "    platforms: [windows, ios]\n"
                      "    fallback: {after: 2m, title: Mail, body: 'from {data.from:-somebody}'}\n"
                      "    url: http://127.0.0.1:8081/beta/me/notifications/\n"
                      "    content_coding: gzip\n"
                      "    wrapped: yes\n"
                      "    most_content_bytes: 1KiB\n"
                      "    without_unsid: skip\n"
                      "    timeout: 3s\n"
                      "    resource_data: true\n"));
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "f");
    const auto& handler = parsed.config->handlers.at(0);
    EXPECT_TRUE(handler.resource_data);
    const auto& options = std::get<UserNotificationOptions>(handler.type);
    EXPECT_EQ(options.body, "{resource}");
    EXPECT_EQ(options.raw, "{data.subject!json}");
    EXPECT_EQ(options.group, "{kind}");
    EXPECT_EQ(options.app_notification_id, "mail-{id}");
    EXPECT_EQ(options.priority, "{data.importance}");
    EXPECT_EQ(options.expires_after, std::chrono::hours(2));
    EXPECT_EQ(options.display_for, std::chrono::seconds(90));
    EXPECT_THAT(options.platforms, ElementsAre("windows", "ios"));
    ASSERT_TRUE(options.fallback);
    EXPECT_EQ(options.fallback->after, std::chrono::minutes(2));
    EXPECT_EQ(options.fallback->title, "Mail");
    EXPECT_EQ(options.fallback->body, "from {data.from:-somebody}");
    EXPECT_EQ(options.url, "http://127.0.0.1:8081/beta/me/notifications/");
    EXPECT_EQ(options.coding, ContentCoding::Gzip);
    EXPECT_TRUE(options.wrapped);
    EXPECT_EQ(options.most_content_bytes, 1'024U);
    EXPECT_EQ(options.without_unsid, UserNotificationOptions::WithoutUnsid::Skip);
    EXPECT_EQ(options.timeout, std::chrono::seconds(3));
    EXPECT_THAT(misfits(boost::json::parse(json_schema()), yaml_as_json(text)), IsEmpty());
}

TEST_F(ConfigUserNotificationsTest, WhatIsPrintedReadsTheSameAgainAndEachKeyOnce) {
    const auto config = *parse(pushing(sound("    url: https://g.example/n\n"
                                             "    body: 'a {resource}: b'\n")))
                             .config;
    const auto printed = print_config(config);
    EXPECT_EQ(printed.find("url: https://g.example/n"), printed.rfind("url: https://g.example/n"));
    const auto again = parse(printed);
    ASSERT_TRUE(again.config) << printed << to_string(again.problems.at(0), "f");
    EXPECT_EQ(print_config(*again.config), printed);
    EXPECT_EQ(
        std::get<UserNotificationOptions>(again.config->handlers.at(0).type).body, "a {resource}: b"
    );
    EXPECT_THAT(again.problems, IsEmpty());
}

TEST_F(ConfigUserNotificationsTest, TheHostNameIsRequiredAndSaidToBeOnce) {
    EXPECT_THAT(
        problems(pushing(kTitle)), ElementsAre("10:3: 'handlers.push.target_host_name' is missing")
    );
    EXPECT_THAT(
        problems(pushing("    target_host_name: https://notify.example.com\n    title: News\n")),
        ElementsAre(HasSubstr("12:23: 'handlers.push.target_host_name' "))
    );
}

TEST_F(ConfigUserNotificationsTest, AHandlerSaysSomething) {
    EXPECT_THAT(
        problems(pushing(kHost)), ElementsAre(HasSubstr("10:3: 'handlers.push.title' or 'raw'"))
    );
    EXPECT_THAT(problems(pushing(std::string(kHost) + "    raw: '{id}'\n")), IsEmpty());
}

TEST_F(ConfigUserNotificationsTest, AnUnknownPlaceOfATemplateIsRefusedWhereItStands) {
    EXPECT_THAT(
        problems(pushing(std::string(kHost) + "    title: 'Hello {colour}'\n")),
        ElementsAre(AllOf(HasSubstr("13:12: 'handlers.push.title' "), HasSubstr("{colour}")))
    );
    EXPECT_THAT(
        problems(pushing(sound("    platforms: ios\n    raw: x\n"
                               "    fallback: {title: Mail, body: '{nobody}'}\n"))),
        ElementsAre(AllOf(HasSubstr("16:35: 'handlers.push.fallback.body' "), HasSubstr("{nobody}"))
        )
    );
}

TEST_F(ConfigUserNotificationsTest, ThePlaceOfTheResourceNeedsResourceData) {
    EXPECT_THAT(
        problems(pushing(sound("    body: '{data.subject}'\n"))),
        ElementsAre(AllOf(
            HasSubstr("14:11: 'handlers.push.body' "), HasSubstr("needs 'resource_data: true'")
        ))
    );
    EXPECT_THAT(
        problems(pushing(sound("    body: '{data.subject}'\n    resource_data: true\n"))), IsEmpty()
    );
}

TEST_F(ConfigUserNotificationsTest, PlatformsTimesAndSizesAreChecked) {
    EXPECT_THAT(
        problems(pushing(sound("    platforms: [windows, symbian]\n"))),
        ElementsAre(
            "14:26: 'handlers.push.platforms': 'symbian' is none of windows, ios, android, webpush"
        )
    );
    EXPECT_THAT(
        problems(pushing(sound("    platforms: [ios, windows, ios]\n"))),
        ElementsAre(HasSubstr("14:31: 'handlers.push.platforms[2]' "))
    );
    EXPECT_THAT(
        problems(pushing(sound("    expires_after: 31d\n"))),
        ElementsAre("14:20: 'handlers.push.expires_after': 31d is out of bounds: from 1s to 30d")
    );
    EXPECT_THAT(
        problems(pushing(sound("    display_for: 0s\n"))),
        ElementsAre(HasSubstr("14:18: 'handlers.push.display_for': 0s is out of bounds"))
    );
    EXPECT_THAT(
        problems(pushing(sound("    most_content_bytes: 1MiB\n"))),
        ElementsAre(HasSubstr("14:25: 'handlers.push.most_content_bytes': 1MiB is out of bounds"))
    );
    EXPECT_THAT(
        problems(pushing(sound("    content_coding: br\n"))),
        ElementsAre("14:21: 'handlers.push.content_coding': 'br' is none of identity, gzip, deflate"
        )
    );
    EXPECT_THAT(
        problems(pushing(sound("    without_unsid: retry\n"))),
        ElementsAre("14:20: 'handlers.push.without_unsid': 'retry' is none of dead, skip")
    );
}

TEST_F(ConfigUserNotificationsTest, AFallbackIsForIosAndRawContent) {
    EXPECT_THAT(
        problems(pushing(sound("    raw: x\n    fallback: {title: Mail}\n"))),
        ElementsAre(AllOf(HasSubstr("15:5: 'handlers.push.fallback' "), HasSubstr("ios")))
    );
    EXPECT_THAT(
        problems(pushing(sound("    platforms: ios\n    fallback: {title: Mail}\n"))),
        ElementsAre(AllOf(HasSubstr("15:5: 'handlers.push.fallback' "), HasSubstr("raw")))
    );
    EXPECT_THAT(
        problems(pushing(sound("    platforms: ios\n    raw: x\n    fallback: {after: 1s}\n"))),
        ElementsAre(
            "16:5: 'handlers.push.fallback.title' is missing",
            HasSubstr("16:23: 'handlers.push.fallback.after': 1s is out of bounds")
        )
    );
}

TEST_F(ConfigUserNotificationsTest, TheKeysOfOtherTypesAreTold) {
    EXPECT_THAT(
        problems(pushing(sound("    batch: 5\n"))),
        ElementsAre(
            "14:5: 'handlers.push.batch' belongs to handlers of type http, not user_notification"
        )
    );
    EXPECT_THAT(
        problems(with("handlers: {h: {type: log, url: https://x, title: x, routes: [{}]}}\n")),
        ElementsAre(
            "2:27: 'handlers.h.url' belongs to handlers of type http or user_notification, not log",
            "2:43: 'handlers.h.title' belongs to handlers of type user_notification, not log"
        )
    );
    EXPECT_THAT(
        problems(with("handlers: {h: {type: http, routes: [{}]}}\n")),
        ElementsAre("2:12: 'handlers.h.url' is missing")
    );
}

TEST_F(ConfigUserNotificationsTest, TheSchemaKnowsTheUrlOfBothTypes) {
    const auto schema = boost::json::parse(json_schema());
    const auto fits = [&](const std::string& handler) {
        return misfits(
                   schema, yaml_as_json(with("handlers: {h: {routes: [{}], " + handler + "}}\n"))
        )
            .empty();
    };
    EXPECT_TRUE(fits("type: user_notification, target_host_name: x, title: x"));
    EXPECT_TRUE(fits("type: user_notification, target_host_name: x, title: x, url: https://x"));
    EXPECT_TRUE(fits("type: http, url: https://x, timeout: 2s"));
    EXPECT_FALSE(fits("type: http"));
    EXPECT_FALSE(fits("type: log, url: https://x"));
    EXPECT_FALSE(fits("type: user_notification, title: x"));
    EXPECT_FALSE(fits("type: user_notification, target_host_name: x, batch: 2"));
    EXPECT_FALSE(fits("type: user_notification, target_host_name: x, fallback: {}"));
}

TEST_F(ConfigUserNotificationsTest, MicrosoftsOwnServiceIsAWarning) {
    EXPECT_THAT(
        problems(pushing(sound(), kSecret, "unsids: {enabled: true}", "global")),
        ElementsAre(AllOf(
            HasSubstr("10:3: warning: 'handlers.push' has no 'url'"), HasSubstr("tenant 't'"),
            HasSubstr("retired in January 2022")
        ))
    );
    EXPECT_THAT(
        problems(pushing(
            sound("    url: https://Graph.Microsoft.com/beta/me/notifications/\n"), kSecret,
            "unsids: {enabled: true}", "china"
        )),
        ElementsAre(AllOf(
            HasSubstr("14:10: warning: 'handlers.push.url'"), HasSubstr("retired in January 2022")
        ))
    );
    EXPECT_THAT(
        problems(pushing(
            sound("    url: https://push.example/\n"), kSecret, "unsids: {enabled: true}", "us-gov"
        )),
        IsEmpty()
    );
}

TEST_F(ConfigUserNotificationsTest, AccessTokensDoNotTravelUnprotected) {
    EXPECT_THAT(
        problems(pushing(sound("    url: http://push.example/\n"))),
        ElementsAre(AllOf(HasSubstr("14:10: 'handlers.push.url' "), HasSubstr("https://")))
    );
    EXPECT_THAT(problems(pushing(sound("    url: http://localhost:1/\n"))), IsEmpty());
}

TEST_F(ConfigUserNotificationsTest, WhereNobodyCanHandInAnUnsidThatIsAWarning) {
    EXPECT_THAT(
        problems(pushing(sound(), kSecret, "unsids: {enabled: false}")),
        ElementsAre(AllOf(
            HasSubstr("10:3: warning: 'handlers.push' needs the UNSIDs of tenant 't'"),
            HasSubstr("'unsids.enabled' is false")
        ))
    );
    // A signed-in user is told by the token.
    EXPECT_THAT(
        problems(pushing(sound(), "refresh_token_file: /token", "unsids: {enabled: false}")),
        IsEmpty()
    );
}

TEST_F(ConfigUserNotificationsTest, ASignedInUserHasToHaveGrantedThePermission) {
    EXPECT_THAT(
        problems(pushing(sound(), "refresh_token_file: /token, scopes: [Mail.Read]")),
        ElementsAre(AllOf(
            HasSubstr("8:54: warning: 'tenants.t.credential.scopes' lacks"),
            HasSubstr("Notifications.ReadWrite.CreatedByApp")
        ))
    );
    EXPECT_THAT(
        problems(pushing(
            sound(),
            "refresh_token_file: /token, scopes: [Mail.Read, Notifications.ReadWrite.CreatedByApp]"
        )),
        IsEmpty()
    );
}

TEST_F(ConfigUserNotificationsTest, UnsidsAreOffUnlessTheyAreWanted) {
    const auto off = *parse(with("")).config;
    EXPECT_FALSE(off.unsids.enabled);
    EXPECT_EQ(off.unsids.scope, "");
    const auto on =
        *parse(pushing(sound(), kSecret, "unsids: {enabled: on, scope: Unsids.Register}")).config;
    EXPECT_TRUE(on.unsids.enabled);
    EXPECT_EQ(on.unsids.scope, "Unsids.Register");
    EXPECT_TRUE(parse(with("unsids: {enabled: false, scope: \"\"}\n")).config);
    EXPECT_THAT(
        changed_needing_restart(off, on),
        ::testing::IsSupersetOf({"unsids.enabled", "unsids.scope"})
    );
}

TEST_F(ConfigUserNotificationsTest, WithoutATenantNobodyCanHandInAnything) {
    EXPECT_THAT(
        problems(with("unsids:\n  enabled: true\n")),
        ElementsAre(HasSubstr("3:12: 'unsids.enabled' needs a tenant"))
    );
}

TEST_F(ConfigUserNotificationsTest, ATenantMayBeThereForUnsidsAlone) {
    const auto tenant = fmt::format(
        "tenants: {{t: {{tenant_id: {0}, client_id: {0}, credential: {{client_secret: x}}}}}}\n",
        kUuid
    );
    EXPECT_THAT(problems(with(tenant)), ElementsAre(HasSubstr("no subscription is of tenant 't'")));
    EXPECT_THAT(problems(with(tenant + "unsids: {enabled: true}\n")), IsEmpty());
}

TEST_F(ConfigUserNotificationsTest, AScopeIsOnePermissionAsTokensHaveIt) {
    for (const auto* wrong : {"'api://x/Unsids.Register'", "'A B'"}) {
        EXPECT_THAT(
            problems(with(fmt::format("unsids: {{scope: {}}}\n", wrong))),
            ElementsAre(HasSubstr("2:17: 'unsids.scope' is one permission"))
        ) << wrong;
    }
}

}  // namespace
}  // namespace graphhook::app
