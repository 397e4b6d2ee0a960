#include "authenticity/key_set.hpp"

#include "authenticity/issuers.hpp"
#include "core/base64.hpp"
#include "tests/authenticity/token_fixture.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace graphhook::authenticity::test {
namespace {

namespace json = boost::json;
using std::chrono::hours;

Result<KeySet> parsed(std::string_view text) {
    return parse_key_set(text, kLogin, Version::V2, kV2Issuer, kNow);
}

TEST(KeySetTest, KeepsTheKeysForSignaturesAndPassesByTheOthers) {
    auto no_use = other_key().jwk("");
    no_use.erase("use");
    json::object elliptic;
    elliptic["kty"] = "EC";
    elliptic["kid"] = "ec";
    const auto set = parsed(jwks({graph_key().jwk(), no_use, elliptic}));
    ASSERT_TRUE(set);
    ASSERT_EQ(set->keys.size(), 2u);
    EXPECT_EQ(set->keys[0].kid, graph_key().kid());
    EXPECT_EQ(set->keys[0].issuer, kV2Issuer);
    EXPECT_EQ(set->keys[1].issuer, "");
    EXPECT_EQ(set->fetched_at, kNow);
    EXPECT_EQ(set->keys[0].last_seen, kNow);
    EXPECT_EQ(set->login, kLogin);
}

TEST(KeySetTest, AKeyThatIsNotAsItShouldBeCostsItselfOnly) {
    using Change = void (*)(json::object&);
    const Change changes[] = {
        [](json::object& key) { key["use"] = "enc"; },
        [](json::object& key) { key["use"] = 1; },
        [](json::object& key) { key["alg"] = "HS256"; },
        [](json::object& key) { key["kty"] = "rsa"; },
        [](json::object& key) { key.erase("kty"); },
        [](json::object& key) { key.erase("kid"); },
        [](json::object& key) { key["kid"] = ""; },
        [](json::object& key) { key["kid"] = 7; },
        [](json::object& key) { key["kid"] = std::string(257, 'k'); },
        [](json::object& key) { key["issuer"] = 7; },
        [](json::object& key) { key.erase("n"); },
        [](json::object& key) { key["n"] = "AQAB"; },
        [](json::object& key) { key["n"] = 65'537; },
        [](json::object& key) { key["n"] = std::string(key["n"].as_string()) + "="; },
        [](json::object& key) { key["n"] = "+/+" + std::string(key["n"].as_string()); },
        [](json::object& key) { key["n"] = to_base64url(std::string(1'025, '\x7f')); },
        [](json::object& key) { key["n"] = to_base64url(std::string(256, '\xfe')); },
        [](json::object& key) { key["e"] = "AQ"; },
        [](json::object& key) { key["e"] = "BA"; },
        [](json::object& key) { key["e"] = "AA"; },
        [](json::object& key) { key["e"] = to_base64url(std::string(9, '\x7f')); },
        [](json::object& key) { key["e"] = nullptr; },
    };
    for (std::size_t i = 0; i < std::size(changes); ++i) {
        auto bad = other_key().jwk();
        changes[i](bad);
        const auto set = parsed(jwks({bad, graph_key().jwk()}));
        ASSERT_TRUE(set) << i;
        ASSERT_EQ(set->keys.size(), 1u) << i;
        EXPECT_EQ(set->keys[0].kid, graph_key().kid());
        EXPECT_FALSE(parsed(jwks({bad}))) << i;
    }
}

TEST(KeySetTest, AKeyWithAMemberTwiceIsNotUsed) {
    auto text = json::serialize(other_key().jwk());
    text.insert(1, R"("kid":"first",)");
    const auto set =
        parsed(R"({"keys":[)" + text + "," + json::serialize(graph_key().jwk()) + "]}");
    ASSERT_TRUE(set);
    ASSERT_EQ(set->keys.size(), 1u);
    EXPECT_EQ(set->keys[0].kid, graph_key().kid());
}

TEST(KeySetTest, WhatIsNoKeySetIsRefused) {
    const auto good = json::serialize(graph_key().jwk());
    for (const auto& text :
         {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
          std::string(R"({"keys":[]})"), std::string(R"({"keys":[1,null]})"), std::string("<html>"),
          R"({"keys":[)" + good, R"({"keys":[],"keys":[)" + good + "]}",
          R"({"keys":[)" + good + R"(],"x":{"y":1,"y":2}})"}) {
        const auto set = parsed(text);
        ASSERT_FALSE(set) << text;
        EXPECT_EQ(set.error().code, Errc::BadInput);
    }
    json::array many(1'001, json::value(1));
    many.push_back(graph_key().jwk());
    EXPECT_FALSE(parsed(json::serialize(json::object{{"keys", many}})));
}

TEST(KeySetTest, TheSameKeyTwiceIsOne) {
    EXPECT_EQ(parsed(jwks({graph_key().jwk(), graph_key().jwk()}))->keys.size(), 1u);
}

TEST(KeySetTest, KeysOfThreeThousandBitsAreKeysToo) {
    const TestKey large("large", 3'072);
    EXPECT_TRUE(parsed(jwks({large.jwk()})));
    const TestKey small("small", 1'024);
    EXPECT_FALSE(parsed(jwks({small.jwk()})));
}

TEST(KeySetTest, AKeyThatVanishedIsKeptForSevenDays) {
    const auto before = key_set({graph_key().jwk(), other_key().jwk()}, Version::V2, kNow);
    const auto next = merged(key_set({other_key().jwk()}, Version::V2, kNow + hours(24)), before);
    ASSERT_EQ(next.keys.size(), 2u);
    EXPECT_EQ(next.fetched_at, kNow + hours(24));
    EXPECT_EQ(next.keys[0].last_seen, kNow + hours(24));
    EXPECT_EQ(next.keys[1].kid, graph_key().kid());
    EXPECT_EQ(next.keys[1].last_seen, kNow);
    const auto last = merged(key_set({other_key().jwk()}, Version::V2, kNow + hours(24 * 7)), next);
    EXPECT_EQ(last.keys.size(), 1u);
}

TEST(KeySetTest, AKeyThatVanishedIsNotTakenForCurrentWhenTheClockWentBack) {
    const auto before = key_set({graph_key().jwk()}, Version::V2, kNow);
    const auto next = merged(key_set({other_key().jwk()}, Version::V2, kNow - hours(1)), before);
    ASSERT_EQ(next.keys.size(), 2u);
    EXPECT_LT(next.keys[1].last_seen, next.fetched_at);
}

TEST(KeySetTest, AnotherKeyUnderTheSameKidDoesNotReplaceTheVanishedOne) {
    auto twin = other_key().jwk();
    twin["kid"] = graph_key().kid();
    const auto next = merged(
        key_set({twin}, Version::V2, kNow + hours(1)), key_set({graph_key().jwk()}, Version::V2)
    );
    EXPECT_EQ(next.keys.size(), 2u);
}

TEST(KeySetTest, ComesBackFromItsText) {
    const auto set = merged(
        key_set({other_key().jwk("")}, Version::V1, kNow + hours(1) + std::chrono::microseconds(7)),
        key_set({graph_key().jwk()}, Version::V1)
    );
    const auto text = to_text(set);
    EXPECT_EQ(text.find("\"d\""), std::string::npos);
    const auto again = key_set_from_text(text);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->login, set.login);
    EXPECT_EQ(again->version, set.version);
    EXPECT_EQ(again->issuer, set.issuer);
    EXPECT_EQ(again->fetched_at, set.fetched_at);
    ASSERT_EQ(again->keys.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(again->keys[i].kid, set.keys[i].kid);
        EXPECT_EQ(again->keys[i].issuer, set.keys[i].issuer);
        EXPECT_EQ(again->keys[i].last_seen, set.keys[i].last_seen);
        EXPECT_EQ(EVP_PKEY_eq(again->keys[i].key.get(), set.keys[i].key.get()), 1);
    }
    EXPECT_EQ(to_text(*again), text);
}

TEST(KeySetTest, ATextThatWeDidNotWriteIsCorrupt) {
    const auto text = to_text(key_set({graph_key().jwk()}, Version::V2));
    const auto replaced = [&](std::string_view what, std::string_view by) {
        auto copy = text;
        return copy.replace(copy.find(what), what.size(), by);
    };
    for (const auto& bad :
         {std::string(), std::string("{}"), text.substr(1), text + "x",
          replaced("\"version\":2", "\"version\":3"),
          replaced("\"version\":2", "\"version\":\"2\""),
          replaced("\"fetched_at\":\"2026", "\"fetched_at\":\"2025"),
          replaced("\"fetched_at\"", "\"fetched\""), replaced("\"e\":\"AQAB\"", "\"e\":\"AQ\""),
          replaced("\"e\":", "\"e\":\"AQAB\",\"e\":"), replaced("\"kid\"", "\"id\"")}) {
        const auto set = key_set_from_text(bad);
        ASSERT_FALSE(set) << bad;
        EXPECT_EQ(set.error().code, Errc::Corrupt);
    }
}

TEST(KeySetTest, OurClockIsInDoubtFromFiveMinutesOn) {
    using std::chrono::seconds;
    const auto doubtful = [](seconds ahead) {
        return KeySets{.sets = {}, .clock_ahead = ahead}.clock_doubtful();
    };
    EXPECT_FALSE(doubtful(seconds(299)));
    EXPECT_TRUE(doubtful(seconds(300)));
    EXPECT_FALSE(doubtful(seconds(-299)));
    EXPECT_TRUE(doubtful(seconds(-300)));
}

TEST(IssuersTest, EveryCloudHasItsOwn) {
    EXPECT_EQ(issuers_of(kLogin, Version::V1), std::vector<std::string>{kV1Issuer});
    EXPECT_EQ(issuers_of(kLogin + "/", Version::V2), std::vector<std::string>{kV2Issuer});
    EXPECT_EQ(
        issuers_of("https://login.microsoftonline.us", Version::V2),
        std::vector<std::string>{"https://login.microsoftonline.us/{tenantid}/v2.0"}
    );
    EXPECT_EQ(issuers_of("https://login.chinacloudapi.cn", Version::V1).size(), 2u);
    EXPECT_EQ(
        issuers_of("https://login.partner.microsoftonline.cn", Version::V2),
        std::vector<std::string>{"https://login.partner.microsoftonline.cn/{tenantid}/v2.0"}
    );
    EXPECT_TRUE(issuers_of("https://login.microsoftonline.com.evil", Version::V1).empty());
    EXPECT_TRUE(issuers_of("http://login.microsoftonline.com", Version::V1).empty());
}

TEST(IssuersTest, KeysAreFetchedFromTheSameOriginOrBetweenMicrosoftsLoginHosts) {
    EXPECT_TRUE(may_fetch_keys(kLogin, kLogin + "/common/discovery/keys"));
    EXPECT_TRUE(may_fetch_keys(kLogin, "https://LOGIN.microsoftonline.com:443/keys"));
    EXPECT_TRUE(may_fetch_keys(
        "https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn/keys"
    ));
    EXPECT_FALSE(may_fetch_keys(kLogin, "http://login.microsoftonline.com/keys"));
    EXPECT_FALSE(may_fetch_keys(kLogin, "https://login.microsoftonline.com.evil/keys"));
    EXPECT_FALSE(may_fetch_keys(kLogin, "https://login.microsoftonline.com@evil/keys"));
    EXPECT_FALSE(may_fetch_keys(kLogin, "https://login.microsoftonline.com:8443/keys"));
    EXPECT_FALSE(may_fetch_keys(kLogin, "/common/discovery/keys"));
    EXPECT_TRUE(may_fetch_keys("https://127.0.0.1:4433", "https://127.0.0.1:4433/keys"));
    EXPECT_FALSE(may_fetch_keys("https://127.0.0.1:4433", "https://127.0.0.1:4434/keys"));
    EXPECT_FALSE(may_fetch_keys("https://127.0.0.1:4433", kLogin + "/common/discovery/keys"));
}

}  // namespace
}  // namespace graphhook::authenticity::test
