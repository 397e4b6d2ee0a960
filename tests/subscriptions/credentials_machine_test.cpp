// Credentials that the machine has by itself: federated tokens and managed identities.
#include "subscriptions/credentials/expiry.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using test::kStart;
using test::text_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CredentialsFederatedTest : public test::CredentialsTest {
  protected:
    CredentialsFederatedTest() {
        test::write_file(folder_.file("token"), "aaa.bbb.c-c\n");
        tenant_.credential = FederatedToken{folder_.file("token")};
    }
    test::TestFolder folder_;
};

TEST_F(CredentialsFederatedTest, TheFileIsReadOnEveryUse) {
    say_token("tok1");
    const auto tokens = make();
    const auto first = tokens->get({});
    ASSERT_TRUE(first) << text_of(first);
    EXPECT_EQ(form()["client_assertion"], "aaa.bbb.c-c");
    EXPECT_EQ(
        form()["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    EXPECT_EQ(form()["client_id"], tenant_.client_id);
    test::write_file(folder_.file("token"), "ddd.eee.fff");
    tokens->drop(*first, "");
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(form()["client_assertion"], "ddd.eee.fff");
}

TEST_F(CredentialsFederatedTest, WhatIsNoTokenIsNeverSent) {
    for (const char* text : {"", "one.two", "a b.c.d", "-----BEGIN CERTIFICATE-----"}) {
        cache_ = std::make_shared<TokenCache>();
        test::write_file(folder_.file("token"), text);
        const auto token = make()->get({});
        ASSERT_FALSE(token);
        EXPECT_EQ(token.error().next, Next::Credentials);
        EXPECT_THAT(token.error().message, HasSubstr("does not hold a signed token"));
        EXPECT_THAT(token.error().message, HasSubstr(folder_.file("token")));
    }
    EXPECT_EQ(asked(), 0u);
}

TEST_F(CredentialsFederatedTest, AMissingFileIsTriedAgainWhenItIsThere) {
    std::filesystem::remove(folder_.file("token"));
    const auto tokens = make();
    ASSERT_FALSE(tokens->get({}));
    test::write_file(folder_.file("token"), "aaa.bbb.ccc");
    say_token("tok1");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
}

/// The imposter plays IMDS.
class CredentialsManagedTest : public test::CredentialsTest {
  protected:
    CredentialsManagedTest() { use({}); }
    void use(ManagedIdentity identity) {
        if (identity.endpoint.empty()) identity.imds = login_.url();
        tenant_.credential = std::move(identity);
    }
};

TEST_F(CredentialsManagedTest, AsksImdsWithItsHeaderAndReadsNumbersInStrings) {
    say(200,
        R"({"access_token":"tok1","refresh_token":"","expires_in":"3599","expires_on":"1795255200",)"
        R"("not_before":"1795251300","resource":"https://graph.example","token_type":"Bearer"})");
    EXPECT_EQ(text_of(make()->get({})), "tok1");
    const auto request = login_.requests().at(0);
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(
        request.target,
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph."
        "example"
    );
    EXPECT_EQ(request.headers.at("metadata"), "true");
    EXPECT_FALSE(request.headers.contains("x-forwarded-for"));
    EXPECT_FALSE(request.headers.contains("x-identity-header"));
    EXPECT_FALSE(request.headers.contains("authorization"));
}

TEST_F(CredentialsManagedTest, OneOfSeveralIsNamed) {
    say_token("tok1");
    use({.client_id = "c 1"});
    ASSERT_TRUE(make()->get({}));
    EXPECT_THAT(login_.requests().back().target, HasSubstr("&client_id=c%201"));
    use({.object_id = "o1"});
    ASSERT_TRUE(make()->get({}));
    EXPECT_THAT(login_.requests().back().target, HasSubstr("&object_id=o1"));
    use({.resource_id = "/subscriptions/s"});
    ASSERT_TRUE(make()->get({}));
    EXPECT_THAT(login_.requests().back().target, HasSubstr("&msi_res_id=%2Fsubscriptions%2Fs"));
    EXPECT_EQ(asked(), 3u) << "each has tokens of its own";
}

TEST_F(CredentialsManagedTest, AppServiceHasAnEndpointAndAHeaderOfItsOwn) {
    ManagedIdentity identity;
    identity.endpoint = login_.url() + "/msi/token";
    identity.header = Secret("h-1");
    use(identity);
    say(200, R"({"access_token":"tok1","expires_on":"1795251600","resource":"r"})");
    const auto tokens = make();
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
    const auto request = login_.requests().at(0);
    EXPECT_EQ(
        request.target, "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.example"
    );
    EXPECT_EQ(request.headers.at("x-identity-header"), "h-1");
    EXPECT_FALSE(request.headers.contains("metadata"));
    clock_.advance(49min);
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(asked(), 2u) << "expires_on counted: one hour";
}

class PassingTest : public CredentialsManagedTest, public ::testing::WithParamInterface<int> {};

TEST_P(PassingTest, IsAskedAgainAfterTwoSixFourteenAndThirtySeconds) {
    say(GetParam(), "not now");
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_THAT(waits_, ElementsAre(2s, 4s, 8s, 16s));
    EXPECT_EQ(asked(), 5u);
    EXPECT_EQ(token.error().next, GetParam() == 429 ? Next::Throttled : Next::RetryLater);
    EXPECT_EQ(clock_.system_now(), kStart + 30s);
}

INSTANTIATE_TEST_SUITE_P(Statuses, PassingTest, ::testing::Values(404, 410, 429, 500, 503));

TEST_F(CredentialsManagedTest, StoppingEndsTheWaiting) {
    say(410, "");
    std::stop_source stop;
    stop.request_stop();
    const auto token = make()->get(stop.get_token());
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, Next::Aborted);
    EXPECT_LE(waits_.size(), 1u);
}

TEST_F(CredentialsManagedTest, AConfigurationErrorIsNotAskedAgainAndSaysWhatToDo) {
    struct Case {
        const char* body;
        const char* advice;
    };
    for (const Case& one :
         {Case{
              R"({"error":"invalid_request","error_description":"Identity not found"})",
              "assign one"
          },
          Case{
              R"({"error":"invalid_request","error_description":"Required metadata header not )"
              R"(specified"})",
              "Metadata header"
          },
          Case{R"({"error":"invalid_resource","error_description":"x"})", "check cloud"},
          Case{R"({"error":"unauthorized_client","error_description":"x"})", "assigned"},
          Case{R"({"statusCode":400,"message":"No MSI found"})", "No MSI found"}}) {
        cache_ = std::make_shared<TokenCache>();
        waits_.clear();
        say(400, one.body);
        const auto token = make()->get({});
        ASSERT_FALSE(token);
        EXPECT_EQ(token.error().next, Next::Credentials);
        EXPECT_THAT(token.error().message, HasSubstr(one.advice));
        EXPECT_THAT(waits_, IsEmpty());
    }
}

TEST_F(CredentialsManagedTest, ARedirectIsNotFollowed) {
    Imposter other([](const Imposter::Request&) { return Imposter::Reply{}; });
    Imposter::Reply base;
    base.headers = {{"Location", other.url()}};
    say(302, "", base);
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, Next::Garbled);
    EXPECT_THAT(other.requests(), IsEmpty());
}

TEST_F(CredentialsManagedTest, NoProxyIsEverAsked) {
    Imposter proxy([](const Imposter::Request&) { return Imposter::Reply{.status = 502}; });
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    say_token("tok1");
    const auto tokens = make();
    const auto token = tokens->get({});
    const auto through = make_http_client({.timeout = 10s})->send({.url = login_.url()}, {});
    ::unsetenv("http_proxy");
    EXPECT_EQ(text_of(token), "tok1");
    ASSERT_TRUE(through);
    EXPECT_EQ(through->status, 502) << "the proxy is one, for everybody else";
    EXPECT_EQ(proxy.requests().size(), 1u);
}

}  // namespace
}  // namespace graphhook::subscriptions
