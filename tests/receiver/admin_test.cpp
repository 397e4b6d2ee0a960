#include "receiver/admin_server.hpp"
#include "tests/receiver/receiver_fixture.hpp"

#include <prometheus/counter.h>

#include <fstream>

namespace graphhook::receiver {
namespace {

using test::get;
using test::HttpPeer;
using test::post;

class RecordingApi final : public AdminApi {
  public:
    AdminReply call(const AdminRequest& request) override {
        last = request;
        if (request.path == "/throws") throw std::runtime_error("no");
        return {request.path == "/missing" ? 404u : 200u, R"({"ok":true})"};
    }
    AdminRequest last;
};

class AdminTest : public testing::Test {
  protected:
    AdminTest() {
        std::string name = (std::filesystem::temp_directory_path() / "graphhook.XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
        std::ofstream(directory_ / "tokens")
            << "read:reading-token-0001\nrepair:repair-token-0001\n";
        options_.listen = "127.0.0.1:0";
        options_.socket = directory_ / "admin.sock";
        options_.tokens_file = directory_ / "tokens";
    }
    ~AdminTest() override {
        server_.reset();
        std::filesystem::remove_all(directory_);
    }
    void start() {
        server_ = std::make_unique<AdminServer>(
            options_, real_clock(), registry_, health_, api_, [this] { ++refreshed_; }
        );
        const auto started = server_->start();
        ASSERT_TRUE(started) << to_string(started.error());
    }
    int status(const std::string& request) {
        auto one = HttpPeer::tcp(server_->port());
        const auto reply = one.ask(request);
        return reply ? reply->status : 0;
    }

    std::filesystem::path directory_;
    AdminOptions options_;
    prometheus::Registry registry_;
    Health health_;
    RecordingApi api_;
    int refreshed_ = 0;
    std::unique_ptr<AdminServer> server_;
};

const std::string kRead = "Authorization: Bearer reading-token-0001\r\n";
const std::string kRepair = "Authorization: Bearer repair-token-0001\r\n";

TEST_F(AdminTest, MetricsAndHealthAreOpen) {
    prometheus::BuildCounter()
        .Name("graphhook_x_total")
        .Help("x")
        .Register(registry_)
        .Add({})
        .Increment();
    start();
    auto one = HttpPeer::tcp(server_->port());
    const auto metrics = one.ask(get("/metrics"));
    ASSERT_TRUE(metrics);
    EXPECT_EQ(metrics->status, 200);
    EXPECT_NE(metrics->body.find("graphhook_x_total 1"), std::string::npos);
    EXPECT_TRUE(metrics->headers.at("content-type").starts_with("text/plain; version=0.0.4"));
    EXPECT_EQ(refreshed_, 1);
    EXPECT_EQ(status(get("/livez")), 200);
    EXPECT_EQ(status(get("/readyz")), 503) << "starting";
    health_.set(Health::State::Ready);
    EXPECT_EQ(status(get("/readyz")), 200);
    EXPECT_EQ(status(post("/metrics", "")), 405);
    EXPECT_EQ(status(get("/")), 404);
    EXPECT_EQ(status(get("/api/v2/x", kRead)), 404);
    EXPECT_EQ(status(get("/api/v11", kRead)), 404);
}

TEST_F(AdminTest, UnixSocketIsTrusted) {
    start();
    EXPECT_EQ(std::filesystem::status(options_.socket).permissions(), std::filesystem::perms(0660));
    auto one = HttpPeer::unix_socket(options_.socket);
    const auto reply = one.ask(post("/api/v1/dead-letters/replay?handler=a", R"({"ids":[1]})"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->headers.at("content-type"), "application/json");
    EXPECT_EQ(reply->body, R"({"ok":true})");
    EXPECT_EQ(api_.last.method, Method::Post);
    EXPECT_EQ(api_.last.path, "/dead-letters/replay");
    EXPECT_EQ(api_.last.query, "handler=a");
    EXPECT_EQ(api_.last.body, R"({"ids":[1]})");
    EXPECT_TRUE(api_.last.may_repair);
    EXPECT_TRUE(api_.last.who.starts_with("unix uid="));
    EXPECT_EQ(one.ask(get("/api/v1/missing"))->status, 404);
    EXPECT_EQ(one.ask(get("/api/v1/throws"))->status, 500);
}

TEST_F(AdminTest, TcpNeedsATokenAlways) {
    start();
    EXPECT_EQ(status(get("/api/v1/subscriptions")), 401);
    EXPECT_EQ(
        status(get("/api/v1/subscriptions", "Authorization: Bearer wrong-token-00001\r\n")), 401
    );
    EXPECT_EQ(status(get("/api/v1/subscriptions", kRead)), 200);
    EXPECT_FALSE(api_.last.may_repair);
    EXPECT_EQ(status(post("/api/v1/apply", "{}", kRead)), 403);
    EXPECT_EQ(status(post("/api/v1/apply", "{}", kRepair)), 200);
    EXPECT_TRUE(api_.last.may_repair);
    EXPECT_EQ(api_.last.who, "repair token from 127.0.0.1");
    EXPECT_EQ(status(post("/api/v1/apply", "{}", kRepair + "Content-Type: text/plain\r\n")), 415);
    EXPECT_EQ(status("GET /api/v1/x HTTP/1.1\r\nHost: evil.example\r\n" + kRead + "\r\n"), 421);
}

TEST_F(AdminTest, TokensAreTakenUpWhenTheFileChanges) {
    start();
    EXPECT_EQ(status(get("/api/v1/x", "Authorization: Bearer another-token-0001\r\n")), 401);
    std::ofstream(directory_ / "tokens") << "read:another-token-0001\n";
    EXPECT_EQ(status(get("/api/v1/x", "Authorization: Bearer another-token-0001\r\n")), 200);
    EXPECT_EQ(status(get("/api/v1/x", kRead)), 401);
    std::filesystem::remove(directory_ / "tokens");
    EXPECT_EQ(status(get("/api/v1/x", "Authorization: Bearer another-token-0001\r\n")), 401);
}

TEST_F(AdminTest, WithoutTokensNothingOfTheApiIsServedOverTcp) {
    options_.tokens_file.clear();
    start();
    EXPECT_EQ(status(get("/api/v1/x", kRead)), 404);
    EXPECT_EQ(status(get("/metrics")), 200);
    EXPECT_EQ(HttpPeer::unix_socket(options_.socket).ask(get("/api/v1/x"))->status, 200);
}

TEST_F(AdminTest, OffLoopbackNeedsTls) {
    options_.listen = "0.0.0.0:0";
    AdminServer server(options_, real_clock(), registry_, health_, api_, [] {});
    const auto started = server.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::BadInput);
}

TEST_F(AdminTest, TokensFileThatIsWrongStopsTheStart) {
    std::ofstream(directory_ / "tokens") << "read:short\n";
    AdminServer server(options_, real_clock(), registry_, health_, api_, [] {});
    EXPECT_FALSE(server.start());
}

}  // namespace
}  // namespace graphhook::receiver
