// `doctor` against real TLS servers that are wrong in the ways that users met.

#include "app/doctor/handshake.hpp"
#include "app/doctor/probe.hpp"
#include "app/doctor/tenants.hpp"
#include "tests/app/tls_stub.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>

#include <ctime>

namespace graphhook::app::doctor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Level = Finding::Level;

const std::string kPlain = "Content-Type: text/plain\r\n";

class DoctorProbeTest : public ::testing::Test {
  protected:
    /// What is found at a server that answers so, in a trusted certificate's name.
    Findings examine(
        TlsStub::Answer answer, TlsStub::Versions versions = {},
        std::chrono::seconds valid_for = std::chrono::hours(24 * 90)
    ) {
        const auto certificate = test::make_certificate("localhost", valid_for);
        test::write_certificate(dir.path(), certificate);
        const TlsStub server(certificate, std::move(answer), versions);
        exchange = try_handshake(
            server.url() + "/graph/notifications", sample_token(),
            {.ca_file = dir.file("server.crt"), .timeout = timeout}
        );
        return judge_handshake(exchange, real_clock().system_now());
    }

    static std::string echo(const std::string& request) {
        return http_reply(200, kPlain, token_of(request));
    }

    test::TempDir dir;
    std::chrono::milliseconds timeout{10'000};
    Exchange exchange;
};

TEST_F(DoctorProbeTest, ARightHandshakeIsOneGoodLine) {
    const auto found = examine(echo);
    ASSERT_EQ(found.size(), 1U) << to_text(found, false);
    EXPECT_EQ(found[0].level, Level::Ok) << found[0].what;
    EXPECT_THAT(found[0].what, HasSubstr("over TLSv1.2"));
    EXPECT_EQ(exchange.chain.size(), 1U);
    EXPECT_EQ(exchange.chain_error, "");
}

TEST_F(DoctorProbeTest, AWrongEchoIsNamedByWhatIsWrongWithIt) {
    const std::vector<std::pair<TlsStub::Answer, std::string>> wrong = {
        {[](const std::string& r) { return http_reply(200, kPlain, token_of(r) + "\n"); },
         "newline around it"},
        {[](const std::string& r) { return http_reply(200, kPlain, '"' + token_of(r) + '"'); },
         "in quotes"},
        {[](const std::string& r) {
             return http_reply(
                 200, kPlain, r.substr(r.find("Token=") + 6, r.find(" HTTP") - r.find("Token=") - 6)
             );
         },
         "without being decoded"},
        {[](const std::string&) { return http_reply(200, kPlain + "Server: nginx\r\n", "OK"); },
         "(server: nginx, its reply begins with 'OK')"},
    };
    for (const auto& [answer, expected] : wrong) {
        const auto found = examine(answer);
        ASSERT_EQ(found.size(), 1U) << to_text(found, false);
        EXPECT_EQ(found[0].level, Level::Fail);
        EXPECT_THAT(found[0].what, HasSubstr(expected));
        EXPECT_FALSE(found[0].remedy.empty());
    }
}

TEST_F(DoctorProbeTest, AnHtmlPageNamesWhoAnswered) {
    const auto found = examine([](const std::string&) {
        return http_reply(
            200, "Content-Type: text/html\r\nServer: awselb/2.0\r\n", "<html><title>Hi</title>"
        );
    });
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, AllOf(HasSubstr("an HTML page"), HasSubstr("server: awselb/2.0")));
}

TEST_F(DoctorProbeTest, ARedirectIsNotFollowed) {
    const auto found = examine([](const std::string&) {
        return http_reply(301, "Location: https://elsewhere.example/\r\n", "");
    });
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("a redirect (301) to 'https://elsewhere.example/'"));
}

TEST_F(DoctorProbeTest, LoginsMissingPathsAndDeadTargetsAreToldApart) {
    const std::vector<std::pair<int, std::string>> wrong = {
        {401, "without authentication"},
        {403, "blocks the request"},
        {404, "receiver.base_path"},
        {502, "does not reach graphhook"},
        {202, "changes the request or the reply"}
    };
    for (const auto& [status, remedy] : wrong) {
        const auto found =
            examine([code = status](const std::string&) { return http_reply(code, "", ""); });
        ASSERT_EQ(found.size(), 1U);
        EXPECT_THAT(found[0].what, HasSubstr(std::to_string(status)));
        EXPECT_THAT(found[0].remedy, HasSubstr(remedy));
    }
}

TEST_F(DoctorProbeTest, AWrongContentTypeFails) {
    const auto found = examine([](const std::string& request) {
        return http_reply(200, "Content-Type: application/json\r\n", token_of(request));
    });
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("'application/json', not text/plain"));
}

TEST_F(DoctorProbeTest, AnExpiredCertificateIsNamedWithItsEnd) {
    const auto found = examine(echo, {}, -std::chrono::hours(1));
    ASSERT_EQ(found.size(), 1U) << to_text(found, false);
    EXPECT_EQ(found[0].level, Level::Fail);
    EXPECT_THAT(found[0].what, HasSubstr("the certificate 'localhost' ended on"));
    // And still one sees that the right one answers.
    EXPECT_EQ(exchange.status, 200);
}

TEST_F(DoctorProbeTest, ACertificateThatEndsSoonIsAWarning) {
    const auto found = examine(echo, {}, std::chrono::hours(24 * 5));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].level, Level::Warn);
    EXPECT_THAT(found[0].what, HasSubstr("days"));
}

TEST_F(DoctorProbeTest, ACertificateThatNobodyTrustsFails) {
    const auto certificate = test::make_certificate("localhost", std::chrono::hours(24 * 90));
    const TlsStub server(certificate, echo);
    const auto found = judge_handshake(
        try_handshake(server.url() + "/x", sample_token(), {}), real_clock().system_now()
    );
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("not to be trusted: self-signed certificate"));
}

TEST_F(DoctorProbeTest, OnlyTls13IsAFaultAndTheRestIsStillSeen) {
    const auto found = examine(echo, {TLS1_3_VERSION, TLS1_3_VERSION});
    ASSERT_EQ(found.size(), 1U) << to_text(found, false);
    EXPECT_THAT(found[0].what, HasSubstr("only TLSv1.3 is spoken"));
    EXPECT_EQ(exchange.body, exchange.token);
}

TEST_F(DoctorProbeTest, NoReplyInTimeFails) {
    timeout = std::chrono::milliseconds(300);
    const auto found = examine([](const std::string&) { return std::string(); });
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("no reply comes: no answer in time"));
}

TEST_F(DoctorProbeTest, WhatIsNoHttpIsSaidToBeNone) {
    const auto found = examine([](const std::string&) { return std::string("SSH-2.0-x\r\n\r\n"); });
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("not in HTTP"));
}

TEST_F(DoctorProbeTest, NobodyThereAndNoSuchNameFail) {
    std::string url;
    {
        const TlsStub gone(test::make_certificate(), echo);
        url = gone.url();
    }
    auto found = judge_handshake(try_handshake(url + "/x", "t", {}), real_clock().system_now());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("nobody can be reached at"));
    found = judge_handshake(
        try_handshake("https://no.such.host.invalid/x", "t", {}), real_clock().system_now()
    );
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].what, HasSubstr("can not be resolved"));
}

std::string date_text(std::chrono::seconds from_now) {
    const auto time = std::time(nullptr) + from_now.count();
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text.data();
}

/// Plays the identity platform and Graph at once: a token with these roles, and a clock of its own.
TEST_F(DoctorProbeTest, ATenantIsExaminedWithItsTokenItsRolesAndItsClocks) {
    const auto certificate = test::make_certificate();
    test::write_certificate(dir.path(), certificate);
    std::chrono::seconds skew{300};
    const TlsStub server(certificate, [&skew](const std::string& request) {
        const auto date = "Date: " + date_text(skew) + "\r\nContent-Type: application/json\r\n";
        if (!request.starts_with("POST ")) return http_reply(401, date, "{}");
        // {"roles":["Calendars.Read"]}
        return http_reply(
            200, date,
            R"({"token_type":"Bearer","expires_in":3599,"access_token":)"
            R"("e30.eyJyb2xlcyI6WyJDYWxlbmRhcnMuUmVhZCJdfQ.x"})"
        );
    });
    subscriptions::Tenant tenant;
    tenant.name = "contoso";
    tenant.tenant_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    tenant.client_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    tenant.cloud = {server.url(), server.url(), dir.file("server.crt")};
    tenant.credential = subscriptions::ClientSecret{Secret("pw")};
    HttpClientOptions options;
    options.ca_file = tenant.cloud.ca_file;
    const auto http = make_http_client(options);
    subscriptions::WantedSubscription mail;
    mail.name = "inbox";
    mail.tenant = "contoso";
    mail.resource = "users/x/messages";
    auto calendar = mail;
    calendar.name = "calendar";
    calendar.resource = "users/x/events";

    const auto facts = gather_tenant(tenant, *http, real_clock());
    auto found = judge_tenant(facts, {mail, calendar}, real_clock().system_now());
    ASSERT_EQ(found.size(), 4U) << to_text(found, false);
    EXPECT_EQ(found[0].level, Level::Ok);
    EXPECT_EQ(found[1].level, Level::Fail);
    EXPECT_EQ(found[1].subject, "contoso/inbox");
    EXPECT_THAT(
        found[1].what, HasSubstr("lacks Mail.Read for 'users/x/messages'; it has Calendars.Read")
    );
    EXPECT_THAT(found[1].remedy, HasSubstr("admin consent"));
    for (const auto at : {2U, 3U}) {
        EXPECT_EQ(found[at].level, Level::Fail);
        EXPECT_THAT(found[at].what, HasSubstr("behind its clock"));
    }
    skew = std::chrono::seconds(0);
    found = judge_tenant(
        gather_tenant(tenant, *http, real_clock()), {calendar}, real_clock().system_now()
    );
    EXPECT_FALSE(any_fails(found)) << to_text(found, false);
}

}  // namespace
}  // namespace graphhook::app::doctor
