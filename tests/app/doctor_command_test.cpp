// `graphhook doctor` as a process: beside `serve` and without it.

#include "tests/app/service_fixture.hpp"

#include <boost/json/parse.hpp>

#include <csignal>
#include <filesystem>

namespace graphhook::app {
namespace {

using test::NotifySocket;
using test::Program;
using ::testing::HasSubstr;

class DoctorCommandTest : public test::ServiceFixture {
  protected:
    Program doctor() {
        // The test's own certificate is everybody's authority.
        return Program(
            dir.path().string(), {"-c", config_path, "doctor", "--output", "json"},
            {{"SSL_CERT_FILE", dir.file("server.crt")}}
        );
    }

    static std::string level_of(const boost::json::array& rows, std::string_view check) {
        std::string levels;
        for (const auto& row : rows) {
            if (row.at("check").as_string() == check)
                levels += std::string(row.at("level").as_string()) + " ";
        }
        return levels;
    }
};

TEST_F(DoctorCommandTest, WithoutServeItSaysThatNobodyAnswersAndExits1) {
    know_subscription();
    auto text = config_text();
    // Port 1 of this machine: nobody.
    text.replace(text.find("https://localhost/graph"), 23, "https://localhost:1/graph");
    write_config(text);
    auto program = doctor();
    EXPECT_EQ(program.wait(), 1) << program.err();
    const auto rows = boost::json::parse(program.out()).as_array();
    EXPECT_EQ(level_of(rows, "configuration"), "ok ");
    EXPECT_EQ(level_of(rows, "serve"), "warn ");
    EXPECT_EQ(level_of(rows, "store"), "ok ");
    EXPECT_EQ(level_of(rows, "certificate"), "warn ");
    EXPECT_EQ(level_of(rows, "public-url"), "fail fail ");
    EXPECT_EQ(level_of(rows, "subscription"), "ok ");
}

TEST_F(DoctorCommandTest, AnUnsoundConfigurationIsToldLineByLineAndExits3) {
    write_config("receiver: {}\ncolour: red\n");
    auto program = doctor();
    EXPECT_EQ(program.wait(), 3);
    const auto rows = boost::json::parse(program.out()).as_array();
    EXPECT_EQ(level_of(rows, "configuration"), "fail fail fail ");
    EXPECT_THAT(program.out(), HasSubstr("unknown key 'colour'"));
}

TEST_F(DoctorCommandTest, BesideServeTheHandshakeGoesThroughTheRealNameAndTheStoreIsAsked) {
    // Longer than two weeks, or it would be a warning.
    test::write_certificate(
        dir.path(), test::make_certificate("localhost", std::chrono::hours(24 * 60))
    );
    NotifySocket manager{dir.file("notify")};
    // The address is fixed before the public URL can name it: bound, noted, and given back.
    std::uint16_t port = 0;
    {
        write_config(config_text());
        Program first(
            dir.path().string(), {"-c", config_path, "serve"},
            {{"NOTIFY_SOCKET", dir.file("notify")}}
        );
        ASSERT_TRUE(manager.wait_for("READY=1")) << first.err();
        std::smatch found;
        const auto log = first.err();
        ASSERT_TRUE(std::regex_search(log, found, std::regex("serves port=(\\d+)")));
        port = static_cast<std::uint16_t>(std::stoi(found[1]));
        first.signal(SIGTERM);
        EXPECT_EQ(first.wait(), 0);
    }
    auto text = config_text();
    text.replace(text.find("127.0.0.1:0"), 11, fmt::format("127.0.0.1:{}", port));
    text.replace(
        text.find("https://localhost/graph"), 23, fmt::format("https://localhost:{}/graph", port)
    );
    write_config(text);
    Program serve(
        dir.path().string(), {"-c", config_path, "serve"}, {{"NOTIFY_SOCKET", dir.file("notify")}}
    );
    ASSERT_TRUE(manager.wait_for("READY=1")) << serve.err();
    auto program = doctor();
    EXPECT_EQ(program.wait(), 0) << program.out() << program.err();
    const auto rows = boost::json::parse(program.out()).as_array();
    EXPECT_EQ(level_of(rows, "serve"), "ok ");
    EXPECT_EQ(level_of(rows, "public-url"), "ok ok ") << program.out();
    EXPECT_EQ(level_of(rows, "certificate"), "ok ");
    EXPECT_EQ(level_of(rows, "handler"), "ok ");
}

}  // namespace
}  // namespace graphhook::app
