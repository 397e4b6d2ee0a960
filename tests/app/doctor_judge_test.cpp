// What `doctor` says of facts that are given.

#include "app/api/explained.hpp"
#include "app/doctor/handshake.hpp"
#include "app/doctor/service.hpp"
#include "app/doctor/tenants.hpp"
#include "core/time_text.hpp"
#include "tests/support/certificates.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace graphhook::app::doctor {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using Level = Finding::Level;

SystemTime now() {
    return parse_time("2026-11-21T12:00:00Z").value();
}

Exchange right(std::chrono::milliseconds took) {
    Exchange exchange;
    exchange.url = "https://h.example/graph/notifications";
    exchange.token = exchange.body = "Validation: x";
    exchange.tls_version = "TLSv1.2";
    exchange.status = 200;
    exchange.headers = {{"content-type", "Text/Plain; charset=utf-8"}};
    exchange.chain = {
        {"h.example", now() - 24h, now() + 24h * 80}, {"CA", now() - 24h, now() + 24h * 900}
    };
    exchange.took = took;
    return exchange;
}

TEST(DoctorHandshakeTest, SlowRepliesAreJudgedByGraphsWindows) {
    EXPECT_EQ(judge_handshake(right(40ms), now()).at(0).level, Level::Ok);
    const auto slow = judge_handshake(right(3'200ms), now());
    ASSERT_EQ(slow.size(), 1U);
    EXPECT_EQ(slow[0].level, Level::Warn);
    EXPECT_THAT(slow[0].what, HasSubstr("3.2 s"));
    const auto late = judge_handshake(right(10'000ms), now());
    ASSERT_EQ(late.size(), 1U);
    EXPECT_EQ(late[0].level, Level::Fail);
}

TEST(DoctorHandshakeTest, TheOneOfAChainThatEndsFirstCounts) {
    auto exchange = right(40ms);
    exchange.chain[1].not_after = now() + 24h * 3;
    const auto found = judge_handshake(exchange, now());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("'CA' ends on 2026-11-24T12:00:00Z, in 3 days"));
}

TEST(DoctorHandshakeTest, WhereUnsidsAreHandedInGraphhookItselfHasToAnswer) {
    auto exchange = right(40ms);
    exchange.url = "https://h.example/graph/unsids";
    exchange.status = 401;
    exchange.headers = {{"www-authenticate", "Bearer"}};
    exchange.body.clear();
    auto found = judge_unsid_door(exchange);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].level, Level::Ok);
    // A login page of somebody else's is none of ours.
    exchange.headers = {{"www-authenticate", "Basic realm=x"}, {"server", "front/1"}};
    found = judge_unsid_door(exchange);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].level, Level::Fail);
    EXPECT_THAT(found[0].what, HasSubstr("front/1"));
    exchange.status = 404;
    exchange.headers.clear();
    found = judge_unsid_door(exchange);
    EXPECT_EQ(found.at(0).level, Level::Fail);
    EXPECT_THAT(found.at(0).what, HasSubstr("404 instead of 401"));
    EXPECT_THAT(found.at(0).remedy, HasSubstr("have the proxy pass"));
    exchange.failed_at = Exchange::Stage::Connection;
    EXPECT_EQ(judge_unsid_door(exchange).at(0).level, Level::Fail);
}

TEST(DoctorCertificateTest, ReadsWhatAFileHolds) {
    const auto text = test::make_certificate("h.example", 24h * 60).certificate;
    const auto chain = read_certificates(text + text);
    ASSERT_TRUE(chain);
    ASSERT_EQ(chain->size(), 2U);
    EXPECT_EQ(chain->at(0).subject, "h.example");
    EXPECT_FALSE(read_certificates("no certificate\n"));
    EXPECT_EQ(judge_dates("c", "f", *chain, now() - 24h * 365 * 10, "r").level, Level::Fail);
}

TEST(DoctorClockTest, SecondsAreFineAndMinutesAreNot) {
    const auto judge = [](std::chrono::milliseconds skew, std::chrono::milliseconds trip = 100ms) {
        return judge_clock(
            {.who = "g", .theirs = now() + skew, .before = now(), .after = now() + trip}
        );
    };
    EXPECT_EQ(judge(0ms).level, Level::Ok);
    EXPECT_EQ(judge(-3s).level, Level::Ok);
    EXPECT_EQ(judge(-30s).level, Level::Warn);
    EXPECT_THAT(judge(-30s).what, HasSubstr("ahead of"));
    EXPECT_EQ(judge(300s).level, Level::Fail);
    EXPECT_THAT(judge(300s).what, HasSubstr("behind"));
    // A reply that took half a minute proves nothing.
    EXPECT_EQ(judge(15s, 30s).level, Level::Ok);
    EXPECT_EQ(judge_clock({.who = "g", .trouble = "no route"}).level, Level::Warn);
}

TEST(DoctorClockTest, ReadsTheDateOfHttp) {
    EXPECT_EQ(parse_http_date("Sat, 21 Nov 2026 12:00:00 GMT"), now());
    EXPECT_FALSE(parse_http_date("yesterday"));
    EXPECT_FALSE(parse_http_date("Sat, 21 Nov 2026 12:00:00 GMT+1"));
}

TenantFacts tenant() {
    TenantFacts facts;
    facts.tenant.name = "contoso";
    facts.granted = {.readable = true, .application = true, .names = {"Mail.Read"}};
    return facts;
}

TEST(DoctorTenantTest, ARefusedTokenIsExplained) {
    auto facts = tenant();
    facts.token_error = parse_graph_error(
        "credentials: AADSTS7000222: no token for tenant contoso: the client secret has "
        "expired: make a new one"
    );
    ASSERT_TRUE(facts.token_error);
    const auto found = judge_tenant(facts, {}, now());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].level, Level::Fail);
    EXPECT_THAT(found[0].what, HasSubstr("expired"));
    EXPECT_FALSE(found[0].remedy.empty());
}

TEST(DoctorTenantTest, WhoHasNotSignedInIsToldTo) {
    auto facts = tenant();
    facts.tenant.credential = subscriptions::SignedInUser{.token_file = "/t"};
    facts.file_trouble = "nobody has signed in";
    const auto found = judge_tenant(facts, {}, now());
    EXPECT_EQ(found.at(0).remedy, "run 'graphhook login contoso'");
}

TEST(DoctorTenantTest, TheEndOfACredentialIsToldBeforeItComes) {
    auto facts = tenant();
    facts.expiry = subscriptions::CredentialExpiry{"client_secret", now() + 24h * 9};
    auto found = judge_tenant(facts, {}, now());
    ASSERT_EQ(found.size(), 3U) << to_text(found, false);
    EXPECT_EQ(found[2].level, Level::Warn);
    EXPECT_THAT(found[2].what, HasSubstr("the client secret ends on"));
    facts.expiry = subscriptions::CredentialExpiry{"certificate", now() - 1h};
    found = judge_tenant(facts, {}, now());
    EXPECT_EQ(found[2].level, Level::Fail);
}

TEST(DoctorTenantTest, ATokenThatCanNotBeReadIsAWarning) {
    auto facts = tenant();
    facts.granted.readable = false;
    const auto found = judge_tenant(facts, {}, now());
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[1].level, Level::Warn);
}

ServiceFacts running() {
    ServiceFacts facts;
    facts.running = true;
    facts.store =
        boost::json::parse(R"({"free_bytes": 99999999999, "refusing": "", "handlers": []})")
            .as_object();
    return facts;
}

TEST(DoctorServiceTest, TheStoresTroubleIsTold) {
    Config config;
    auto facts = running();
    EXPECT_FALSE(any_fails(judge_store(facts, config)));
    (*facts.store)["free_bytes"] = 1'000;
    EXPECT_THAT(to_text(judge_store(facts, config), false), HasSubstr("less than store.reserve"));
    (*facts.store)["refusing"] = "out of space";
    EXPECT_THAT(
        to_text(judge_store(facts, config), false), HasSubstr("answered 503: out of space")
    );
    facts.running = false;
    facts.holder = "pid 12 on here";
    EXPECT_THAT(
        to_text(judge_store(facts, config), false), HasSubstr("(pid 12 on here) holds the store")
    );
    facts.holder.clear();
    facts.store.reset();
    facts.trouble = "corrupt: not a database";
    EXPECT_THAT(to_text(judge_store(facts, config), false), HasSubstr("corrupt: not a database"));
    facts.store_there = false;
    facts.trouble.clear();
    EXPECT_FALSE(any_fails(judge_store(facts, config)));
}

TEST(DoctorServiceTest, HandlersThatDoNotKeepUpAreTold) {
    auto facts = running();
    (*facts.store)["handlers"] = boost::json::parse(R"([
        {"handler":"a","paused":false,"waiting":0,"dead":3,"oldest_age_seconds":null},
        {"handler":"b","paused":true,"waiting":7,"dead":0,"oldest_age_seconds":5000},
        {"handler":"c","paused":false,"waiting":9,"dead":0,"oldest_age_seconds":1800},
        {"handler":"d","paused":false,"waiting":1,"dead":0,"oldest_age_seconds":2}])");
    const auto found = judge_handlers(facts);
    ASSERT_EQ(found.size(), 3U) << to_text(found, false);
    EXPECT_THAT(found[0].what, HasSubstr("3 deliveries were given up"));
    EXPECT_THAT(found[1].what, HasSubstr("paused; 7 wait"));
    EXPECT_EQ(found[2].level, Level::Fail);
    EXPECT_THAT(found[2].what, HasSubstr("9 wait, the oldest for 30 minutes"));
}

TEST(DoctorServiceTest, FailuresAreToldOnceForEachCauseWithWhatToDo) {
    auto facts = running();
    facts.failing = boost::json::parse(R"([
        {"name":"cal","tenant":"t","element":"u1","state":"creating","kind":"event",
         "last_error":"refused: HTTP 403 Forbidden: no"},
        {"name":"cal","tenant":"t","element":"u2","state":"creating","kind":"event",
         "last_error":"refused: HTTP 403 Forbidden: no"},
        {"name":"cal","tenant":"t","element":"u3","state":"parked","kind":"event",
         "last_error":"refused: HTTP 404 x: no mailbox"}])")
                        .as_array();
    facts.sweeps =
        boost::json::parse(R"([{"name":"drive","tenant":"t","element":"","state":"failing",
        "swept_at":null,"last_error":"something of our own"}])")
            .as_array();
    const auto found = judge_subscriptions(facts);
    ASSERT_EQ(found.size(), 3U) << to_text(found, false);
    EXPECT_EQ(found[0].subject, "t/cal");
    EXPECT_THAT(found[0].what, HasSubstr("2 subscriptions: "));
    EXPECT_FALSE(found[0].remedy.empty());
    EXPECT_EQ(found[1].check, "sweep");
    EXPECT_THAT(found[1].what, HasSubstr("something of our own"));
    EXPECT_EQ(found[2].level, Level::Warn);
    EXPECT_THAT(found[2].what, HasSubstr("1 elements are parked"));
    EXPECT_FALSE(any_fails(judge_subscriptions(running())));
}

TEST(DoctorOutputTest, ALineIsOneLineWhateverComesFromOutside) {
    const Findings findings = {fail("x", "a\nb", "c\x1b[31md", "e")};
    const auto text = to_text(findings, false);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, HasSubstr("fail x "));
    EXPECT_THAT(text, HasSubstr("What to do: e"));
}

TEST(ExplainedTest, AnErrorIsReadBackFromItsText) {
    subscriptions::GraphError error;
    error.next = subscriptions::Next::Refused;
    error.status = 403;
    error.code = "Forbidden";
    error.message = "quota: 1000 (really)";
    error.request_id = "0c2f";
    const auto back = parse_graph_error(to_string(error));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->next, error.next);
    EXPECT_EQ(back->status, error.status);
    EXPECT_EQ(back->code, error.code);
    EXPECT_EQ(back->message, error.message);
    EXPECT_EQ(back->request_id, error.request_id);
    EXPECT_FALSE(parse_graph_error(""));
    EXPECT_FALSE(parse_graph_error("the disk is full"));
    EXPECT_FALSE(explained("the disk is full", {}));
    EXPECT_TRUE(parse_graph_error("to be retried: no explanation"));
}

}  // namespace
}  // namespace graphhook::app::doctor
