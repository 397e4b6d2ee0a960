// What a bad reply of Graph looks like, and where it strikes.
#include "emulator/bad_replies.hpp"

#include "emulator/faults.hpp"
#include "tests/emulator/drafts.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using test::some_time;
using testing::HasSubstr;

constexpr Where kUsers{"contoso", "/v1.0/users", 1};

std::string header(const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return {};
}

class BadRepliesTest : public testing::Test {
  protected:
    void set(const boost::json::object& json) {
        auto fault = read_fault(json);
        ASSERT_TRUE(fault) << fault.error().detail;
        faults_.set(fault->first, std::move(fault->second));
    }
    std::optional<Response> reply(const Where& where = kUsers) {
        return bad_reply(faults_, where, {"request", "client"}, some_time());
    }
    boost::json::object spoiled(const boost::json::object& body) {
        auto response = json_response(200, boost::json::serialize(body));
        EXPECT_TRUE(spoil(faults_, kUsers, response, some_time()));
        return boost::json::parse(response.body).as_object();
    }
    Faults faults_;
};

// protocol 5.10
TEST_F(BadRepliesTest, ThrottlingSaysHowLongToWaitUnlessToldNotTo) {
    set({{"fault", "throttle"}, {"retryAfterSeconds", 7}});
    const auto with = reply();
    ASSERT_TRUE(with);
    EXPECT_EQ(with->status, 429);
    EXPECT_EQ(header(*with, "Retry-After"), "7");
    const auto error = boost::json::parse(with->body).at("error");
    EXPECT_EQ(error.at("code"), "TooManyRequests");
    EXPECT_EQ(error.at("innerError").at("code"), "429");
    EXPECT_EQ(error.at("innerError").at("request-id"), "request");
    set({{"fault", "throttle"}, {"retryAfterSeconds", nullptr}});
    const auto without = reply();
    ASSERT_TRUE(without);
    EXPECT_EQ(header(*without, "Retry-After"), "");
    EXPECT_FALSE(reply());
}

TEST_F(BadRepliesTest, AnErrorHasItsStatusCodeAndRetryAfter) {
    set({{"fault", "server-error"}, {"status", 504}, {"code", "gatewayTimeout"}});
    auto response = reply();
    EXPECT_EQ(response->status, 504);
    EXPECT_THAT(response->body, HasSubstr("gatewayTimeout"));
    EXPECT_EQ(header(*response, "Retry-After"), "");
    set({{"fault", "server-error"}, {"retryAfterSeconds", 3}});
    response = reply();
    EXPECT_EQ(response->status, 503);
    EXPECT_EQ(header(*response, "Retry-After"), "3");
}

TEST_F(BadRepliesTest, APageForPeopleComesWith200) {
    set({{"fault", "html"}});
    const auto response = reply();
    EXPECT_EQ(response->status, 200);
    EXPECT_THAT(response->type, HasSubstr("text/html"));
}

TEST_F(BadRepliesTest, AClaimsChallengeNamesTheClaims) {
    set({{"fault", "claims"}});
    const auto response = reply();
    EXPECT_EQ(response->status, 401);
    EXPECT_THAT(header(*response, "WWW-Authenticate"), HasSubstr("error=\"insufficient_claims\""));
    EXPECT_THAT(header(*response, "WWW-Authenticate"), HasSubstr("claims=\"eyJ"));
}

TEST_F(BadRepliesTest, ARedirectLeadsAway) {
    set({{"fault", "redirect"}, {"location", "https://elsewhere.example/x"}});
    const auto response = reply();
    EXPECT_EQ(response->status, 302);
    EXPECT_EQ(header(*response, "Location"), "https://elsewhere.example/x");
}

TEST_F(BadRepliesTest, OnlyTheWantedPageIsRefused) {
    set({{"fault", "page-error"}, {"page", 3}, {"status", 403}});
    EXPECT_FALSE(reply({"contoso", "/v1.0/users", 1}));
    EXPECT_FALSE(reply({"contoso", "/v1.0/users", 2}));
    EXPECT_EQ(reply({"contoso", "/v1.0/users", 3})->status, 403);
    EXPECT_FALSE(reply({"contoso", "/v1.0/users", 3}));
}

TEST_F(BadRepliesTest, AFaultCanBeForOneTenantOrPathOnly) {
    set({{"fault", "server-error"}, {"tenant", "Contoso"}, {"path", "/Users"}, {"count", 0}});
    EXPECT_FALSE(reply({"fabrikam", "/v1.0/users", 1}));
    EXPECT_FALSE(reply({"contoso", "/v1.0/groups", 1}));
    EXPECT_TRUE(reply());
    set({{"fault", "server-error"}, {"tenant", "fabrikam"}});
    EXPECT_TRUE(reply({"fabrikam", "/v1.0/groups", 1})) << "each tenant may have its own";
    EXPECT_TRUE(reply());
    EXPECT_EQ(faults_.to_json().size(), 1U);
}

TEST_F(BadRepliesTest, AShareIsStruckAndTheSameForTheSameSeed) {
    const auto struck = [](std::uint64_t seed) {
        Faults faults(seed);
        faults.set(FaultKind::ServerError, {.count = 0, .share = 0.05});
        std::vector<int> which;
        for (int i = 0; i < 10'000; ++i) {
            if (faults.take(FaultKind::ServerError)) which.push_back(i);
        }
        return which;
    };
    const auto first = struck(1);
    EXPECT_GT(first.size(), 400U);
    EXPECT_LT(first.size(), 600U);
    EXPECT_EQ(struck(1), first);
    EXPECT_NE(struck(2), first);
}

TEST_F(BadRepliesTest, AMissingFieldIsMissingInAListToo) {
    set({{"fault", "missing-field"}, {"field", "expirationDateTime"}, {"count", 2}});
    EXPECT_FALSE(spoiled({{"id", "1"}, {"expirationDateTime", "x"}}).contains("expirationDateTime")
    );
    const auto list = spoiled(
        {{"value", boost::json::array{boost::json::object{{"id", "1"}, {"expirationDateTime", "x"}}}
        }}
    );
    EXPECT_FALSE(list.at("value").at(0).as_object().contains("expirationDateTime"));
    set({{"fault", "missing-field"}});
    EXPECT_FALSE(spoiled({{"value", boost::json::array{}}}).contains("value"));
}

TEST_F(BadRepliesTest, AnExpiryCanLieInThePast) {
    set({{"fault", "past-expiry"}});
    const auto body = spoiled({{"id", "1"}, {"expirationDateTime", "2026-11-28T08:00:00Z"}});
    EXPECT_EQ(body.at("expirationDateTime"), "2026-11-21T07:00:00Z");
}

TEST_F(BadRepliesTest, LinksCanLeadToAnotherHost) {
    set({{"fault", "foreign-link"}, {"location", "https://evil.example/"}, {"count", 2}});
    EXPECT_EQ(
        spoiled({{"@odata.nextLink", "https://localhost:1/v1.0/users?$skiptoken=a"}})
            .at("@odata.nextLink"),
        "https://evil.example/v1.0/users?$skiptoken=a"
    );
    EXPECT_EQ(
        spoiled({{"@odata.deltaLink", "https://localhost:1/v1.0/users/delta?$deltatoken=a"}})
            .at("@odata.deltaLink"),
        "https://evil.example/v1.0/users/delta?$deltatoken=a"
    );
}

TEST_F(BadRepliesTest, ABodyCanEndInTheMiddle) {
    set({{"fault", "truncated"}});
    auto response = json_response(200, R"({"value":[1,2,3]})");
    EXPECT_TRUE(spoil(faults_, kUsers, response, some_time()));
    boost::system::error_code error;
    (void)boost::json::parse(response.body, error);
    EXPECT_TRUE(error);
}

TEST_F(BadRepliesTest, WhatCannotBeSpoiledUsesUpNoFault) {
    set({{"fault", "foreign-link"}});
    set({{"fault", "past-expiry"}});
    auto response = json_response(200, R"({"value":[]})");
    EXPECT_FALSE(spoil(faults_, kUsers, response, some_time()));
    auto refused = json_response(404, R"({"@odata.nextLink":"https://a/b"})");
    EXPECT_FALSE(spoil(faults_, kUsers, refused, some_time()));
    EXPECT_EQ(faults_.to_json().size(), 2U);
}

TEST_F(BadRepliesTest, FaultsThatMakeNoSenseAreRefused) {
    const std::vector<boost::json::object> faults{
        {},
        {{"fault", "rain"}},
        {{"fault", "throttle"}, {"share", 0}},
        {{"fault", "throttle"}, {"share", 2}},
        {{"fault", "throttle"}, {"retryAfterSeconds", "soon"}},
        {{"fault", "server-error"}, {"status", 200}},
        {{"fault", "redirect"}, {"location", "a b"}},
        {{"fault", "outage"}, {"hangUp", "yes"}},
        {{"fault", "page-error"}, {"page", -1}},
    };
    for (const auto& fault : faults) EXPECT_EQ(read_fault(fault).error().code, Errc::BadInput);
}

}  // namespace
}  // namespace graphhook::emulator
