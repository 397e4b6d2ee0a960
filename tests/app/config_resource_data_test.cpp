// What the configuration says of resource data: `keys`, `resource_data`, the quarantine's bounds.

#include "tests/app/config_fixture.hpp"

namespace graphhook::app {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ConfigResourceDataTest : public ConfigFixture {
  protected:
    /// A rich subscription for the handler `h`, which is what `handlers` says.
    static std::string rich(const std::string& handlers, const std::string& more = "") {
        return with(
                   "tenants: {t: {tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, client_id: "
                   "84bd8158-6d4d-4958-8b9f-9d6445542f95, credential: {client_secret: pw}}}\n"
                   "handlers: " +
                   handlers + "\n"
               ) +
               "subscriptions:\n  s:\n    tenant: t\n    changes: [updated]\n"
               "    resource: users/u/events?$select=subject\n    resource_data: true\n" +
               more;
    }
};

TEST_F(ConfigResourceDataTest, KeysHaveAFolderAPassphraseAndTheirTimes) {
    const auto none = *parse(with("")).config;
    EXPECT_EQ(none.keys.folder, "/var/lib/graphhook/keys");
    EXPECT_TRUE(none.keys.passphrase.empty());
    EXPECT_EQ(none.keys.retire_after, std::chrono::hours(7 * 24));
    EXPECT_EQ(none.keys.threads, 0U);
    EXPECT_FALSE(none.any_resource_data());
    const auto all = *parse(with("keys: {folder: /k, passphrase_file: /secret, retire_after: 4h, "
                                 "threads: 3}\n"))
                          .config;
    EXPECT_EQ(all.keys.folder, "/k");
    EXPECT_EQ(all.keys.passphrase.reveal(), "from file");
    EXPECT_EQ(all.keys.retire_after, std::chrono::hours(4));
    EXPECT_EQ(all.keys.threads, 3U);
}

TEST_F(ConfigResourceDataTest, APassphraseIsGivenOnceAndNotShown) {
    EXPECT_THAT(
        problems(with("keys: {passphrase: opensesame, passphrase_file: /secret}\n")),
        ElementsAre(HasSubstr("'keys.passphrase' and 'passphrase_file' are both given"))
    );
    const auto config = *parse(with("keys: {passphrase: opensesame}\n")).config;
    EXPECT_THAT(print_config(config), Not(HasSubstr("opensesame")));
}

TEST_F(ConfigResourceDataTest, AKeyIsNeverRetiredBeforeGraphsRetriesAreOver) {
    EXPECT_THAT(
        problems(with("keys: {retire_after: 239m}\n")), Contains(HasSubstr("'keys.retire_after'"))
    );
}

TEST_F(ConfigResourceDataTest, TheQuarantineIsBoundedInNumberAndAge) {
    const auto config =
        *parse(with("store: {quarantine_items: 5, quarantine_retain: 2d}\n")).config;
    EXPECT_EQ(config.store.quarantine_items, 5U);
    EXPECT_EQ(config.store.quarantine_retain, std::chrono::hours(48));
    EXPECT_THAT(problems(with("store: {quarantine_items: 0}\n")), Not(IsEmpty()));
}

TEST_F(ConfigResourceDataTest, SubscriptionsAndHandlersAskForResourceData) {
    const auto config =
        *parse(rich("{h: {type: http, url: 'https://x', resource_data: true}}", "    handlers: h\n")
        )
             .config;
    EXPECT_TRUE(config.any_resource_data());
    EXPECT_TRUE(config.subscriptions.wanted.at(0).resource_data);
    EXPECT_TRUE(config.handlers.at(0).resource_data);
    EXPECT_THAT(
        problems(
            rich("{h: {type: file, path: /f, resource_data: true, routes: [{subscriptions: s}]}}")
        ),
        IsEmpty()
    );
}

TEST_F(ConfigResourceDataTest, ResourceDataThatNoHandlerReadsIsAWarning) {
    constexpr const char* kNobody = "so nobody reads what Graph encrypts";
    EXPECT_THAT(
        problems(rich("{h: {type: http, url: 'https://x'}}", "    handlers: h\n")),
        ElementsAre(::testing::AllOf(HasSubstr("9:20: warning: "), HasSubstr(kNobody)))
    );
    // Another handler's wish does not count.
    EXPECT_THAT(
        problems(rich(
            "{h: {type: log}, o: {type: http, url: 'https://x', resource_data: true, routes: "
            "[{subscriptions: s, lifecycle: true}]}}",
            "    handlers: h\n"
        )),
        Contains(HasSubstr(kNobody))
    );
}

TEST_F(ConfigResourceDataTest, AHandlerMayAskWhereNoSubscriptionHasIt) {
    EXPECT_THAT(
        problems(with("handlers: {h: {type: file, path: /f, resource_data: true, routes: [{}]}}\n")
        ),
        IsEmpty()
    );
}

TEST_F(ConfigResourceDataTest, ALogNeverHandsOverResourceData) {
    EXPECT_THAT(
        problems(with("handlers: {h: {type: log, resource_data: true, routes: [{}]}}\n")),
        ElementsAre("2:27: 'handlers.h.resource_data' belongs to handlers of type http or file or "
                    "user_notification, not log")
    );
}

}  // namespace
}  // namespace graphhook::app
