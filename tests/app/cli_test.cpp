// The built program's command line: exit codes, messages, and what a script reads.

#include "tests/app/service_fixture.hpp"

#include <boost/json/parse.hpp>

namespace graphhook::app {
namespace {

using test::Program;
using ::testing::HasSubstr;
using ::testing::Not;

class CliTest : public test::ServiceFixture {
  protected:
    Program graphhook(const std::vector<std::string>& arguments) {
        return Program(dir.path().string(), arguments, {{"GRAPHHOOK_CONFIG", config_path}});
    }
};

TEST_F(CliTest, VersionAndHelpExit0) {
    auto version = graphhook({"--version"});
    EXPECT_EQ(version.wait(), 0);
    EXPECT_THAT(version.out(), HasSubstr("graphhook " GRAPHHOOK_VERSION));
    const std::vector<std::vector<std::string>> commands = {
        {},
        {"serve"},
        {"check"},
        {"replay"},
        {"subscriptions"},
        {"subscriptions", "list"},
        {"subscriptions", "show"},
        {"subscriptions", "plan"},
        {"subscriptions", "apply"},
        {"subscriptions", "renew"},
        {"subscriptions", "delete"},
        {"subscriptions", "sweep"},
        {"subscriptions", "sweeps"},
        {"subscriptions", "templates"},
        {"doctor"},
        {"kinds"},
        {"login"},
        {"deliveries", "list"},
        {"deliveries", "show"},
        {"dead-letters", "list"},
        {"dead-letters", "show"},
        {"dead-letters", "replay"},
        {"dead-letters", "drop"},
        {"quarantine", "list"},
        {"quarantine", "show"},
        {"quarantine", "retry"},
        {"quarantine", "drop"},
        {"keys", "create"},
        {"keys", "list"},
        {"keys", "rotate"},
        {"inspect"},
        {"handlers", "list"},
        {"handlers", "pause"},
        {"handlers", "resume"},
        {"notify-user"},
        {"unsids", "list"},
        {"unsids", "drop"},
    };
    for (auto command : commands) {
        command.emplace_back("--help");
        auto help = graphhook(command);
        EXPECT_EQ(help.wait(), 0) << help.err();
        EXPECT_THAT(help.out(), HasSubstr("Examples:")) << command[0];
    }
}

TEST_F(CliTest, WrongUsageExits2) {
    write_config(config_text());
    const std::vector<std::vector<std::string>> wrong = {
        {},
        {"dance"},
        {"check", "--colour"},
        {"subscriptions"},
        {"subscriptions", "show"},
        {"deliveries", "list", "--state", "sleeping"},
        {"deliveries", "list", "--limit", "0"},
        {"deliveries", "list", "--output", "xml"},
        {"deliveries", "show", "one"},
        {"replay", "--since", "2h"},
        {"replay", "--handler", "audit"},
        {"replay", "--handler", "audit", "--since", "2h", "1"},
        {"dead-letters", "drop"},
        {"dead-letters", "drop", "--all", "1"},
        {"quarantine", "retry"},
        {"quarantine", "drop", "--all", "1"},
        {"keys"},
        {"keys", "create", "--bits", "1024"},
        {"keys", "create", "--days", "0"},
        {"handlers", "pause"},
        {"subscriptions", "list", "--limit", "0"},
        {"subscriptions", "sweep"},
        {"subscriptions", "sweep", "inbox", "--all"},
        {"login"},
        {"login", "nobody"},
        {"doctor", "--output", "xml"},
    };
    for (const auto& arguments : wrong) {
        auto program = graphhook(arguments);
        EXPECT_EQ(program.wait(), 2) << ::testing::PrintToString(arguments) << program.err();
        EXPECT_FALSE(program.err().empty());
    }
}

TEST_F(CliTest, CheckPrintsWhatItUnderstoodAndExits3WithProblems) {
    write_config(config_text("log: {level: debug}\n"));
    auto good = graphhook({"check"});
    EXPECT_EQ(good.wait(), 0) << good.err();
    EXPECT_THAT(good.out(), HasSubstr("level: debug"));
    EXPECT_THAT(good.out(), HasSubstr("repeat_window: 4h"));
    write_config(config_text("colour: red\nlog: {level: loud}\n"));
    auto bad = graphhook({"check"});
    EXPECT_EQ(bad.wait(), 3);
    EXPECT_EQ(bad.out(), "");
    EXPECT_THAT(bad.err(), HasSubstr(config_path + ":11:1: unknown key 'colour'"));
    EXPECT_THAT(bad.err(), HasSubstr(config_path + ":12:14: 'log.level': 'loud' is none of"));
    auto served = graphhook({"serve"});
    EXPECT_EQ(served.wait(), 3);
    EXPECT_THAT(served.err(), HasSubstr(":11:1: unknown key 'colour'"));
    auto missing = graphhook({"-c", dir.file("none.yaml"), "check"});
    EXPECT_EQ(missing.wait(), 3);
    EXPECT_THAT(missing.err(), HasSubstr("No such file"));
}

TEST_F(CliTest, ReadingWorksWhileServeIsDown) {
    know_subscription();
    write_config(config_text());
    auto list = graphhook({"subscriptions", "list", "--output", "json"});
    ASSERT_EQ(list.wait(), 0) << list.err();
    EXPECT_TRUE(boost::json::parse(list.out()).is_array());
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"deliveries", "list", "--output", "json"},
             {"dead-letters", "list", "--output", "json"},
             {"handlers", "list", "--output", "json"},
             {"subscriptions", "sweeps", "--output", "json"},
             {"subscriptions", "templates", "--output", "json"}
         }) {
        auto program = graphhook(arguments);
        EXPECT_EQ(program.wait(), 0) << program.err();
        EXPECT_TRUE(boost::json::parse(program.out()).is_array()) << program.out();
    }
    auto plan = graphhook({"subscriptions", "plan", "--output", "json"});
    EXPECT_EQ(plan.wait(), 0) << plan.err();
    EXPECT_TRUE(boost::json::parse(plan.out()).at("summary").is_object()) << plan.out();
    EXPECT_THAT(plan.err(), HasSubstr("planned from the store alone"));
    auto summary = graphhook({"subscriptions", "plan"});
    EXPECT_EQ(summary.wait(), 0) << summary.err();
    EXPECT_THAT(summary.out(), HasSubstr("0 to create, 0 to renew"));
    auto table = graphhook({"deliveries", "list"});
    EXPECT_EQ(table.wait(), 0);
    EXPECT_THAT(table.out(), HasSubstr("HANDLER"));
    EXPECT_THAT(table.out(), Not(HasSubstr("\x1b")));
    auto nothing = graphhook({"deliveries", "show", "41"});
    EXPECT_EQ(nothing.wait(), 1);
}

TEST_F(CliTest, ReadingNeedsNoSecret) {
    know_subscription();
    write_config(config_text(
        "tenants: {t: {tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, client_id: "
        "84bd8158-6d4d-4958-8b9f-9d6445542f95, credential: {client_secret: \"${NOT_SET_HERE}\"}}}\n"
    ));
    auto list = graphhook({"handlers", "list"});
    EXPECT_EQ(list.wait(), 0) << list.err();
}

TEST_F(CliTest, RepairingSaysThatServeIsNotRunning) {
    write_config(config_text());
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"replay", "--handler", "audit", "--since", "2h"},
             {"dead-letters", "drop", "--all"},
             {"handlers", "pause", "audit"},
             {"subscriptions", "apply"},
             {"subscriptions", "apply", "--no-wait"},
             {"subscriptions", "sweep", "--all"},
             {"subscriptions", "templates", "--expand", "inbox"},
             {"subscriptions", "renew", "inbox"},
             {"subscriptions", "delete", "inbox"}
         }) {
        auto program = graphhook(arguments);
        EXPECT_EQ(program.wait(), 1);
        EXPECT_THAT(program.err(), HasSubstr("'graphhook serve' is not running"));
    }
}

TEST_F(CliTest, AStoreThatIsNotThereExits3) {
    write_config(config_text());
    auto program = graphhook({"deliveries", "list"});
    EXPECT_EQ(program.wait(), 3);
    EXPECT_THAT(program.err(), HasSubstr("store.db"));
}

}  // namespace
}  // namespace graphhook::app
