// The data over real sockets: paging, deltas, quotas, faults, and a clock that jumps.
#include "core/time_text.hpp"
#include "tests/emulator/fake_clock.hpp"
#include "tests/emulator/receiver.hpp"
#include "tests/emulator/running_emulator.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using test::Receiver;
using test::RunningEmulator;

constexpr const char* kTenant = "c0ffee00-0000-4000-8000-00000000c0de";

class DataWireTest : public testing::Test {
  protected:
    void start(Options options = {}) {
        emulator_ = std::make_unique<RunningEmulator>(std::move(options));
        receiver_ = std::make_unique<Receiver>(
            emulator_->receiver_certificate(), emulator_->receiver_key(), Receiver::good()
        );
    }
    RunningEmulator::Answer get(const std::string& path) { return emulator_->call("GET", path); }
    RunningEmulator::Answer follow(const RunningEmulator::Answer& answer, const char* link) {
        const std::string url(answer.json.at(link).as_string());
        EXPECT_TRUE(url.starts_with(emulator_->base())) << url;
        return get(url.substr(emulator_->base().size()));
    }
    RunningEmulator::Answer post(const std::string& path, const boost::json::object& body) {
        return emulator_->call("POST", path, body);
    }
    static std::size_t count(const RunningEmulator::Answer& answer) {
        return answer.json.contains("value") ? answer.json.at("value").as_array().size() : 0;
    }
    std::unique_ptr<RunningEmulator> emulator_;
    std::unique_ptr<Receiver> receiver_;
};

TEST_F(DataWireTest, AMailboxIsFollowedAcrossTheWire) {
    start();
    emulator_->subscribe(RunningEmulator::body(
        "users/a/messages", receiver_->url("/n"), receiver_->url("/l"), "created"
    ));
    auto round = get("/v1.0/users/a/mailFolders/inbox/messages/delta?$select=subject");
    EXPECT_EQ(round.status(), 200);
    EXPECT_EQ(count(round), 0U);
    ASSERT_EQ(
        post("/emulator/changes", {{"kind", "message"}, {"change", "created"}}).status(), 202
    );
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 1));
    round = follow(round, "@odata.deltaLink");
    ASSERT_EQ(count(round), 1U);
    const auto received = receiver_->wait_for(3);
    EXPECT_THAT(
        received.back().body,
        testing::HasSubstr(std::string(round.json.at("value").at(0).at("id").as_string()))
    );
}

TEST_F(DataWireTest, TenThousandUsersArePopulatedAndPagedThrough) {
    start();
    const auto made = post(
        "/emulator/data",
        {{"tenant", kTenant}, {"users", 10'000}, {"groups", 1}, {"groupMembers", "all"}}
    );
    ASSERT_EQ(made.status(), 200) << made.message();
    const std::string group(made.json.at("groups").at(0).as_string());
    auto page = get("/v1.0/groups/" + group + "/transitiveMembers?$select=id&$top=999");
    std::size_t seen = count(page);
    while (page.json.contains("@odata.nextLink")) {
        page = follow(page, "@odata.nextLink");
        seen += count(page);
    }
    EXPECT_EQ(seen, 10'000U);
}

TEST_F(DataWireTest, WithoutAValidTokenNoDataIsRead) {
    start();
    HttpRequest request;
    request.method = "GET";
    request.url = "/v1.0/users";
    EXPECT_EQ(emulator_->raw(request).status(), 401);
    EXPECT_EQ(get("/v1.0/nowhere").status(), 404);
    EXPECT_EQ(emulator_->call("DELETE", "/v1.0/users").status(), 405);
}

TEST_F(DataWireTest, QuotasAreEnforcedWhereSwitchedOnAndCountedInAnyCase) {
    Options options;
    options.quotas = true;
    start(options);
    int refused = 0;
    for (int i = 0; i < 30; ++i) {
        const auto answer = get("/v1.0/subscriptions");
        if (answer.status() == 200) continue;
        EXPECT_EQ(answer.status(), 429);
        EXPECT_EQ(answer.code(), "TooManyRequests");
        ++refused;
    }
    EXPECT_EQ(refused, 5);
    const auto quotas = get("/emulator/status").json.at("quotas").as_object();
    EXPECT_EQ(quotas.at("enforced"), true);
    bool found = false;
    for (const auto& window : quotas.at("windows").as_array()) {
        if (window.at("operation") != "list" || window.at("scope") != "app and tenant") continue;
        found = true;
        EXPECT_EQ(window.at("most"), 30);
        EXPECT_EQ(window.at("refused"), 5);
    }
    EXPECT_TRUE(found);
}

TEST_F(DataWireTest, AUserWithoutAMailboxIsRefusedForItself) {
    start();
    const auto made = post("/emulator/data", {{"tenant", kTenant}, {"users", 2}});
    const std::string user(made.json.at("users").at(0).as_string());
    ASSERT_EQ(
        post("/emulator/users", {{"tenant", kTenant}, {"user", user}, {"refuse", "no-mailbox"}})
            .status(),
        200
    );
    const auto refused = post(
        "/v1.0/subscriptions",
        RunningEmulator::body("users/" + user + "/messages", receiver_->url("/n"))
    );
    EXPECT_EQ(refused.status(), 404);
    EXPECT_EQ(refused.code(), "ExtensionError");
    EXPECT_TRUE(receiver_->all().empty()) << "before any handshake";
}

TEST_F(DataWireTest, AnOutageLeavesOnlyTheControlApi) {
    start();
    post("/emulator/faults", {{"fault", "outage"}});
    EXPECT_EQ(get("/v1.0/users").status(), 503);
    EXPECT_EQ(get("/v1.0/subscriptions").status(), 503);
    EXPECT_EQ(get("/tenant/v2.0/.well-known/openid-configuration").status(), 503);
    EXPECT_EQ(get("/emulator/status").status(), 200);
    emulator_->call("DELETE", "/emulator/faults");
    EXPECT_EQ(get("/v1.0/users").status(), 200);
}

TEST_F(DataWireTest, AnOutageCanHangUp) {
    start();
    post("/emulator/faults", {{"fault", "outage"}, {"hangUp", true}});
    HttpClientOptions client;
    client.ca_file = (emulator_->directory() / "ca.pem").string();
    const auto http = make_http_client(client);
    HttpRequest request;
    request.method = "GET";
    request.url = emulator_->base() + "/v1.0/users";
    EXPECT_FALSE(http->send(request, {})) << "no answer at all";
    emulator_->call("DELETE", "/emulator/faults");
    EXPECT_TRUE(http->send(request, {}));
}

TEST_F(DataWireTest, ThePageThatIsToFailFails) {
    start();
    post("/emulator/data", {{"tenant", kTenant}, {"users", 30}});
    post("/emulator/faults", {{"fault", "page-error"}, {"page", 3}, {"status", 403}});
    const auto first = get("/v1.0/users?$top=5");
    EXPECT_EQ(first.status(), 200);
    const auto second = follow(first, "@odata.nextLink");
    EXPECT_EQ(second.status(), 200);
    EXPECT_EQ(follow(second, "@odata.nextLink").status(), 403);
    EXPECT_EQ(follow(second, "@odata.nextLink").status(), 200) << "once";
}

/// An emulator in this process with a clock of its own.
class JumpingClockTest : public testing::Test {
  protected:
    JumpingClockTest() {
        Options options;
        options.port = 0;
        options.insecure_http = true;
        options.quotas = true;
        options.identity.token_life = std::chrono::hours(24 * 60);
        emulator_ = Emulator::open(std::move(options), clock_).value();
        thread_ = std::thread([this] { emulator_->run(); });
        http_ = make_http_client({});
        HttpRequest request;
        request.method = "POST";
        request.url = emulator_->base_url() + "/contoso/oauth2/v2.0/token";
        request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        request.body =
            "client_id=app&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&"
            "client_secret=emulator-secret&grant_type=client_credentials";
        const auto answer = http_->send(request, {});
        EXPECT_TRUE(answer);
        token_ =
            Secret(std::string(boost::json::parse(answer->body).at("access_token").as_string()));
    }
    ~JumpingClockTest() override {
        emulator_->stop();
        thread_.join();
    }
    HttpResponse send(
        const std::string& method, const std::string& path, const std::string& body = {}
    ) {
        HttpRequest request;
        request.method = method;
        request.url = path.starts_with("http") ? path : emulator_->base_url() + path;
        request.bearer = token_;
        if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
        request.body = body;
        auto answer = http_->send(request, {});
        EXPECT_TRUE(answer) << to_string(answer.error());
        return answer ? std::move(*answer) : HttpResponse{};
    }
    test::FakeClock clock_;
    std::unique_ptr<Emulator> emulator_;
    std::thread thread_;
    std::unique_ptr<HttpClient> http_;
    Secret token_;
};

TEST_F(JumpingClockTest, ExpiryQuotasAndLinksFollowTheClockAndNotTheWall) {
    Receiver receiver("", "", Receiver::good());
    const auto body = RunningEmulator::body("users/a/messages", receiver.url("/n"));
    auto object = body;
    object["expirationDateTime"] = to_text(clock_.system_now() + std::chrono::hours(24 * 6));
    const auto created = send("POST", "/v1.0/subscriptions", boost::json::serialize(object));
    ASSERT_EQ(created.status, 201) << created.body;
    const std::string id(boost::json::parse(created.body).at("id").as_string());
    const auto delta = send("GET", "/v1.0/users/delta?$deltatoken=latest");
    const std::string link(boost::json::parse(delta.body).at("@odata.deltaLink").as_string());

    for (int i = 0; i < 25; ++i) EXPECT_EQ(send("GET", "/v1.0/subscriptions").status, 200);
    EXPECT_EQ(send("GET", "/v1.0/subscriptions").status, 429);
    clock_.advance(std::chrono::seconds(20));
    EXPECT_EQ(send("GET", "/v1.0/subscriptions").status, 200);

    clock_.advance(std::chrono::hours(24 * 5));
    EXPECT_EQ(send("GET", "/v1.0/subscriptions/" + id).status, 200);
    EXPECT_EQ(send("GET", link).status, 200);
    clock_.advance(std::chrono::hours(24 * 25));
    EXPECT_EQ(send("GET", "/v1.0/subscriptions/" + id).status, 404) << "over at once";
    EXPECT_EQ(send("GET", link).status, 410);
}

}  // namespace
}  // namespace graphhook::emulator
