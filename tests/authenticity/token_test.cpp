#include "authenticity/token.hpp"

#include "tests/authenticity/token_fixture.hpp"

#include <boost/json/array.hpp>
#include <gtest/gtest.h>

#include <algorithm>

namespace graphhook::authenticity::test {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(TokenTest, AGenuineTokenOfEitherVersionProvesAnItem) {
    EXPECT_EQ(item_reason(array_of({v2_token()})), Reason::None);
    EXPECT_EQ(item_reason(array_of({v1_token()})), Reason::None);
    const auto verdict = judge_token(v2_token(), usual_sets(), ours(), kNow);
    EXPECT_EQ(verdict.tenant_id, kTenant);
    EXPECT_EQ(verdict.client_id, kApp);
    EXPECT_EQ(verdict.login, kLogin);
    EXPECT_EQ(verdict.kid, graph_key().kid());
    EXPECT_EQ(verdict.not_before, kNow - minutes(10));
    EXPECT_EQ(verdict.expires, kNow + hours(24));
}

TEST(TokenTest, TokensOfBothVersionsInOneArrayAreAccepted) {
    const auto of_another = v1_token([](Draft& draft) {
        draft.claims["tid"] = kOtherTenant;
        draft.claims["iss"] = issuer_of(kV1Issuer, kOtherTenant);
    });
    const auto tokens = array_of({of_another, v2_token()});
    const auto verdicts = judge_tokens(tokens, usual_sets(), ours(), kNow);
    ASSERT_EQ(verdicts.size(), 2u);
    EXPECT_EQ(verdicts[0].reason, Reason::None);
    EXPECT_EQ(judge_item(verdicts, usual(), kNow, false), Reason::None);
    EXPECT_EQ(judge_item(verdicts, ours()[1], kNow, false), Reason::None);
    EXPECT_EQ(judge_item(verdicts, ours()[2], kNow, false), Reason::TokenCoverage);
}

TEST(TokenTest, AudienceMayBeAnArrayAndIdsMayBeInCapitals) {
    EXPECT_EQ(
        item_reason(array_of({v2_token([](Draft& draft) {
            draft.claims["aud"] = json::array{json::string(kForeignApp), json::string(kApp)};
        })})),
        Reason::None
    );
    EXPECT_EQ(
        item_reason(array_of({v2_token([](Draft& draft) {
            draft.claims["azp"] = "0BF30F3B-4A52-48DF-9A82-234910C4A086";
            draft.claims["aud"] = "8E460676-AE3F-4B1E-8790-EE0FB5D6148F";
        })})),
        Reason::None
    );
}

TEST(TokenTest, WithoutAVersionEitherPublisherWillDo) {
    EXPECT_EQ(
        item_reason(array_of({v2_token([](Draft& draft) { draft.claims.erase("ver"); })})),
        Reason::None
    );
    EXPECT_EQ(
        item_reason(array_of({v1_token([](Draft& draft) { draft.claims.erase("ver"); })})),
        Reason::None
    );
    EXPECT_EQ(
        item_reason(array_of({v1_token([](Draft& draft) {
            draft.claims.erase("ver");
            draft.claims["azp"] = kPublisher;
        })})),
        Reason::None
    );
}

TEST(TokenTest, ValidityIsJudgedByTheTimeOfReceiptWithFiveMinutesLeeway) {
    const auto tokens = array_of({v2_token()});
    const auto at = [&](SystemTime received) {
        return item_reason(tokens, usual_sets(), received);
    };
    EXPECT_EQ(at(kNow + hours(24) + minutes(5)), Reason::None);
    EXPECT_EQ(at(kNow + hours(24) + minutes(5) + seconds(1)), Reason::TokenExpired);
    EXPECT_EQ(at(kNow - minutes(15)), Reason::None);
    EXPECT_EQ(at(kNow - minutes(15) - seconds(1)), Reason::TokenNotYetValid);
}

TEST(TokenTest, WhatFailsForItsTimeAloneWaitsWhileOurClockIsInDoubt) {
    const auto late = kNow + hours(30);
    EXPECT_EQ(item_reason(array_of({v2_token()}), usual_sets(), late, true), Reason::ClockDoubtful);
    const auto foreign = v2_token([](Draft& draft) { draft.claims["azp"] = kForeignApp; });
    EXPECT_EQ(item_reason(array_of({foreign}), usual_sets(), late, true), Reason::TokenPublisher);
}

TEST(TokenTest, ATokenOfAnotherTenantOrAppDoesNotCoverAnItem) {
    const auto other_tenant = v2_token([](Draft& draft) {
        draft.claims["tid"] = kOtherTenant;
        draft.claims["iss"] = issuer_of(kV2Issuer, kOtherTenant);
    });
    const auto other_app = v2_token([](Draft& draft) { draft.claims["aud"] = kOtherApp; });
    EXPECT_EQ(item_reason(array_of({other_tenant})), Reason::TokenCoverage);
    EXPECT_EQ(item_reason(array_of({other_app})), Reason::TokenCoverage);
    EXPECT_EQ(item_reason(array_of({other_app, other_tenant})), Reason::TokenCoverage);
}

TEST(TokenTest, ATokenOfAnotherCloudDoesNotCoverAnItem) {
    const auto verdicts = judge_tokens(array_of({v2_token()}), usual_sets(), ours(), kNow);
    Expected expected = usual();
    expected.login = "https://login.microsoftonline.us";
    EXPECT_EQ(judge_item(verdicts, expected, kNow, false), Reason::TokenCoverage);
}

TEST(TokenTest, AnAuthorityVouchesOnlyForTheAppsThatAreConfiguredWithIt) {
    // The other authority names Microsoft's issuers, as an imitation of it does.
    const std::string own = "https://login.example.com";
    KeySets sets;
    for (const Version version : {Version::V1, Version::V2}) {
        sets.sets.push_back(parse_key_set(
                                jwks({graph_key().jwk()}), own, version,
                                version == Version::V1 ? kV1Issuer : kV2Issuer, kNow
        )
                                .value());
    }
    const std::vector<Expected> at_own = {{.tenant_id = kTenant, .client_id = kApp, .login = own}};
    EXPECT_EQ(judge_token(v2_token(), sets, at_own, kNow).reason, Reason::None);
    EXPECT_EQ(judge_token(v1_token(), sets, at_own, kNow).login, own);
    EXPECT_EQ(judge_token(v2_token(), sets, ours(), kNow).reason, Reason::KeysMissing);
    // Its set of version 2 alone does not say what version 1 names.
    sets.sets.erase(sets.sets.begin());
    EXPECT_EQ(judge_token(v1_token(), sets, at_own, kNow).reason, Reason::KeysMissing);
}

TEST(TokenTest, MissingNullAndEmptyArraysAreToldApart) {
    EXPECT_EQ(item_reason(""), Reason::TokensMissing);
    EXPECT_EQ(item_reason("[]"), Reason::TokensMissing);
    EXPECT_EQ(item_reason("null"), Reason::TokensNull);
    EXPECT_EQ(item_reason("[null,null]"), Reason::TokensNull);
    EXPECT_EQ(item_reason("\"text\""), Reason::TokenMalformed);
    EXPECT_EQ(item_reason("{}"), Reason::TokenMalformed);
    EXPECT_EQ(item_reason("[1]"), Reason::TokenMalformed);
    EXPECT_EQ(item_reason("[\"a\""), Reason::TokenMalformed);
    EXPECT_EQ(judge_item({}, usual(), kNow, false), Reason::TokensMissing);
}

TEST(TokenTest, ANullElementCostsNoGenuineNeighbour) {
    const auto tokens = "[null,\"" + v2_token() + "\"]";
    EXPECT_EQ(item_reason(tokens), Reason::None);
    EXPECT_EQ(judge_tokens(tokens, usual_sets(), ours(), kNow)[0].reason, Reason::TokensNull);
}

TEST(TokenTest, AThousandTokensAreJudgedOneByOne) {
    std::vector<std::string> tokens(999, "not.a.token");
    tokens.push_back(v2_token());
    const auto verdicts = judge_tokens(array_of(tokens), usual_sets(), ours(), kNow);
    ASSERT_EQ(verdicts.size(), 1'000u);
    EXPECT_EQ(verdicts[998].reason, Reason::TokenMalformed);
    EXPECT_EQ(judge_item(verdicts, usual(), kNow, false), Reason::None);
}

TEST(TokenTest, MoreTokensThanAnybodyNeedsAreNotJudged) {
    const std::vector<std::string> tokens(kMostTokens + 1, "x");
    const auto verdicts = judge_tokens(array_of(tokens), usual_sets(), ours(), kNow);
    ASSERT_EQ(verdicts.size(), 1u);
    EXPECT_EQ(verdicts[0].reason, Reason::TokenMalformed);
}

TEST(TokenTest, WithoutAKeySetItWaitsForKeys) {
    EXPECT_EQ(item_reason(array_of({v2_token()}), KeySets()), Reason::KeysMissing);
    // What is false in any case does not wait.
    const auto foreign = v2_token([](Draft& draft) { draft.claims["azp"] = kForeignApp; });
    EXPECT_EQ(item_reason(array_of({foreign}), KeySets()), Reason::TokenPublisher);
}

TEST(TokenTest, AKeySetProvesForSevenDaysAfterItWasFetched) {
    const auto token = array_of({v2_token([](Draft& draft) {
        draft.claims["exp"] = (kNow + hours(24 * 30)).time_since_epoch() / seconds(1);
    })});
    EXPECT_EQ(item_reason(token, usual_sets(kNow), kNow + hours(168)), Reason::None);
    EXPECT_EQ(
        item_reason(token, usual_sets(kNow), kNow + hours(168) + seconds(1)), Reason::KeysMissing
    );
}

TEST(TokenTest, AnUnknownKidIsFalseOnceBothSetsAreADayYoungerThanTheItem) {
    const auto token = array_of({v2_token([](Draft& draft) { draft.header["kid"] = "nobody"; })});
    const auto with_sets_of = [&](SystemTime v1, SystemTime v2) {
        KeySets sets = usual_sets();
        sets.sets[0].fetched_at = v1;
        sets.sets[1].fetched_at = v2;
        return item_reason(token, sets);
    };
    const auto day = kNow + hours(24);
    EXPECT_EQ(with_sets_of(day, day - seconds(1)), Reason::KeyUnknown);
    EXPECT_EQ(with_sets_of(day - seconds(1), day), Reason::KeyUnknown);
    EXPECT_EQ(with_sets_of(day, day), Reason::TokenKeyUnknown);
    KeySets half = usual_sets(day);
    half.sets.pop_back();
    EXPECT_EQ(item_reason(token, half), Reason::KeyUnknown);
}

TEST(TokenTest, AKeyThatVanishedProvesForOneMoreDay) {
    KeySets sets;
    for (const Version version : {Version::V1, Version::V2}) {
        sets.sets.push_back(merged(
            key_set({other_key().jwk()}, version, kNow + hours(20)),
            key_set({graph_key().jwk()}, version, kNow - hours(24))
        ));
    }
    const auto tokens = array_of({v2_token()});
    EXPECT_EQ(item_reason(tokens, sets, kNow - minutes(1)), Reason::None);
    EXPECT_EQ(item_reason(tokens, sets, kNow + minutes(1)), Reason::KeyUnknown);
    for (KeySet& set : sets.sets) set.fetched_at = kNow + hours(25);
    EXPECT_EQ(item_reason(tokens, sets, kNow + minutes(1)), Reason::TokenKeyUnknown);
}

TEST(TokenTest, TheConsumersKeyProvesForTheirTenantAlone) {
    const auto token_for = [](const std::string& tenant) {
        Draft draft = v2_draft();
        draft.header["kid"] = consumer_key().kid();
        draft.claims["tid"] = tenant;
        draft.claims["iss"] = issuer_of(kV2Issuer, tenant);
        return draft.signed_by(consumer_key());
    };
    const auto judged = [&](const std::string& tenant) {
        return judge_token(token_for(tenant), usual_sets(), ours(), kNow).reason;
    };
    EXPECT_EQ(judged(kConsumerTenant), Reason::None);
    EXPECT_EQ(judged(kTenant), Reason::TokenIssuer);
    EXPECT_EQ(item_reason(array_of({token_for(kConsumerTenant)})), Reason::TokenCoverage);
}

TEST(TokenTest, WhatOneSetSaysOfAKeyBindsItInTheOtherToo) {
    // The v1 document names no issuer for the consumers' key, the v2 document does.
    KeySets sets = usual_sets();
    sets.sets[0] = key_set({consumer_key().jwk(""), graph_key().jwk("")}, Version::V1);
    Draft draft = v1_draft();
    draft.header["kid"] = consumer_key().kid();
    const auto of_consumers = draft.signed_by(consumer_key());
    EXPECT_EQ(judge_token(of_consumers, sets, ours(), kNow).reason, Reason::TokenIssuer);
    EXPECT_EQ(judge_token(v1_token(), sets, ours(), kNow).reason, Reason::None);
}

TEST(TokenTest, AV1TokenIsProvedByKeysThatNameTheV2IssuerTheV1IssuerOrNone) {
    for (const std::string& issuer : {kV2Issuer, kV1Issuer, std::string()}) {
        KeySets sets;
        sets.sets.push_back(key_set({graph_key().jwk(issuer)}, Version::V1));
        EXPECT_EQ(judge_token(v1_token(), sets, ours(), kNow).reason, Reason::None) << issuer;
    }
    KeySets sets;
    sets.sets.push_back(
        key_set({graph_key().jwk("https://elsewhere.example/{tenantid}/")}, Version::V1)
    );
    EXPECT_EQ(judge_token(v1_token(), sets, ours(), kNow).reason, Reason::TokenIssuer);
}

TEST(TokenTest, TwoKeysOfOneKidAreBothTried) {
    auto twin = other_key().jwk();
    twin["kid"] = graph_key().kid();
    KeySets sets;
    sets.sets.push_back(key_set({twin, graph_key().jwk()}, Version::V2));
    EXPECT_EQ(judge_token(v2_token(), sets, ours(), kNow).reason, Reason::None);
}

TEST(TokenTest, WhatWaitsForTheItemStandsBeforeWhatIsFalse) {
    const auto unknown = v2_token([](Draft& draft) { draft.header["kid"] = "nobody"; });
    const auto forged = v2_draft().signed_by(other_key());
    EXPECT_EQ(item_reason(array_of({forged, unknown})), Reason::KeyUnknown);
    EXPECT_EQ(item_reason(array_of({unknown, forged})), Reason::KeyUnknown);
    // A token that says it is another tenant's could never prove this item.
    const auto of_another = v2_token([](Draft& draft) {
        draft.header["kid"] = "nobody";
        draft.claims["tid"] = kOtherTenant;
        draft.claims["iss"] = issuer_of(kV2Issuer, kOtherTenant);
    });
    EXPECT_EQ(item_reason(array_of({of_another})), Reason::TokenCoverage);
    EXPECT_EQ(item_reason(array_of({of_another, forged})), Reason::TokenSignature);
}

TEST(TokenTest, TheNearestTokenSaysWhyAnItemIsNotProved) {
    const auto forged = v2_draft().signed_by(other_key());
    const auto expired = v2_token([](Draft& draft) { draft.claims["exp"] = 1'600'000'000; });
    const auto other_app = v2_token([](Draft& draft) { draft.claims["aud"] = kOtherApp; });
    EXPECT_EQ(item_reason(array_of({forged, expired})), Reason::TokenExpired);
    EXPECT_EQ(item_reason(array_of({"x", other_app, forged})), Reason::TokenSignature);
    EXPECT_EQ(item_reason(array_of({"x", other_app})), Reason::TokenCoverage);
}

TEST(TokenTest, VerdictsAreFinalOnceNothingWaits) {
    const auto verdicts = [](const std::string& tokens, const KeySets& sets) {
        return judge_tokens(tokens, sets, ours(), kNow);
    };
    const auto unknown = v2_token([](Draft& draft) { draft.header["kid"] = "nobody"; });
    EXPECT_TRUE(is_final(verdicts(array_of({v2_token(), "x"}), usual_sets())));
    EXPECT_TRUE(is_final(verdicts("null", usual_sets())));
    EXPECT_FALSE(is_final(verdicts(array_of({v2_token(), unknown}), usual_sets())));
    EXPECT_FALSE(is_final(verdicts(array_of({v2_token()}), KeySets())));
    EXPECT_FALSE(is_final({}));
}

TEST(TokenTest, VerdictsNoLongerHoldWhenTheirAppBecameOurs) {
    const auto tokens =
        array_of({v2_token(), v2_token([](Draft& draft) { draft.claims["aud"] = kForeignApp; })});
    const auto verdicts = judge_tokens(tokens, usual_sets(), ours(), kNow);
    EXPECT_TRUE(still_hold(verdicts, ours()));
    auto more = ours();
    more.push_back({.tenant_id = kTenant, .client_id = kForeignApp, .login = kLogin});
    EXPECT_FALSE(still_hold(verdicts, more));
}

TEST(TokenTest, VerdictsSurviveBeingWritten) {
    const auto tokens =
        array_of({v2_token(), "x", v2_draft().signed_by(other_key()), v1_token([](Draft& draft) {
                      draft.claims["aud"] = kForeignApp;
                  })});
    const auto verdicts = judge_tokens(tokens, usual_sets(), ours(), kNow);
    const auto again = verdicts_from_text(to_text(verdicts));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, verdicts);
    for (const auto* const text :
         {"", "null", "[]", "{}", R"({"tokens":1})", R"({"tokens":[1]})", R"({"tokens":[{}]})",
          R"({"tokens":[{"reason":"no_such"}]})", R"({"tokens":[{"reason":"none","exp":"1"}]})",
          R"({"tokens":[{"reason":"none","tenant":1}]})"})
        EXPECT_FALSE(verdicts_from_text(text)) << text;
}

}  // namespace
}  // namespace graphhook::authenticity::test
