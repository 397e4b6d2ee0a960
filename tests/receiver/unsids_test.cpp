#include "core/log.hpp"
#include "core/time_text.hpp"
#include "receiver/unsid_endpoint.hpp"
#include "tests/receiver/fake_unsid_desk.hpp"
#include "tests/receiver/receiver_fixture.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>
#include <thread>

namespace graphhook::receiver {
namespace {

using std::chrono::milliseconds;
using test::get;
using test::HttpPeer;
using test::HttpReply;
using test::post;

constexpr std::string_view kGood = "Authorization: Bearer good\r\n";

/// Requests of client apps, over TLS, to a receiver whose desk is a fake.
class UnsidsTest : public ReceiverFixture {
  public:
    ~UnsidsTest() override {
        desk_.hold_tokens(false);
        desk_.hold(false);
        journal_.hold(false);
        receiver_.reset();
    }

  protected:
    UnsidsTest() { unsid_desk_ = &desk_; }

    [[nodiscard]] std::string form(std::string_view unsid = "unsid-1") const {
        return fmt::format(
            R"({{"unsid":"{}","platform":"iOS","expirationDateTime":"{}"}})", unsid,
            to_text(
                std::chrono::floor<std::chrono::seconds>(clock_.system_now()) +
                std::chrono::days(30)
            )
        );
    }
    [[nodiscard]] std::string register_one(
        std::string_view unsid = "unsid-1", std::string_view headers = kGood
    ) const {
        return post("/graph/unsids", form(unsid), headers);
    }
    [[nodiscard]] static std::string request(
        std::string_view method, std::string_view target, std::string_view headers = kGood
    ) {
        return fmt::format("{} {} HTTP/1.1\r\nHost: h\r\n{}\r\n", method, target, headers);
    }
    /// On a connection of its own.
    HttpReply ask(const std::string& text) {
        auto app = tls_peer();
        const auto reply = app.ask(text);
        EXPECT_TRUE(reply) << text;
        return reply.value_or(HttpReply());
    }
    [[nodiscard]] double outcomes(const std::string& outcome) const {
        return metric("graphhook_unsid_requests_total", {{"outcome", outcome}});
    }
    [[nodiscard]] std::size_t outcome_series() const {
        for (const auto& family : registry_->Collect()) {
            if (family.name == "graphhook_unsid_requests_total") return family.metric.size();
        }
        return 0;
    }

    FakeUnsidDesk desk_;
};

void expect_empty(const HttpReply& reply) {
    EXPECT_EQ(reply.body, "");
    EXPECT_FALSE(reply.headers.contains("content-type"));
    EXPECT_EQ(reply.headers.at("cache-control"), "no-store");
    for (const auto& [name, value] : reply.headers)
        EXPECT_FALSE(name.starts_with("access-control")) << name;
}

std::string problem(std::string_view message, std::string_view target) {
    return fmt::format(
        R"({{"error":{{"code":"InvalidRequest","message":"{}"{}}}}})", message,
        target.empty() ? std::string() : fmt::format(R"(,"target":"{}")", target)
    );
}

TEST_F(UnsidsTest, AnUnsidIsRegisteredForTheUserOfTheTokenAndThenRenewed) {
    start_tls();
    EXPECT_EQ(outcome_series(), kUnsidOutcomes) << "all begin at 0";
    auto app = tls_peer();
    const auto first = app.ask(register_one());
    ASSERT_TRUE(first);
    EXPECT_EQ(first->status, 201);
    expect_empty(*first);
    const auto second = app.ask(register_one());
    ASSERT_TRUE(second);
    EXPECT_EQ(second->status, 200);
    expect_empty(*second);
    const auto kept = desk_.kept();
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[0].user.tenant_id, kTenantId);
    EXPECT_EQ(kept[0].user.user_id, kUserId);
    EXPECT_EQ(kept[0].user.client_id, kClientApp);
    EXPECT_EQ(kept[0].form.unsid, "unsid-1");
    EXPECT_EQ(kept[0].form.platform, "ios");
    EXPECT_EQ(outcomes("registered"), 1);
    EXPECT_EQ(outcomes("renewed"), 1);
    for (const std::string code : {"200", "201"})
        EXPECT_TRUE(eventually([&] {
            return metric("graphhook_http_requests_total", {{"path", "unsids"}, {"code", code}}) ==
                   1;
        }));
}

TEST_F(UnsidsTest, AnUnsidIsWithdrawnWhetherItWasThereOrNot) {
    start_tls();
    auto app = tls_peer();
    for (const std::string_view segment : {"unsid-1", "never%3Athere"}) {
        const auto reply = app.ask(request("DELETE", fmt::format("/graph/unsids/{}", segment)));
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->status, 204);
        expect_empty(*reply);
        EXPECT_FALSE(reply->headers.contains("content-length")) << "RFC 9110 8.6";
    }
    const std::string user(kUserId);
    EXPECT_EQ(
        desk_.withdrawn(), (std::vector<std::string>{user + " unsid-1", user + " never:there"})
    );
    EXPECT_EQ(outcomes("withdrawn"), 2);
    const auto with_body = app.ask(
        request("DELETE", "/graph/unsids/a", fmt::format("{}Content-Length: 3\r\n", kGood)) + "a=b"
    );
    ASSERT_TRUE(with_body);
    EXPECT_EQ(with_body->status, 204) << "a body of DELETE means nothing";
}

TEST_F(UnsidsTest, WithoutADeskThereIsNoSuchPath) {
    unsid_desk_ = nullptr;
    start_tls();
    EXPECT_EQ(ask(register_one()).status, 404);
    EXPECT_EQ(ask(request("DELETE", "/graph/unsids/a")).status, 404);
    EXPECT_EQ(ask(get("/graph/unsids")).status, 404);
    EXPECT_EQ(outcome_series(), 0u);
}

TEST_F(UnsidsTest, OtherPathsAreNotFound) {
    start_tls();
    for (const std::string_view path :
         {"/graph/unsids/", "/graph/unsids/a/b", "/graph/unsids/a/", "/graph/unsids//",
          "/graph/unsidsx", "/unsids", "/graphunsids", "/graph/Unsids"}) {
        EXPECT_EQ(ask(post(path, form(), kGood)).status, 404) << path;
        EXPECT_EQ(ask(request("DELETE", path)).status, 404) << path;
    }
    EXPECT_EQ(ask(post("/graph/unsids?a=b", form(), kGood)).status, 201) << "a query is ignored";
}

TEST_F(UnsidsTest, OtherMethodsAreNotAllowed) {
    start_tls();
    for (const std::string_view method : {"GET", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        const auto reply = ask(request(method, "/graph/unsids"));
        EXPECT_EQ(reply.status, 405) << method;
        EXPECT_EQ(reply.headers.at("allow"), "POST") << method;
    }
    for (const std::string_view method : {"GET", "PUT", "PATCH", "POST", "OPTIONS"}) {
        const auto reply = ask(request(method, "/graph/unsids/a", ""));
        EXPECT_EQ(reply.status, 405) << method;
        EXPECT_EQ(reply.headers.at("allow"), "DELETE") << method;
    }
    auto app = tls_peer();
    ASSERT_TRUE(app.send(request("HEAD", "/graph/unsids")));
    EXPECT_EQ(app.read_reply(true)->status, 405);
    EXPECT_EQ(app.ask(register_one())->status, 201) << "the connection is in step";
    EXPECT_EQ(desk_.tokens(), 1u) << "a wrong method costs nothing";
}

TEST_F(UnsidsTest, WithoutOneBearerTokenNothingElseIsLookedAt) {
    start_tls();
    for (const std::string_view headers :
         {"", "Authorization: Basic Z29vZA==\r\n", "Authorization: Bearer\r\n",
          "Authorization: Bearer good good\r\n", "Authorization: Bearer go\"od\r\n",
          "Authorization: Bearer good\r\nAuthorization: Bearer good\r\n",
          "Authorization: Bearer good\r\nauthorization: Basic x\r\n"}) {
        const auto all = fmt::format("{}Content-Encoding: gzip\r\nContent-Type: a/b\r\n", headers);
        auto app = tls_peer();
        // The body is announced and never comes.
        ASSERT_TRUE(app.send(fmt::format(
            "POST /graph/unsids HTTP/1.1\r\nHost: h\r\n{}Content-Length: 9000\r\n\r\n", all
        )));
        const auto reply = app.read_reply();
        ASSERT_TRUE(reply) << headers;
        EXPECT_EQ(reply->status, 401) << headers;
        EXPECT_EQ(reply->headers.at("www-authenticate"), "Bearer") << "and no error code";
        expect_empty(*reply);
    }
    EXPECT_EQ(desk_.tokens(), 0u);
    EXPECT_EQ(outcomes("unauthorized"), 7);
}

TEST_F(UnsidsTest, TheSchemesCaseDoesNotMatter) {
    start_tls();
    EXPECT_EQ(ask(register_one("a", "authorization: bearer  good\r\n")).status, 201);
}

TEST_F(UnsidsTest, ATokenOverTheHeadersLimitGets431) {
    start_tls();
    const auto headers = fmt::format("Authorization: Bearer {}\r\n", std::string(20'000, 'x'));
    EXPECT_EQ(ask(register_one("a", headers)).status, 431);
    EXPECT_EQ(desk_.tokens(), 0u);
}

TEST_F(UnsidsTest, AnInvalidTokenIsToldOfBeforeTheBodyIsJudged) {
    start_tls();
    auto reply = ask(post("/graph/unsids", "no form", "Authorization: Bearer expired\r\n"));
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(
        reply.headers.at("www-authenticate"),
        R"(Bearer error="invalid_token", error_description="The ?token???X: has expired?")"
    );
    EXPECT_FALSE(reply.headers.contains("x"));
    expect_empty(reply);
    reply = ask(request("DELETE", "/graph/unsids/a%2Fb", "Authorization: Bearer other\r\n"));
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(reply.headers.at("www-authenticate"), R"(Bearer error="invalid_token")");
    reply = ask(post("/graph/unsids", "no form", "Authorization: Bearer noscope\r\n"));
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(
        reply.headers.at("www-authenticate"),
        R"(Bearer error="insufficient_scope", error_description="The token lacks the scope.")"
    );
    expect_empty(reply);
    EXPECT_EQ(outcomes("unauthorized"), 2);
    EXPECT_EQ(outcomes("forbidden"), 1);
    EXPECT_EQ(outcomes("bad_request"), 0);
}

TEST_F(UnsidsTest, WhatCannotBeProvedOrStoredNowGets503) {
    start_tls();
    auto reply = ask(register_one("a", "Authorization: Bearer unprovable\r\n"));
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.headers.at("retry-after"), "10");
    EXPECT_FALSE(reply.headers.contains("www-authenticate"));
    EXPECT_EQ(ask(register_one("a", "Authorization: Bearer throws\r\n")).status, 503);
    for (const auto code : {Errc::Full, Errc::Busy, Errc::Failed}) {
        desk_.fail_with(Error{code, "the disk"});
        reply = ask(register_one());
        EXPECT_EQ(reply.status, 503);
        EXPECT_EQ(reply.headers.at("retry-after"), "10");
        EXPECT_EQ(reply.body, "");
        EXPECT_EQ(ask(request("DELETE", "/graph/unsids/a")).status, 503);
    }
    EXPECT_EQ(outcomes("unavailable"), 8);
    desk_.fail_with(std::nullopt);
    EXPECT_EQ(ask(register_one()).status, 201);
}

TEST_F(UnsidsTest, ABadFormGetsAnErrorThatNamesTheFieldAndRepeatsNothing) {
    start_tls();
    auto reply = ask(post(
        "/graph/unsids",
        R"({"unsid":"leak-1","platform":"leak-2","expirationDateTime":"2999-01-01T00:00:00Z"})",
        kGood
    ));
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.headers.at("content-type"), "application/json");
    EXPECT_EQ(reply.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(
        reply.body,
        problem("The value is not one of windows, ios, android and webpush.", "platform")
    );
    reply = ask(post("/graph/unsids", R"({"leak-3":1})", kGood));
    EXPECT_EQ(
        reply.body,
        problem("The body has a member other than unsid, platform and expirationDateTime.", "")
    );
    reply = ask(post("/graph/unsids", "", kGood));
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.body, problem("The body is not JSON.", ""));
    reply = ask(request("DELETE", "/graph/unsids/leak%2F4"));
    EXPECT_EQ(reply.status, 400);
    EXPECT_NE(reply.body.find(R"("target":"unsid")"), std::string::npos);
    EXPECT_EQ(reply.body.find("leak"), std::string::npos);
    EXPECT_EQ(outcomes("bad_request"), 4);
    EXPECT_TRUE(desk_.kept().empty());
    EXPECT_TRUE(desk_.withdrawn().empty());
}

TEST_F(UnsidsTest, TypeCodingAndSizeAreRefusedBeforeTheTokenIsLookedAt) {
    start_tls();
    const auto with = [](std::string_view more) { return fmt::format("{}{}", kGood, more); };
    auto reply = ask(post("/graph/unsids", form(), with("Content-Type: text/plain\r\n")));
    EXPECT_EQ(reply.status, 415);
    EXPECT_EQ(reply.body, problem("The body is declared as something else than JSON.", ""));
    reply = ask(post("/graph/unsids", form(), with("Content-Encoding: gzip\r\n")));
    EXPECT_EQ(reply.status, 415);
    EXPECT_EQ(reply.body, problem("The body has a content coding.", ""));
    reply = ask(post("/graph/unsids", std::string(4'097, ' '), kGood));
    EXPECT_EQ(reply.status, 413);
    EXPECT_EQ(reply.body, problem("The body is over 4096 bytes.", ""));
    reply =
        ask(request("POST", "/graph/unsids", with("Transfer-Encoding: chunked\r\n")) + "1001\r\n" +
            std::string(4'097, ' ') + "\r\n0\r\n\r\n");
    EXPECT_EQ(reply.status, 413);
    EXPECT_EQ(reply.headers.at("connection"), "close");
    EXPECT_EQ(desk_.tokens(), 0u);
    EXPECT_EQ(outcomes("bad_request"), 4);
    EXPECT_EQ(ask(post("/graph/unsids", form() + std::string(3'900, ' '), kGood)).status, 201);
    EXPECT_EQ(
        ask(request(
                "POST", "/graph/unsids", with(fmt::format("Content-Length: {}\r\n", form().size()))
            ) +
            form())
            .status,
        200
    ) << "no type is declared";
}

TEST_F(UnsidsTest, ABodyMayComeInPieces) {
    start_tls();
    auto app = tls_peer();
    const auto text = register_one();
    for (std::size_t at = 0; at < text.size(); at += 17) ASSERT_TRUE(app.send(text.substr(at, 17)));
    EXPECT_EQ(app.read_reply()->status, 201);
    EXPECT_EQ(desk_.kept().at(0).form.unsid, "unsid-1");
}

TEST_F(UnsidsTest, WhoeverAsksFirstIsToldToGoOnOnlyWithAToken) {
    start_tls();
    const auto body = form();
    const auto head = [&](std::string_view headers) {
        return request(
            "POST", "/graph/unsids",
            fmt::format("{}Expect: 100-continue\r\nContent-Length: {}\r\n", headers, body.size())
        );
    };
    auto app = tls_peer();
    EXPECT_EQ(app.ask(head(kGood))->status, 100);
    EXPECT_EQ(app.ask(body)->status, 201);
    auto stranger = tls_peer();
    EXPECT_EQ(stranger.ask(head(""))->status, 401);
    EXPECT_TRUE(stranger.closed_by_server());
}

TEST_F(UnsidsTest, RepliesToAppsAndToGraphKeepTheirOrderOnOneConnection) {
    start_tls();
    auto peer = tls_peer();
    std::string all;
    for (int i = 0; i < 5; ++i) {
        all += register_one("same");
        all += post("/graph/notifications", body_of(item_json()));
        all += register_one("a", "");
        all += request("DELETE", "/graph/unsids/a");
    }
    ASSERT_TRUE(peer.send(all));
    for (int i = 0; i < 5; ++i) {
        for (const int status : {i == 0 ? 201 : 200, 202, 401, 204}) {
            const auto reply = peer.read_reply();
            ASSERT_TRUE(reply) << i;
            EXPECT_EQ(reply->status, status) << i;
        }
    }
    EXPECT_EQ(journal_.items().size(), 5u);
}

TEST_F(UnsidsTest, AFloodOfTokensIsBoundedAndDeliveriesGoOnBesideIt) {
    start_tls();
    desk_.hold_tokens(true);  // the thread for tokens stands still
    std::vector<HttpPeer> apps;
    const auto one_more = [&] {
        apps.push_back(tls_peer());
        EXPECT_TRUE(apps.back().send(register_one("a", "Authorization: Bearer bad\r\n")));
        return outcomes("unavailable") > 0;
    };
    for (std::size_t i = 0; i < kMostUnsidRequests; ++i) (void)one_more();
    ASSERT_TRUE(desk_.wait_for_tokens(1));
    ASSERT_TRUE(eventually(one_more));
    const auto refused = ask(register_one());
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.headers.at("retry-after"), "1");

    auto graph = tls_peer();
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(item_json())))->status, 202);
    EXPECT_EQ(graph.ask(post("/graph/notifications?validationToken=ok", ""))->body, "ok");
    const auto large = item_json(fmt::format(R"("x":"{}",)", std::string(100'000, 'x')));
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(large)))->status, 202)
        << "large bodies are read by other threads than tokens";
    EXPECT_EQ(journal_.items().size(), 11u);
    EXPECT_EQ(desk_.tokens(), 1u);

    desk_.hold_tokens(false);
    std::size_t judged = 0;
    for (auto& app : apps) {
        const auto reply = app.read_reply();
        ASSERT_TRUE(reply);
        if (reply->status == 401) ++judged;
    }
    EXPECT_EQ(judged, kMostUnsidRequests);
    EXPECT_EQ(ask(register_one()).status, 201) << "there is room again";
}

TEST_F(UnsidsTest, TokensAreNeverLookedAtOnANetworkThread) {
    start();
    std::vector<HttpPeer> apps;
    for (int i = 0; i < 4; ++i) apps.push_back(peer());  // in turn on both network threads
    for (auto& app : apps) EXPECT_EQ(app.ask(register_one())->status / 100, 2);
    const auto threads = desk_.token_threads();
    ASSERT_EQ(threads.size(), 4u);
    EXPECT_TRUE(std::all_of(threads.begin(), threads.end(), [&](auto id) {
        return id == threads[0];
    })) << "one thread for all connections";
}

TEST_F(UnsidsTest, SlowRepliesToAppsAreNotCountedInGraphsWindows) {
    start_tls();
    desk_.hold(true);
    auto app = tls_peer();
    ASSERT_TRUE(app.send(register_one()));
    ASSERT_TRUE(desk_.wait_for_held(1));
    clock_.advance(std::chrono::seconds(11));
    desk_.hold(false);
    EXPECT_EQ(app.read_reply()->status, 201);
    EXPECT_EQ(tls_peer().ask(post("/graph/notifications", body_of(item_json())))->status, 202);
    EXPECT_TRUE(eventually([this] {
        return metric(
                   "graphhook_http_requests_total", {{"path", "notifications"}, {"code", "202"}}
               ) == 1;
    }));
    metrics_.refresh(clock_.steady_now());
    EXPECT_EQ(metric("graphhook_slow_reply_ratio"), 0);
    EXPECT_EQ(metric("graphhook_drop_reply_ratio"), 0);
}

TEST_F(UnsidsTest, WhatTheStoreCompletesLateIsAnsweredWhileDraining) {
    ReceiverOptions options;
    options.drain_delay = milliseconds(0);
    start_tls(options);
    desk_.hold(true);
    auto app = tls_peer();
    auto other = tls_peer();
    ASSERT_TRUE(app.send(register_one()));
    ASSERT_TRUE(other.send(request("DELETE", "/graph/unsids/a")));
    ASSERT_TRUE(desk_.wait_for_held(2));
    receiver_->begin_drain();
    EXPECT_FALSE(receiver_->wait_for_end(milliseconds(0)));
    desk_.hold(false);
    const auto reply = app.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->headers.at("connection"), "close");
    EXPECT_EQ(other.read_reply()->status, 204);
    EXPECT_TRUE(receiver_->wait_for_end(milliseconds(10'000)));
}

TEST_F(UnsidsTest, ReceiverIsDestroyedAfterTheDeskHasCompletedAll) {
    start();
    auto waiting = peer();
    auto gone = peer();
    auto judged = peer();
    desk_.hold(true);
    ASSERT_TRUE(waiting.send(register_one()));
    ASSERT_TRUE(gone.send(request("DELETE", "/graph/unsids/a")));
    ASSERT_TRUE(desk_.wait_for_held(2));
    desk_.hold_tokens(true);
    ASSERT_TRUE(judged.send(register_one("b")));
    ASSERT_TRUE(desk_.wait_for_tokens(3));
    const auto port = receiver_->port();
    std::thread end([this] { receiver_.reset(); });
    EXPECT_THROW(for (;;)(void) HttpPeer::tcp(port), std::runtime_error);
    desk_.hold_tokens(false);
    ASSERT_TRUE(desk_.wait_for_held(3));
    desk_.hold(false);
    end.join();
    EXPECT_EQ(desk_.kept().size(), 2u);
    EXPECT_EQ(desk_.withdrawn().size(), 1u);
}

TEST_F(UnsidsTest, NoTokenAndNoUnsidIsLogged) {
    std::ostringstream text;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
    const auto level = log().level();
    log().sinks().push_back(sink);
    log().set_level(spdlog::level::trace);
    start_tls();
    EXPECT_EQ(ask(register_one("secret-unsid")).status, 201);
    EXPECT_EQ(ask(request("DELETE", "/graph/unsids/secret-unsid")).status, 204);
    EXPECT_EQ(
        ask(register_one("secret-unsid", "Authorization: Bearer secret-token\r\n")).status, 401
    );
    receiver_.reset();
    log().set_level(level);
    log().sinks().pop_back();
    const auto written = text.str();
    EXPECT_EQ(written.find("secret"), std::string::npos) << written;
    EXPECT_NE(written.find("unsids: registered"), std::string::npos) << written;
    EXPECT_NE(written.find("status=401 reason=token_malformed client=127.0.0.1"), std::string::npos)
        << written;
}

}  // namespace
}  // namespace graphhook::receiver
