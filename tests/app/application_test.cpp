// The application within this process: its metrics, and what a reload changes.

#include "app/application.hpp"

#include "app/config/config_file.hpp"
#include "tests/app/service_fixture.hpp"

#include <filesystem>
#include <regex>
#include <set>

namespace graphhook::app {
namespace {

using ::testing::HasSubstr;

std::set<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::set<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.insert(line);
    return lines;
}

class ApplicationTest : public test::ServiceFixture {
  protected:
    Config config(const std::string& text) {
        auto parsed = parse_config(text, process_environment(), file_system());
        EXPECT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "config");
        return std::move(*parsed.config);
    }
    std::unique_ptr<Application> make(const std::string& text) {
        return std::make_unique<Application>(
            config(text),
            Application::Surroundings{
                .clock = real_clock(),
                .on_store_failed = [](const Error& error) { ADD_FAILURE() << to_string(error); }
            }
        );
    }
};

TEST_F(ApplicationTest, TheNamesOfAllMetricsAreTheGoldenOnes) {
    const std::string root = GRAPHHOOK_SOURCE_DIR;
    const auto golden = lines_of(test::file_text(root + "/tests/app/metric_names.txt"));
    std::set<std::string> written;
    const std::regex name("\"(graphhook_[a-z0-9_]+)\"");
    for (const auto* file :
         {"/store/metrics.cpp", "/receiver/metrics.cpp", "/handlers/metrics.cpp",
          "/subscriptions/metrics.cpp", "/authenticity/key_set_metrics.cpp",
          "/app/service/key_folder.cpp", "/app/application.cpp"}) {
        const auto text = test::file_text(root + file);
        for (auto found = std::sregex_iterator(text.begin(), text.end(), name);
             found != std::sregex_iterator(); ++found)
            written.insert((*found)[1]);
    }
    EXPECT_EQ(written, golden);

    know_subscription();
    const auto application = make(config_text());
    ASSERT_TRUE(application->start());
    EXPECT_EQ(post(application->port(), notification(1)), 202);
    const auto text = application->metrics_text();
    const std::regex type("# TYPE ([a-z0-9_]+) ");
    std::size_t count = 0;
    for (auto found = std::sregex_iterator(text.begin(), text.end(), type);
         found != std::sregex_iterator(); ++found, ++count)
        EXPECT_TRUE(golden.contains((*found)[1])) << (*found)[1];
    EXPECT_GT(count, 20U);
    EXPECT_THAT(text, HasSubstr("graphhook_build_info{version=\"" GRAPHHOOK_VERSION "\"} 1"));
    EXPECT_THAT(text, HasSubstr("graphhook_notifications_received_total{"));
}

TEST_F(ApplicationTest, NoMetricNamesAnIdOfAUserOrASubscription) {
    know_subscription();
    const auto application = make(config_text());
    ASSERT_TRUE(application->start());
    EXPECT_EQ(post(application->port(), notification(1)), 202);
    const auto text = application->metrics_text();
    EXPECT_EQ(text.find(kGraphId), std::string::npos);
    EXPECT_EQ(text.find("users/x"), std::string::npos);
}

TEST_F(ApplicationTest, AReloadThatNeedsARestartChangesNothing) {
    const auto application = make(config_text());
    ASSERT_TRUE(application->start());
    auto text = config_text();
    text.replace(text.find("threads: 1"), 10, "threads: 2");
    text.replace(text.find("audit.jsonl"), 11, "other.jsonl");
    const auto reloaded = application->reload(config(text));
    ASSERT_FALSE(reloaded);
    EXPECT_EQ(reloaded.error().code, Errc::Refused);
    EXPECT_THAT(reloaded.error().detail, HasSubstr("receiver.threads"));
    text = config_text();
    text.replace(text.find("audit.jsonl"), 11, "other.jsonl");
    EXPECT_TRUE(application->reload(config(text)));
}

TEST_F(ApplicationTest, ACertificateThatIsNoneRefusesTheStartAndTheReload) {
    std::ofstream(dir.file("bad.crt")) << "no certificate\n";
    auto text = config_text();
    text.replace(text.find("server.crt"), 10, "bad.crt");
    const auto refused = make(text)->start();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::BadInput);
    EXPECT_THAT(refused.error().detail, HasSubstr("bad.crt"));

    const auto application = make(config_text());
    ASSERT_TRUE(application->start());
    EXPECT_FALSE(application->reload(config(text)));
    EXPECT_EQ(post(application->port(), R"({"value":[]})"), 202);
}

TEST_F(ApplicationTest, StoppingTwiceIsStoppingOnce) {
    const auto application = make(config_text());
    ASSERT_TRUE(application->start());
    application->stop();
    application->stop_at_once();
    application->stop();
}

}  // namespace
}  // namespace graphhook::app
