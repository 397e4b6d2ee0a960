// `graphhook keys` while serve is down, from the folder and the store, and beside it.

#include "app/api/api.hpp"
#include "app/service/key_folder.hpp"
#include "authenticity/keyring.hpp"
#include "receiver/admin_server.hpp"
#include "subscriptions/sync/store_sync_table.hpp"
#include "tests/app/service_fixture.hpp"
#include "tests/support/open_store.hpp"

#include <boost/json/parse.hpp>

#include <filesystem>
#include <mutex>

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

/// What `serve` has of keys: the folder, the admin socket, and subscriptions that move.
class KeysBesideServeTest : public KeysCommandTest {
  protected:
    KeysBesideServeTest() {
        receiver::AdminOptions options;
        options.listen.clear();
        options.socket = dir.file("admin.sock");
        server = std::make_unique<receiver::AdminServer>(
            options, real_clock(), registry, health, api, [] {}
        );
        folder.read();
    }

    std::map<std::string, std::size_t> users() {
        const std::lock_guard lock(mutex);
        // Asked again, another one has been moved.
        if (moves && in_use["a"] > 0) {
            --in_use["a"];
            ++in_use[folder.certificate()->id];
        }
        return in_use;
    }

    std::mutex mutex;
    bool moves = false;
    std::map<std::string, std::size_t> in_use;
    test::OpenStore store;
    prometheus::Registry registry;
    subscriptions::Metrics metrics{registry};
    subscriptions::StoreSubscriptionTable table{*store};
    subscriptions::StoreSyncTable sync{*store, real_clock()};
    subscriptions::SubscriptionManager manager{
        {}, {.table = table, .sync = sync, .clock = real_clock(), .metrics = metrics}
    };
    KeysOptions key_options{.folder = keys, .passphrase = {}};
    KeyFolder folder{
        key_options,
        {.store = *store,
         .clock = real_clock(),
         .registry = registry,
         .in_use = [this] { return users(); },
         .on_change =
             [this] {
                 const std::lock_guard lock(mutex);
                 moves = true;
             }}
    };
    Api api{Api::Parts{
        .store = *store,
        .subscriptions = manager,
        .clock = real_clock(),
        .state = [] { return std::string_view("ready"); },
        .started_at = real_clock().system_now(),
        .keys = &folder
    }};
    receiver::Health health;
    std::unique_ptr<receiver::AdminServer> server;
};

TEST_F(KeysBesideServeTest, RotatingMovesEverySubscriptionAndSaysUntilWhenTheOldKeyStays) {
    ASSERT_EQ(graphhook({"keys", "create", "--id", "a"}).wait(), 0);
    folder.look();
    {
        const std::lock_guard lock(mutex);
        in_use["a"] = 3;
        moves = false;
    }
    ASSERT_TRUE(server->start());
    // The later of one second goes by its id.
    auto rotate = graphhook({"keys", "rotate", "--id", "b"});
    EXPECT_EQ(rotate.wait(), 0) << rotate.err();
    EXPECT_THAT(rotate.err(), HasSubstr("subscriptions moved"));
    EXPECT_THAT(rotate.out(), HasSubstr("done: every subscription with resource data uses"));
    EXPECT_THAT(rotate.out(), HasSubstr("'a' stays until "));
    const auto rows = listed();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].at("id").as_string(), "b");
    EXPECT_EQ(rows[0].at("state").as_string(), "current");
    EXPECT_EQ(rows[0].at("subscriptions").to_number<int>(), 3);
    EXPECT_EQ(rows[1].at("state").as_string(), "idle");
}

TEST_F(KeysBesideServeTest, AKeyThatServeDoesNotSeeIsToldAndNothingIsWaitedFor) {
    ASSERT_TRUE(server->start());
    write_config(config_text(fmt::format("keys: {{folder: '{}'}}\n", dir.file("elsewhere"))));
    auto rotate = graphhook({"keys", "rotate"});
    EXPECT_EQ(rotate.wait(), 1);
    EXPECT_THAT(rotate.err(), HasSubstr("does not see"));
}

TEST_F(KeysBesideServeTest, WhoDoesNotWaitIsToldThatItGoesOn) {
    ASSERT_TRUE(server->start());
    auto rotate = graphhook({"keys", "rotate", "--no-wait", "--output", "json"});
    EXPECT_EQ(rotate.wait(), 0) << rotate.err();
    const auto said = boost::json::parse(rotate.out());
    EXPECT_EQ(said.at("made").at("bits").to_number<int>(), 2'048);
    EXPECT_TRUE(said.at("complete").as_bool());
    EXPECT_EQ(said.at("keys").as_array().size(), 1U);
}

}  // namespace
}  // namespace graphhook::app
