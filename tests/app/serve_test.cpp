// `graphhook serve` as a process of its own: what it tells systemd, how it ends, and that what it
// answered 202 is handled.

#include "tests/app/service_fixture.hpp"

#include <boost/json/parse.hpp>

#include <csignal>

namespace graphhook::app {
namespace {

using test::NotifySocket;
using test::Program;
using ::testing::HasSubstr;
using ::testing::Not;

class ServeTest : public test::ServiceFixture {
  protected:
    struct Served {
        std::unique_ptr<Program> program;
        std::uint16_t port = 0;
    };

    /// Runs until it said that it is ready.
    Served serve() {
        Served served;
        served.program = std::make_unique<Program>(
            dir.path().string(), std::vector<std::string>{"-c", config_path, "serve"},
            Program::Environment{{"NOTIFY_SOCKET", dir.file("notify")}}
        );
        EXPECT_TRUE(manager.wait_for("READY=1")) << served.program->err();
        std::smatch found;
        const auto log = served.program->err();
        EXPECT_TRUE(std::regex_search(log, found, std::regex("serves port=(\\d+)"))) << log;
        served.port = static_cast<std::uint16_t>(std::stoi(found[1]));
        return served;
    }

    Program graphhook(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"-c", config_path});
        return Program(dir.path().string(), arguments);
    }

    NotifySocket manager{dir.file("notify")};
};

TEST_F(ServeTest, WhatWasAnswered202IsHandledAndSigtermEndsWith0) {
    know_subscription();
    write_config(config_text());
    auto served = serve();
    EXPECT_EQ(post(served.port, notification(1)), 202);
    EXPECT_EQ(post(served.port, notification(2)), 202);
    EXPECT_TRUE(lines_come(dir.file("audit.jsonl"), 2));
    served.program->signal(SIGTERM);
    EXPECT_TRUE(manager.wait_for("STOPPING=1"));
    EXPECT_EQ(served.program->wait(), 0) << served.program->err();
    const auto lines = test::file_text(dir.file("audit.jsonl"));
    EXPECT_THAT(lines, HasSubstr("Users/x/Messages/m2"));
    EXPECT_THAT(lines, Not(HasSubstr(kClientState)));

    auto shown = graphhook({"deliveries", "list", "--output", "json"});
    ASSERT_EQ(shown.wait(), 0) << shown.err();
    const auto rows = boost::json::parse(shown.out()).as_array();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].at("state").as_string(), "done");
    EXPECT_EQ(rows[0].at("handler").as_string(), "audit");
    auto one = graphhook({"deliveries", "show", std::string(rows[1].at("id").as_string())});
    EXPECT_EQ(one.wait(), 0) << one.err();
    EXPECT_THAT(one.out(), HasSubstr("Users/x/Messages/m2"));
}

TEST_F(ServeTest, ASecondSigtermStopsAtOnce) {
    auto text = config_text();
    text.replace(text.find("drain_delay: 0s"), 15, "drain_delay: 10m");
    write_config(text);
    auto served = serve();
    served.program->signal(SIGTERM);
    EXPECT_TRUE(manager.wait_for("STOPPING=1"));
    served.program->signal(SIGTERM);
    EXPECT_EQ(served.program->wait(), 0) << served.program->err();
}

TEST_F(ServeTest, ASecondServeOnOneStoreExits3NamingTheHolder) {
    write_config(config_text());
    auto served = serve();
    auto second = graphhook({"serve"});
    EXPECT_EQ(second.wait(), 3);
    EXPECT_THAT(second.err(), HasSubstr("(pid "));
    EXPECT_THAT(second.err(), HasSubstr("serves this store"));
}

TEST_F(ServeTest, AStoreOfANewerReleaseExits3) {
    know_subscription();
    write_config(config_text());
    // The schema's version is what SQLite calls the user version: four bytes at offset 60.
    std::fstream file(dir.file("store.db"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.write("\x00\x00\x27\x0f", 4);
    file.close();
    auto program = graphhook({"serve"});
    EXPECT_EQ(program.wait(), 3);
    EXPECT_THAT(program.err(), HasSubstr("newer schema"));
    auto reading = graphhook({"deliveries", "list"});
    EXPECT_EQ(reading.wait(), 3);
}

TEST_F(ServeTest, ACorruptStoreExits3) {
    write_config(config_text());
    std::ofstream(dir.file("store.db")) << std::string(8'192, 'x');
    auto program = graphhook({"serve"});
    EXPECT_EQ(program.wait(), 3);
    EXPECT_THAT(program.err(), HasSubstr("corrupt"));
}

TEST_F(ServeTest, AStoreThatFailsToWriteAcknowledgesNothingAndExits1) {
    know_subscription();
    write_config(config_text());
    auto served = serve();
    EXPECT_EQ(post(served.port, notification(1)), 202);
    EXPECT_TRUE(lines_come(dir.file("audit.jsonl"), 1));
    served.program->forbid_writing();
    // 503, or a closed connection where the end was quicker.
    EXPECT_NE(post(served.port, notification(2)), 202);
    EXPECT_EQ(served.program->wait(), 1);

    // What was refused comes again, as Graph would send it, and finds the store in order.
    auto again = serve();
    EXPECT_EQ(post(again.port, notification(2)), 202);
    EXPECT_TRUE(lines_come(dir.file("audit.jsonl"), 2));
}

TEST_F(ServeTest, ATakenAddressExits1) {
    write_config(config_text());
    auto served = serve();
    auto text = config_text();
    text.replace(text.find("127.0.0.1:0"), 11, fmt::format("127.0.0.1:{}", served.port));
    text.replace(text.find("store.db"), 8, "other.db");
    text.replace(text.find("admin.sock"), 10, "other.sock");
    write_config(text);
    auto second = graphhook({"serve"});
    EXPECT_EQ(second.wait(), 1) << second.err();
}

TEST_F(ServeTest, AReloadIsTakenUpOrRefusedByName) {
    know_subscription();
    write_config(config_text());
    auto served = serve();
    // A handler more, and another place for the first.
    auto text = config_text(fmt::format(
        "  more: {{type: file, path: \"{}/more.jsonl\", routes: [{{}}]}}\n", dir.path().string()
    ));
    text.replace(text.find("audit.jsonl"), 11, "moved.jsonl");
    write_config(text);
    served.program->signal(SIGHUP);
    EXPECT_TRUE(manager.wait_for("RELOADING=1"));
    EXPECT_TRUE(manager.wait_for("READY=1\nSTATUS=serving"));
    EXPECT_THAT(served.program->err(), HasSubstr("configuration reloaded"));
    EXPECT_EQ(post(served.port, notification(1)), 202);
    EXPECT_TRUE(lines_come(dir.file("moved.jsonl"), 1));
    EXPECT_TRUE(lines_come(dir.file("more.jsonl"), 1));

    auto restart = text;
    restart.replace(restart.find("threads: 1"), 10, "threads: 2");
    restart.replace(restart.find("moved.jsonl"), 11, "never.jsonl");
    write_config(restart);
    served.program->signal(SIGHUP);
    EXPECT_TRUE(manager.wait_for("READY=1\nSTATUS=serving; the last reload was refused"));
    EXPECT_THAT(served.program->err(), HasSubstr("these keys need a restart: receiver.threads"));

    write_config(text + "colour: red\n");
    served.program->signal(SIGHUP);
    EXPECT_TRUE(manager.wait_for("READY=1\nSTATUS=serving; the last reload was refused"));
    EXPECT_THAT(served.program->err(), HasSubstr("unknown key 'colour'"));

    EXPECT_EQ(post(served.port, notification(2)), 202);
    EXPECT_TRUE(lines_come(dir.file("moved.jsonl"), 2));
    EXPECT_EQ(test::file_text(dir.file("never.jsonl")), "");
    served.program->signal(SIGTERM);
    EXPECT_EQ(served.program->wait(), 0);
}

TEST_F(ServeTest, RepairsAreAskedOfTheRunningServe) {
    know_subscription();
    write_config(config_text());
    auto served = serve();
    EXPECT_EQ(post(served.port, notification(1)), 202);
    EXPECT_TRUE(lines_come(dir.file("audit.jsonl"), 1));
    auto replay = graphhook({"replay", "--handler", "audit", "--since", "1h", "--output", "json"});
    ASSERT_EQ(replay.wait(), 0) << replay.err();
    EXPECT_EQ(boost::json::parse(replay.out()).at("replayed").as_int64(), 1);
    EXPECT_TRUE(lines_come(dir.file("audit.jsonl"), 2));

    auto pause = graphhook({"handlers", "pause", "audit"});
    EXPECT_EQ(pause.wait(), 0) << pause.err();
    EXPECT_EQ(post(served.port, notification(2)), 202);
    auto list = graphhook({"handlers", "list", "--output", "json"});
    ASSERT_EQ(list.wait(), 0) << list.err();
    bool seen = false;
    const auto rows = boost::json::parse(list.out()).as_array();
    for (const auto& row : rows) {
        if (row.at("handler").as_string() != "audit") continue;
        seen = true;
        EXPECT_TRUE(row.at("paused").as_bool());
        EXPECT_EQ(row.at("waiting").to_number<int>(), 1);
    }
    EXPECT_TRUE(seen);
    auto resume = graphhook({"handlers", "resume", "audit"});
    EXPECT_EQ(resume.wait(), 0) << resume.err();
    EXPECT_TRUE(lines_come(dir.file("audit.jsonl"), 3));
    EXPECT_THAT(served.program->err(), HasSubstr("/handlers/audit/pause"));

    auto unknown = graphhook({"subscriptions", "renew", "nobody"});
    EXPECT_EQ(unknown.wait(), 1);
    auto dead = graphhook({"dead-letters", "replay", "--all"});
    EXPECT_EQ(dead.wait(), 0) << dead.err();
    EXPECT_THAT(dead.out(), HasSubstr("replayed: 0"));
}

}  // namespace
}  // namespace graphhook::app
