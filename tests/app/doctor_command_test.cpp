// `graphhook doctor` as a process: beside `serve` and without it.

#include "tests/app/service_fixture.hpp"
#include "tests/app/tls_stub.hpp"

#include <boost/json/parse.hpp>

#include <atomic>

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

/// Ends TLS in front of `serve` and passes requests on, as a balancer would.
class Proxy {
  public:
    Proxy(const test::CertificateText& certificate, const std::string& ca_file)
        : client_(trusting(ca_file)),
          stub_(certificate, [this](const std::string& request) { return pass_on(request); }) {}
    [[nodiscard]] std::string url() const { return stub_.url(); }
    void to(std::uint16_t port) { port_ = port; }

  private:
    static std::unique_ptr<HttpClient> trusting(const std::string& ca_file) {
        HttpClientOptions options;
        options.ca_file = ca_file;
        return make_http_client(options);
    }

    std::string pass_on(const std::string& request) {
        const auto begin = request.find(' ') + 1;
        HttpRequest onward;
        onward.method = "POST";
        onward.url = fmt::format(
            "https://localhost:{}{}", port_.load(),
            request.substr(begin, request.find(' ', begin) - begin)
        );
        const auto response = client_->send(onward, {});
        if (!response) return http_reply(502, "", "");
        return http_reply(
            response->status,
            fmt::format("Content-Type: {}\r\n", response->header("content-type").value_or("")),
            response->body
        );
    }

    std::unique_ptr<HttpClient> client_;
    std::atomic<std::uint16_t> port_{0};
    TlsStub stub_;
};

TEST_F(DoctorCommandTest, BesideServeTheHandshakeGoesThroughTheRealNameAndTheStoreIsAsked) {
    // Longer than two weeks, or it would be a warning.
    const auto certificate = test::make_certificate("localhost", std::chrono::hours(24 * 60));
    test::write_certificate(dir.path(), certificate);
    Proxy proxy(certificate, dir.file("server.crt"));
    auto text = config_text();
    text.replace(text.find("https://localhost/graph"), 23, proxy.url() + "/graph");
    write_config(text);
    NotifySocket manager{dir.file("notify")};
    Program serve(
        dir.path().string(), {"-c", config_path, "serve"}, {{"NOTIFY_SOCKET", dir.file("notify")}}
    );
    ASSERT_TRUE(manager.wait_for("READY=1")) << serve.err();
    std::smatch found;
    const auto log = serve.err();
    ASSERT_TRUE(std::regex_search(log, found, std::regex("serves port=(\\d+)"))) << log;
    proxy.to(static_cast<std::uint16_t>(std::stoi(found[1])));
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
