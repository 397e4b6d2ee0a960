// `graphhook unsids`: listed from the store, dropped by a running serve.

#include "app/cli/admin_client.hpp"
#include "tests/app/unsids_fixture.hpp"
#include "tests/support/hand_clock.hpp"

#include <boost/json/parse.hpp>

#include <csignal>

namespace graphhook::app {
namespace {

using test::NotifySocket;
using test::Program;
using ::testing::HasSubstr;
using ::testing::Not;

class UnsidsCommandTest : public test::ServiceFixture {
  protected:
    UnsidsCommandTest() {
        write_config(config_text(fmt::format(
            "tenants: {{contoso: {{tenant_id: {}, client_id: {}, credential: {{client_secret: "
            "pw}}}}}}\n",
            kTenantId, kClientId
        )));
    }

    Program graphhook(const std::vector<std::string>& arguments) {
        return Program(dir.path().string(), arguments, {{"GRAPHHOOK_CONFIG", config_path}});
    }

    boost::json::array listed(std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"unsids", "list", "--output", "json"});
        auto list = graphhook(more);
        EXPECT_EQ(list.wait(), 0) << list.err();
        return boost::json::parse(list.out()).as_array();
    }

    /// As client apps have handed them in, while nobody serves.
    void know(const std::vector<store::Unsid>& unsids) const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        // An hour ago, so that its housekeeping leaves what has expired since.
        test::HandClock clock(real_clock().system_now() - std::chrono::hours(1));
        const auto store = store::open_store(options, clock, metrics).value();
        for (const auto& unsid : unsids) put(*store, unsid);
    }
};

TEST_F(UnsidsCommandTest, TheListIsReadFromTheStoreAndNamesTenantsAsConfigured) {
    auto foreign = an_unsid("of-another");
    foreign.tenant_id = "99999999-6d4d-4958-8b9f-9d6445542f95";
    foreign.registered_at += std::chrono::minutes(1);
    know({an_unsid("first"), foreign, an_unsid("second", "ios")});
    const auto rows = listed();
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(std::string(rows[0].at("tenant").as_string()), foreign.tenant_id);
    EXPECT_EQ(rows[1].at("tenant").as_string(), "contoso");
    EXPECT_EQ(rows[1].at("unsid").as_string(), "second");
    EXPECT_EQ(rows[1].at("platform").as_string(), "ios");
    EXPECT_EQ(rows[1].at("user_id").as_string(), kUserId);
    EXPECT_EQ(rows[1].at("client_id").as_string(), kClientId);
    EXPECT_TRUE(rows[1].at("live").as_bool());
    auto table = graphhook({"unsids", "list"});
    EXPECT_EQ(table.wait(), 0) << table.err();
    EXPECT_THAT(table.out(), HasSubstr("REGISTERED"));
    EXPECT_THAT(table.out(), HasSubstr("contoso"));
}

TEST_F(UnsidsCommandTest, TheListIsNarrowedByTenantUserAndUnsid) {
    know({an_unsid("first"), an_unsid("second")});
    EXPECT_EQ(listed({"--tenant", "contoso"}).size(), 2U);
    EXPECT_EQ(listed({"--tenant", "84BD8158-6D4D-4958-8B9F-9D6445542F95"}).size(), 2U);
    EXPECT_EQ(listed({"--user", "3F0C8A52-9d0e-4b52-8a3e-2f5f0c3f7a10"}).size(), 2U);
    EXPECT_EQ(listed({"--user", kClientId}).size(), 0U);
    EXPECT_EQ(listed({"--unsid", "first"}).size(), 1U);
    auto cut = graphhook({"unsids", "list", "--limit", "1", "--output", "json"});
    EXPECT_EQ(cut.wait(), 0);
    EXPECT_EQ(boost::json::parse(cut.out()).as_array().size(), 1U);
    EXPECT_THAT(cut.err(), HasSubstr("there are more"));
}

TEST_F(UnsidsCommandTest, WhatHasExpiredIsListedOnlyWithAll) {
    know({an_unsid("old", "windows", std::chrono::seconds(-5)), an_unsid("new")});
    EXPECT_EQ(listed().size(), 1U);
    const auto rows = listed({"--all"});
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_FALSE(rows[rows[0].at("unsid").as_string() == "old" ? 0 : 1].at("live").as_bool());
}

TEST_F(UnsidsCommandTest, WrongUsageIsRefusedByName) {
    know({});
    const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
        {{"unsids"}, "subcommand"},
        {{"unsids", "list", "--tenant", "nobody"}, "no tenant 'nobody'"},
        {{"unsids", "list", "--user", "someone"}, "--user is not an object id (GUID)"},
        {{"unsids", "list", "--unsid", "a b"}, "--unsid is not 1 to 128"},
        {{"unsids", "list", "--limit", "0"}, "--limit"},
        {{"unsids", "drop"}, "say which"},
        {{"unsids", "drop", "--all"}, "say which"},
        {{"unsids", "drop", "--tenant", "contoso"}, "say which"},
        {{"unsids", "drop", "--user", kUserId, "--all"}, "say which"},
        {{"unsids", "drop", "--user", "someone"}, "--user is not an object id (GUID)"},
    };
    for (const auto& [arguments, why] : wrong) {
        auto program = graphhook(arguments);
        EXPECT_EQ(program.wait(), 2) << ::testing::PrintToString(arguments);
        EXPECT_THAT(program.err(), HasSubstr(why));
    }
}

TEST_F(UnsidsCommandTest, DroppingIsAskedOfServe) {
    auto alone = graphhook({"unsids", "drop", "--user", kUserId});
    EXPECT_EQ(alone.wait(), 1);
    EXPECT_THAT(alone.err(), HasSubstr("'graphhook serve' is not running"));
    AdminBeside serve(dir.file("admin.sock"));
    put(*serve.store, an_unsid("first"));
    put(*serve.store, an_unsid("second"));
    auto one = graphhook({"unsids", "drop", "--unsid", "first"});
    EXPECT_EQ(one.wait(), 0) << one.err();
    EXPECT_THAT(one.out(), HasSubstr("1"));
    auto everyone =
        graphhook({"unsids", "drop", "--tenant", "contoso", "--all", "--output", "json"});
    EXPECT_EQ(everyone.wait(), 0) << everyone.err();
    EXPECT_EQ(boost::json::parse(everyone.out()).at("dropped").to_number<int>(), 1);
}

TEST_F(UnsidsCommandTest, ServeLogsWhoDroppedButNotTheUnsid) {
    know({an_unsid("1c6ae8a5-secret-unsid")});
    // Without a tenant it asks nobody outside.
    write_config(config_text());
    NotifySocket manager(dir.file("notify"));
    Program serve(
        dir.path().string(), {"-c", config_path, "serve"}, {{"NOTIFY_SOCKET", dir.file("notify")}}
    );
    ASSERT_TRUE(manager.wait_for("READY=1")) << serve.err();
    EXPECT_EQ(listed().size(), 1U);
    auto drop = graphhook({"unsids", "drop", "--unsid", "1c6ae8a5-secret-unsid"});
    EXPECT_EQ(drop.wait(), 0) << drop.err();
    EXPECT_EQ(listed().size(), 0U);
    AdminClient client(dir.file("admin.sock"));
    for (const auto& body : std::vector<boost::json::value>{
             {{"unsids", "1c6ae8a5-secret-unsid"}}, {"1c6ae8a5-secret-unsid"}
         }) {
        EXPECT_FALSE(client.call("POST", "/api/v1/%75nsids/drop", body));
    }
    serve.signal(SIGTERM);
    EXPECT_EQ(serve.wait(), 0) << serve.err();
    EXPECT_THAT(serve.err(), HasSubstr("repair path=/unsids/drop"));
    EXPECT_THAT(serve.err(), HasSubstr("***"));
    EXPECT_THAT(serve.err(), HasSubstr("by="));
    EXPECT_THAT(serve.err(), Not(HasSubstr("1c6ae8a5-secret-unsid")));
}

}  // namespace
}  // namespace graphhook::app
