// `graphhook keys` while serve is down: from the folder and the store.

#include "tests/app/service_fixture.hpp"

#include <boost/json/parse.hpp>

#include "authenticity/keyring.hpp"
#include <filesystem>

namespace graphhook::app {
namespace {

using test::Program;
using ::testing::HasSubstr;
using ::testing::Not;

class KeysCommandTest : public test::ServiceFixture {
  protected:
    KeysCommandTest() { write_config(config_text(fmt::format("keys: {{folder: '{}'}}\n", keys))); }

    Program graphhook(const std::vector<std::string>& arguments) {
        return Program(dir.path().string(), arguments, {{"GRAPHHOOK_CONFIG", config_path}});
    }

    boost::json::array listed() {
        auto list = graphhook({"keys", "list", "--output", "json"});
        EXPECT_EQ(list.wait(), 0) << list.err();
        return boost::json::parse(list.out()).as_array();
    }

    /// A live subscription of that certificate, as `serve` would have stored it.
    void know_rich_subscription(const std::string& certificate) const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        store::SubscriptionRecord record;
        record.state = store::SubscriptionState::Active;
        record.name = "inbox";
        record.tenant = "contoso";
        record.kind = "message";
        record.resource = "users/x/messages";
        record.changes = "created";
        record.graph_id = kGraphId;
        record.state_hash = sha256(kClientState);
        record.certificate_id = certificate;
        record.created_at = real_clock().system_now();
        record.expires_at = record.created_at + std::chrono::hours(24);
        const auto put = wait_for<std::int64_t>([&](Completion<std::int64_t> done) {
            store->put_subscription(record, std::move(done));
        });
        ASSERT_TRUE(put);
    }

    std::string keys = dir.file("keys");
};

TEST_F(KeysCommandTest, WithoutKeysTheListSaysHowToMakeOne) {
    auto list = graphhook({"keys", "list"});
    EXPECT_EQ(list.wait(), 0) << list.err();
    EXPECT_THAT(list.err(), HasSubstr("'graphhook keys create' makes one"));
}

TEST_F(KeysCommandTest, ACreatedKeyIsListedAndItsPrivatePartIsNeverPrinted) {
    auto made = graphhook({"keys", "create", "--id", "mail", "--days", "30"});
    EXPECT_EQ(made.wait(), 0) << made.err();
    EXPECT_THAT(made.out(), HasSubstr("made 'mail' (2048 bits, valid until "));
    EXPECT_THAT(made.out() + made.err(), Not(HasSubstr("PRIVATE")));
    const auto rows = listed();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("id").as_string(), "mail");
    EXPECT_EQ(rows[0].at("state").as_string(), "current");
    EXPECT_EQ(rows[0].at("bits").to_number<int>(), 2'048);
    EXPECT_EQ(rows[0].at("thumbprint").as_string().size(), 40U);
    auto again = graphhook({"keys", "create", "--id", "mail"});
    EXPECT_EQ(again.wait(), 1);
    auto unfit = graphhook({"keys", "create", "--id", "../mail"});
    EXPECT_EQ(unfit.wait(), 1);
}

TEST_F(KeysCommandTest, WithoutAnIdTheDateMakesOneThatIsFree) {
    for (int i = 0; i < 2; ++i) {
        auto made = graphhook({"keys", "create", "--output", "json"});
        EXPECT_EQ(made.wait(), 0) << made.err();
        const auto id = std::string(boost::json::parse(made.out()).at("id").as_string());
        EXPECT_TRUE(std::filesystem::exists(keys + "/" + id + ".pem")) << id;
    }
    EXPECT_EQ(listed().size(), 2U);
}

TEST_F(KeysCommandTest, TheListSaysWhoUsesAKeyAndWhichIsRetired) {
    ASSERT_EQ(graphhook({"keys", "create", "--id", "a"}).wait(), 0);
    ASSERT_EQ(graphhook({"keys", "create", "--id", "b"}).wait(), 0);
    ASSERT_EQ(graphhook({"keys", "create", "--id", "c"}).wait(), 0);
    const auto old = authenticity::read_key(keys + "/c.pem", {});
    ASSERT_TRUE(old);
    ASSERT_TRUE(authenticity::retire_key(**old));
    know_rich_subscription("a");
    std::map<std::string, std::string> states;
    for (const auto& row : listed())
        states[std::string(row.at("id").as_string())] = std::string(row.at("state").as_string());
    EXPECT_EQ(
        states,
        (std::map<std::string, std::string>{{"a", "in_use"}, {"b", "current"}, {"c", "retired"}})
    );
}

TEST_F(KeysCommandTest, ARotationIsNotBegunBeforeTheLastIsCompleteUnlessForced) {
    ASSERT_EQ(graphhook({"keys", "create", "--id", "a"}).wait(), 0);
    know_rich_subscription("a");
    auto first = graphhook({"keys", "rotate", "--id", "b"});
    EXPECT_EQ(first.wait(), 0) << first.err();
    EXPECT_THAT(first.out(), HasSubstr("is not running: when it starts"));
    EXPECT_THAT(first.out(), HasSubstr("those of 'a' are moved to it"));
    auto second = graphhook({"keys", "rotate", "--id", "c"});
    EXPECT_EQ(second.wait(), 1);
    EXPECT_THAT(second.err(), HasSubstr("1 subscriptions still use 'a'"));
    EXPECT_FALSE(std::filesystem::exists(keys + "/c.pem"));
    auto forced = graphhook({"keys", "rotate", "--id", "c", "--force"});
    EXPECT_EQ(forced.wait(), 0) << forced.err();
    EXPECT_TRUE(std::filesystem::exists(keys + "/c.pem"));
}

TEST_F(KeysCommandTest, AFolderThatOthersMayReadIsRefused) {
    ASSERT_EQ(graphhook({"keys", "create", "--id", "a"}).wait(), 0);
    std::filesystem::permissions(keys, std::filesystem::perms(0755));
    auto list = graphhook({"keys", "list"});
    EXPECT_EQ(list.wait(), 1);
    EXPECT_THAT(list.err(), HasSubstr(keys));
}

}  // namespace
}  // namespace graphhook::app
