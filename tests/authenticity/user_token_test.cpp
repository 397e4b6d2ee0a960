#include "authenticity/user_token.hpp"

#include "core/base64.hpp"
#include "tests/authenticity/token_fixture.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include <span>

namespace graphhook::authenticity::test {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kUser = "0a1b2c3d-1111-4222-8333-444455556666";
const std::string kClientApp = "77777777-2222-4333-8444-555555555555";
const std::string kGraphItself = "https://graph.microsoft.com";

std::int64_t unix_of(SystemTime time) {
    return time.time_since_epoch() / seconds(1);
}

/// A user's access token for kApp in kTenant, good for an hour; of v2_draft or v1_draft.
Draft of_user(Draft draft, const char* client) {
    draft.claims.erase("appid");
    draft.claims.erase("azp");
    draft.claims[client] = kClientApp;
    draft.claims["oid"] = kUser;
    draft.claims["sub"] = "not the oid";
    draft.claims["scp"] = "Notifications.Register Notifications.Read";
    draft.claims["exp"] = unix_of(kNow + hours(1));
    return draft;
}
Draft user_draft() {
    return of_user(v2_draft(), "azp");
}
Draft v1_user_draft() {
    Draft draft = of_user(v1_draft(), "appid");
    draft.claims["aud"] = "api://" + kApp;
    return draft;
}

using Change = std::function<void(Draft&)>;
std::string v2_user(const Change& change = [](Draft&) {}) {
    Draft draft = user_draft();
    change(draft);
    return draft.signed_by(graph_key());
}
std::string v1_user(const Change& change = [](Draft&) {}) {
    Draft draft = v1_user_draft();
    change(draft);
    return draft.signed_by(graph_key());
}
template <class Value>
std::string with_claim(std::string_view name, const Value& value) {
    return v2_user([&](Draft& draft) { draft.claims[name] = value; });
}
std::string without_claim(std::string_view name) {
    return v2_user([&](Draft& draft) { draft.claims.erase(name); });
}

UserTokenVerdict judged(
    std::string_view token, const KeySets& sets = usual_sets(), SystemTime now = kNow
) {
    return judge_user_token(token, sets, ours(), now);
}
Reason reason_of(
    std::string_view token, const KeySets& sets = usual_sets(), SystemTime now = kNow
) {
    return judged(token, sets, now).reason;
}

TEST(UserTokenTest, AGenuineTokenOfEitherVersionSaysWhoseItIs) {
    for (const std::string& token : {v2_user(), v1_user()}) {
        const auto verdict = judged(token);
        EXPECT_EQ(verdict.reason, Reason::None);
        EXPECT_EQ(verdict.tenant_id, kTenant);
        EXPECT_EQ(verdict.user_id, kUser);
        EXPECT_EQ(verdict.client_id, kClientApp);
        EXPECT_EQ(
            verdict.scopes,
            (std::vector<std::string>{"Notifications.Register", "Notifications.Read"})
        );
        EXPECT_EQ(verdict.login, kLogin);
    }
}

TEST(UserTokenTest, TheAudienceIsTheClientIdOrItsApiAddressInAnyLetters) {
    for (const std::string& audience :
         {kApp, "api://" + kApp, std::string("8E460676-AE3F-4B1E-8790-EE0FB5D6148F"),
          std::string("API://8E460676-ae3f-4b1e-8790-ee0fb5d6148f")})
        EXPECT_EQ(reason_of(with_claim("aud", audience)), Reason::None) << audience;
    for (const std::string& audience :
         {"api://" + kApp + "/", "api:/" + kApp, "https://" + kApp, "api://x" + kApp,
          std::string("api://"), std::string(), kGraphItself, kForeignApp, "api://" + kForeignApp})
        EXPECT_EQ(reason_of(with_claim("aud", audience)), Reason::TokenAudience) << audience;
    EXPECT_EQ(
        reason_of(with_claim("aud", json::array{json::string(kForeignApp), json::string(kApp)})),
        Reason::None
    );
}

TEST(UserTokenTest, TheTenantIsThatOfTheAppThatItIsFor) {
    const auto token = [](const std::string& app, const std::string& tenant) {
        return v2_user([&](Draft& draft) {
            draft.claims["aud"] = app;
            draft.claims["tid"] = tenant;
            draft.claims["iss"] = issuer_of(kV2Issuer, tenant);
        });
    };
    EXPECT_EQ(reason_of(token(kApp, kOtherTenant)), Reason::None);
    EXPECT_EQ(reason_of(token(kOtherApp, kTenant)), Reason::None);
    // That tenant is ours and that app is ours, but not the one in the other.
    EXPECT_EQ(reason_of(token(kOtherApp, kOtherTenant)), Reason::TokenAudience);
    EXPECT_EQ(reason_of(token(kApp, kForeignApp)), Reason::TokenAudience);
    EXPECT_EQ(judge_user_token(v2_user(), usual_sets(), {}, kNow).reason, Reason::TokenAudience);
}

TEST(UserTokenTest, IdsAreComparedAndReportedInSmallLetters) {
    const std::string capitals = "84BD8158-6D4D-4958-8B9F-9D6445542F95";
    const auto verdict = judged(v2_user([&](Draft& draft) {
        draft.claims["tid"] = capitals;
        draft.claims["iss"] = issuer_of(kV2Issuer, capitals);
        draft.claims["oid"] = "0A1B2C3D-1111-4222-8333-444455556666";
        draft.claims["azp"] = "ABCDEF00-2222-4333-8444-555555555555";
    }));
    EXPECT_EQ(verdict.reason, Reason::None);
    EXPECT_EQ(verdict.tenant_id, kTenant);
    EXPECT_EQ(verdict.user_id, kUser);
    EXPECT_EQ(verdict.client_id, "abcdef00-2222-4333-8444-555555555555");
}

TEST(UserTokenTest, ItIsJudgedNowWithFiveMinutesLeeway) {
    const auto at = [](SystemTime now) { return reason_of(v2_user(), usual_sets(), now); };
    EXPECT_EQ(at(kNow + hours(1) + minutes(5)), Reason::None);
    EXPECT_EQ(at(kNow + hours(1) + minutes(5) + seconds(1)), Reason::TokenExpired);
    EXPECT_EQ(at(kNow - minutes(15)), Reason::None);
    EXPECT_EQ(at(kNow - minutes(15) - seconds(1)), Reason::TokenNotYetValid);
}

TEST(UserTokenTest, WhatFailsForItsTimeAloneWaitsWhileOurClockIsInDoubt) {
    KeySets sets = usual_sets();
    sets.clock_ahead = hours(2);
    ASSERT_TRUE(sets.clock_doubtful());
    EXPECT_EQ(reason_of(v2_user(), sets, kNow + hours(2)), Reason::ClockDoubtful);
    EXPECT_EQ(reason_of(v2_user(), sets, kNow - hours(2)), Reason::ClockDoubtful);
    EXPECT_EQ(reason_of(v2_user(), sets), Reason::None);
    const auto forged = user_draft().signed_by(other_key());
    EXPECT_EQ(reason_of(forged, sets, kNow + hours(2)), Reason::TokenSignature);
    EXPECT_EQ(
        reason_of(with_claim("aud", kForeignApp), sets, kNow + hours(2)), Reason::TokenAudience
    );
}

TEST(UserTokenTest, AnAppsOwnTokenHasNoScopes) {
    const auto app_only = v2_user([](Draft& draft) {
        draft.claims.erase("scp");
        draft.claims["idtyp"] = "app";
        draft.claims["roles"] = json::array{"Notifications.Register"};
    });
    EXPECT_EQ(judged(app_only).reason, Reason::None);
    EXPECT_TRUE(judged(app_only).scopes.empty());
    // Whoever says that it is an app's is taken by the word, whatever else is said.
    const auto both = with_claim("idtyp", "app");
    EXPECT_EQ(judged(both).reason, Reason::None);
    EXPECT_TRUE(judged(both).scopes.empty());
    EXPECT_TRUE(judged(with_claim("idtyp", "device")).scopes.empty());
    EXPECT_EQ(judged(with_claim("idtyp", "user")).scopes.size(), 2u);
}

TEST(UserTokenTest, AnIdTokenHasNoScopes) {
    const auto verdict = judged(v2_user([](Draft& draft) {
        draft.claims.erase("scp");
        draft.claims.erase("azp");
        draft.claims["nonce"] = "n";
    }));
    EXPECT_EQ(verdict.reason, Reason::None);
    EXPECT_TRUE(verdict.scopes.empty());
    EXPECT_EQ(verdict.user_id, kUser);
    EXPECT_EQ(verdict.client_id, "");
}

TEST(UserTokenTest, AValidationTokenOfGraphIsNoUsers) {
    // It is for our application too, and anybody whom Graph notifies of may see one.
    EXPECT_EQ(reason_of(v2_token()), Reason::TokenMalformed);
    const auto with_oid = v2_token([](Draft& draft) { draft.claims["oid"] = kUser; });
    EXPECT_TRUE(judged(with_oid).scopes.empty());
}

TEST(UserTokenTest, ScopesAreWordsBetweenSpaces) {
    EXPECT_EQ(
        judged(with_claim("scp", "  a  b/c ")).scopes, (std::vector<std::string>{"a", "b/c"})
    );
    EXPECT_TRUE(judged(with_claim("scp", "")).scopes.empty());
    EXPECT_EQ(reason_of(with_claim("scp", "a\tb")), Reason::TokenMalformed);
    EXPECT_EQ(reason_of(with_claim("scp", "a\"b")), Reason::TokenMalformed);
    EXPECT_EQ(reason_of(with_claim("scp", "sc\xc3\xb6pe")), Reason::TokenMalformed);
}

TEST(UserTokenTest, WithoutKeySetsItWaitsAndNamesWhoseKeysAreWanted) {
    const auto verdict = judged(v2_user(), KeySets());
    EXPECT_EQ(verdict.reason, Reason::KeysMissing);
    EXPECT_EQ(verdict.login, kLogin);
    EXPECT_EQ(
        reason_of(v2_user(), usual_sets(kNow - hours(168) - seconds(1))), Reason::KeysMissing
    );
    // What is false in any case does not wait.
    EXPECT_EQ(reason_of(with_claim("aud", kForeignApp), KeySets()), Reason::TokenAudience);
}

TEST(UserTokenTest, AnUnknownKidIsFalseWhereBothKeySetsAreYoungerThanFiveMinutes) {
    const auto token = v2_user([](Draft& draft) { draft.header["kid"] = "nobody"; });
    const auto with_sets_of = [&](SystemTime v1, SystemTime v2) {
        KeySets sets = usual_sets();
        sets.sets[0].fetched_at = v1;
        sets.sets[1].fetched_at = v2;
        return reason_of(token, sets);
    };
    const auto young = kNow - minutes(5) + seconds(1);
    EXPECT_EQ(with_sets_of(young, young), Reason::TokenKeyUnknown);
    EXPECT_EQ(with_sets_of(kNow, kNow), Reason::TokenKeyUnknown);
    EXPECT_EQ(with_sets_of(kNow - minutes(5), young), Reason::KeyUnknown);
    EXPECT_EQ(with_sets_of(young, kNow - minutes(5)), Reason::KeyUnknown);
    // A clock that was set back makes no set young.
    EXPECT_EQ(with_sets_of(kNow + hours(1), kNow + hours(1)), Reason::KeyUnknown);
    KeySets half = usual_sets();
    half.sets.pop_back();
    EXPECT_EQ(reason_of(token, half), Reason::KeyUnknown);
    EXPECT_EQ(judged(token, half).login, kLogin);
}

TEST(UserTokenTest, AnAuthorityVouchesOnlyForTheAppsThatAreConfiguredWithIt) {
    const std::vector<Expected> elsewhere = {
        {.tenant_id = kTenant, .client_id = kApp, .login = "https://login.microsoftonline.us"}
    };
    EXPECT_EQ(
        judge_user_token(v2_user(), usual_sets(), elsewhere, kNow).reason, Reason::TokenIssuer
    );
    const std::vector<Expected> own = {
        {.tenant_id = kTenant, .client_id = kApp, .login = "https://login.example.com"}
    };
    const auto verdict = judge_user_token(v2_user(), usual_sets(), own, kNow);
    EXPECT_EQ(verdict.reason, Reason::KeysMissing);
    EXPECT_EQ(verdict.login, "https://login.example.com");
}

TEST(UserTokenTest, AValidationTokenMayCarryClaimsOfUsersInAnyForm) {
    for (const auto* const name : {"oid", "scp", "idtyp", "roles"}) {
        const auto token = v2_token([&](Draft& draft) { draft.claims[name] = 7; });
        EXPECT_EQ(judge_token(token, usual_sets(), ours(), kNow).reason, Reason::None) << name;
        EXPECT_EQ(item_reason(array_of({token})), Reason::None) << name;
    }
}

TEST(UserTokenTest, WhatIsCutOffAnywhereOpensNothing) {
    const std::string token = v2_user();
    for (std::size_t size = 0; size < token.size(); ++size)
        EXPECT_NE(reason_of(token.substr(0, size)), Reason::None) << size;
}

TEST(UserTokenTest, WhatIsChangedAnywhereOpensNothing) {
    const std::string token = v1_user();
    for (std::size_t at = 0; at < token.size(); at += 3) {
        std::string changed = token;
        changed[at] = changed[at] == 'x' ? 'y' : 'x';
        EXPECT_NE(reason_of(changed), Reason::None) << at;
    }
}

struct Forgery {
    const char* name;
    std::string (*token)();
    Reason reason;
};

std::string with_alg(const char* alg, const std::string& signature) {
    Draft draft = user_draft();
    draft.header["alg"] = alg;
    return draft.signed_part() + '.' + to_base64url(signature);
}
std::string hs256_with_the_public_key() {
    Draft draft = user_draft();
    draft.header["alg"] = "HS256";
    const std::string part = draft.signed_part();
    const std::string secret = graph_key().public_pem();
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ::HMAC(
        ::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
        reinterpret_cast<const unsigned char*>(part.data()), part.size(), mac, &size
    );
    return part + '.' + to_base64url(std::span<const unsigned char>(mac, size));
}
std::string claims_with(std::string_view more) {
    const Draft draft = user_draft();
    std::string text = json::serialize(draft.claims);
    text.pop_back();
    return raw_token(json::serialize(draft.header), text + std::string(more) + '}', graph_key());
}
/// Everything of a good one but the claims, which say another user.
std::string with_foreign_claims() {
    const std::string good = v2_user();
    const std::string other = with_claim("oid", kForeignApp);
    return other.substr(0, other.rfind('.')) + good.substr(good.rfind('.'));
}
std::string signed_as_consumers(Draft draft) {
    draft.header["kid"] = consumer_key().kid();
    return draft.signed_by(consumer_key());
}

using enum Reason;
const Forgery kForgeries[] = {
    {"AlgNone", [] { return with_alg("none", ""); }, TokenAlgorithm},
    {"AlgNoneWithASignature", [] { return with_alg("none", std::string(256, 'x')); }, TokenAlgorithm
    },
    {"Hs256WithThePublicKey", hs256_with_the_public_key, TokenAlgorithm},
    {"Ps256",
     [] {
         Draft draft = user_draft();
         draft.header["alg"] = "PS256";
         const std::string part = draft.signed_part();
         return part + '.' + to_base64url(graph_key().sign(part, "SHA256", true));
     },
     TokenAlgorithm},
    {"EmbeddedJwk",
     [] {
         Draft draft = user_draft();
         draft.header["jwk"] = other_key().jwk();
         return draft.signed_by(other_key());
     },
     TokenAlgorithm},
    {"KidMissing", [] { return v2_user([](Draft& draft) { draft.header.erase("kid"); }); },
     TokenMalformed},
    {"OwnKeyOwnKid",
     [] {
         Draft draft = user_draft();
         draft.header["kid"] = other_key().kid();
         return draft.signed_by(other_key());
     },
     TokenKeyUnknown},
    {"OwnKeyUnderAGoodKid", [] { return user_draft().signed_by(other_key()); }, TokenSignature},
    {"ClaimsChanged", with_foreign_claims, TokenSignature},
    {"SignatureEmpty",
     [] {
         const std::string good = v2_user();
         return good.substr(0, good.rfind('.') + 1);
     },
     TokenSignature},
    {"UserTwice", [] { return claims_with(R"(,"oid":"0a1b2c3d-1111-4222-8333-444455556666")"); },
     TokenMalformed},
    {"ScopeTwiceByEscape", [] { return claims_with(R"(,"\u0073cp":"x")"); }, TokenMalformed},
    {"ForGraphItself", [] { return with_claim("aud", kGraphItself); }, TokenAudience},
    {"ForGraphsAppId", [] { return with_claim("aud", "00000003-0000-0000-c000-000000000000"); },
     TokenAudience},
    {"ForAForeignApp", [] { return with_claim("aud", kForeignApp); }, TokenAudience},
    {"ForTheClientItself", [] { return with_claim("aud", kClientApp); }, TokenAudience},
    {"OfAForeignTenant",
     [] {
         return v2_user([](Draft& draft) {
             draft.claims["tid"] = kForeignApp;
             draft.claims["iss"] = issuer_of(kV2Issuer, kForeignApp);
         });
     },
     TokenAudience},
    {"TenantChangedAlone", [] { return with_claim("tid", kOtherTenant); }, TokenIssuer},
    {"IssuerOfAnotherTenant", [] { return with_claim("iss", issuer_of(kV2Issuer, kOtherTenant)); },
     TokenIssuer},
    {"IssuerOfVersionOneInAV2Token", [] { return with_claim("iss", issuer_of(kV1Issuer)); },
     TokenIssuer},
    {"IssuerOfVersionTwoInAV1Token",
     [] { return v1_user([](Draft& draft) { draft.claims["iss"] = issuer_of(kV2Issuer); }); },
     TokenIssuer},
    {"IssuerOfAnotherHost",
     [] { return with_claim("iss", "https://login.example/" + kTenant + "/v2.0"); }, TokenIssuer},
    {"IssuerOfPersonalAccounts",
     [] { return with_claim("iss", issuer_of(kV2Issuer, kConsumerTenant)); }, TokenIssuer},
    {"KeyOfPersonalAccounts", [] { return signed_as_consumers(user_draft()); }, TokenIssuer},
    {"KeyOfPersonalAccountsForAV1Token", [] { return signed_as_consumers(v1_user_draft()); },
     TokenIssuer},
    {"Expired", [] { return with_claim("exp", unix_of(kNow - minutes(6))); }, TokenExpired},
    {"NotYetValid", [] { return with_claim("nbf", unix_of(kNow + minutes(6))); }, TokenNotYetValid},
    {"ExpiryMissing", [] { return without_claim("exp"); }, TokenMalformed},
    {"ExpiryAsText", [] { return with_claim("exp", "1795334400"); }, TokenMalformed},
    {"StartMissing", [] { return without_claim("nbf"); }, TokenMalformed},
    {"UserMissing", [] { return without_claim("oid"); }, TokenMalformed},
    {"UserIsNoGuid", [] { return with_claim("oid", "ann@contoso.com"); }, TokenMalformed},
    {"UserWithMoreBehind", [] { return with_claim("oid", kUser + "/x"); }, TokenMalformed},
    {"UserAsNumber", [] { return with_claim("oid", 7); }, TokenMalformed},
    {"UserAsArray", [] { return with_claim("oid", json::array{json::string(kUser)}); },
     TokenMalformed},
    {"ScopesAsArray", [] { return with_claim("scp", json::array{"Notifications.Register"}); },
     TokenMalformed},
    {"KindAsBool", [] { return with_claim("idtyp", true); }, TokenMalformed},
    {"VersionMissing", [] { return without_claim("ver"); }, TokenMalformed},
    {"VersionOfNobody", [] { return with_claim("ver", "3.0"); }, TokenMalformed},
    {"ClientMissing", [] { return without_claim("azp"); }, TokenMalformed},
    {"ClientEmpty", [] { return with_claim("azp", ""); }, TokenMalformed},
    {"ClientVeryLong", [] { return with_claim("azp", std::string(129, 'a')); }, TokenMalformed},
    {"ClientOfVersionOneInAV2Token",
     [] {
         return v2_user([](Draft& draft) {
             draft.claims.erase("azp");
             draft.claims["appid"] = kClientApp;
         });
     },
     TokenMalformed},
    {"ClientOfVersionTwoInAV1Token",
     [] {
         return v1_user([](Draft& draft) {
             draft.claims.erase("appid");
             draft.claims["azp"] = kClientApp;
         });
     },
     TokenMalformed},
    {"Oversized", [] { return with_claim("x", std::string(16'384, 'x')); }, TokenMalformed},
    {"BearerBefore", [] { return "Bearer " + v2_user(); }, TokenMalformed},
    {"EmptyText", [] { return std::string(); }, TokenMalformed},
};

class UserForgeryTest : public testing::TestWithParam<Forgery> {};

TEST_P(UserForgeryTest, IsRefusedForWhatItIs) {
    const auto verdict = judged(GetParam().token());
    EXPECT_EQ(to_string(verdict.reason), to_string(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    UserToken, UserForgeryTest, testing::ValuesIn(kForgeries),
    [](const testing::TestParamInfo<Forgery>& info) { return std::string(info.param.name); }
);

}  // namespace
}  // namespace graphhook::authenticity::test
