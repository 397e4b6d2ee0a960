#include "core/base64.hpp"
#include "tests/authenticity/token_fixture.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace graphhook::authenticity::test {
namespace {

namespace json = boost::json;

struct Forgery {
    const char* name;
    std::string (*token)();
    Reason reason;
};

template <class Value>
std::string with_header(std::string_view name, const Value& value) {
    return v2_token([&](Draft& draft) { draft.header[name] = value; });
}
template <class Value>
std::string with_claim(std::string_view name, const Value& value) {
    return v2_token([&](Draft& draft) { draft.claims[name] = value; });
}
std::string without_claim(std::string_view name) {
    return v2_token([&](Draft& draft) { draft.claims.erase(name); });
}

/// Another algorithm in the header, signed as that asks.
std::string signed_as(const char* alg, const char* digest, bool pss) {
    Draft draft = v2_draft();
    draft.header["alg"] = alg;
    const std::string part = draft.signed_part();
    return part + '.' + to_base64url(graph_key().sign(part, digest, pss));
}

std::string hmac_token(const char* alg) {
    Draft draft = v2_draft();
    draft.header["alg"] = alg;
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

/// The three parts of a good token, changed before they are put together again.
std::string parts_changed(void (*change)(std::string&, std::string&, std::string&)) {
    const std::string token = v2_token();
    const auto first = token.find('.');
    const auto second = token.find('.', first + 1);
    std::string header = token.substr(0, first);
    std::string claims = token.substr(first + 1, second - first - 1);
    std::string signature = token.substr(second + 1);
    change(header, claims, signature);
    return header + '.' + claims + '.' + signature;
}

std::string claims_with(std::string_view more) {
    std::string text = json::serialize(v2_draft().claims);
    text.pop_back();
    return raw_token(
        json::serialize(v2_draft().header), text + std::string(more) + '}', graph_key()
    );
}

/// Every one is judged, and keeps an item from being proved, with this reason.
class ForgeryTest : public testing::TestWithParam<Forgery> {};

TEST_P(ForgeryTest, IsRefusedForWhatItIs) {
    const std::string token = GetParam().token();
    const auto verdict = judge_token(token, usual_sets(), ours(), kNow);
    EXPECT_EQ(to_string(verdict.reason), to_string(GetParam().reason));
    EXPECT_TRUE(verdict.login.empty());
    EXPECT_EQ(to_string(item_reason(array_of({token}))), to_string(GetParam().reason));
}

TEST_P(ForgeryTest, CostsNoGenuineTokenBesideIt) {
    const std::string token = GetParam().token();
    EXPECT_EQ(item_reason(array_of({token, v2_token()})), Reason::None);
    EXPECT_EQ(item_reason(array_of({v1_token(), token})), Reason::None);
}

using enum Reason;
const Forgery kAlgorithms[] = {
    {"AlgNone",
     [] {
         const auto token = with_header("alg", "none");
         return token.substr(0, token.rfind('.') + 1);
     },
     TokenAlgorithm},
    {"AlgNoneStillSigned", [] { return with_header("alg", "none"); }, TokenAlgorithm},
    {"Hs256WithThePublicKeyAsSecret", [] { return hmac_token("HS256"); }, TokenAlgorithm},
    {"Hs256UnderTheNameOfRs256", [] { return hmac_token("RS256"); }, TokenSignature},
    {"Rs384", [] { return signed_as("RS384", "SHA384", false); }, TokenAlgorithm},
    {"Rs512", [] { return signed_as("RS512", "SHA512", false); }, TokenAlgorithm},
    {"Rs512UnderTheNameOfRs256", [] { return signed_as("RS256", "SHA512", false); }, TokenSignature
    },
    {"Ps256", [] { return signed_as("PS256", "SHA256", true); }, TokenAlgorithm},
    {"Ps256UnderTheNameOfRs256", [] { return signed_as("RS256", "SHA256", true); }, TokenSignature},
    {"Es256", [] { return signed_as("ES256", "SHA256", false); }, TokenAlgorithm},
    {"AlgInLowerCase", [] { return with_header("alg", "rs256"); }, TokenAlgorithm},
    {"AlgMissing", [] { return v2_token([](Draft& draft) { draft.header.erase("alg"); }); },
     TokenAlgorithm},
    {"AlgEmpty", [] { return with_header("alg", ""); }, TokenAlgorithm},
    {"AlgAsNumber", [] { return with_header("alg", 256); }, TokenMalformed},
    {"EmbeddedJwk",
     [] {
         Draft draft = v2_draft();
         draft.header["jwk"] = other_key().jwk();
         return draft.signed_by(other_key());
     },
     TokenAlgorithm},
    {"EmbeddedJku", [] { return with_header("jku", "https://evil.example/keys"); }, TokenAlgorithm},
    {"EmbeddedX5c", [] { return with_header("x5c", json::array{"MIIB"}); }, TokenAlgorithm},
    {"EmbeddedX5u", [] { return with_header("x5u", "https://evil.example/c"); }, TokenAlgorithm},
    {"Crit", [] { return with_header("crit", json::array{"b64"}); }, TokenAlgorithm},
};

const Forgery kKeys[] = {
    {"UnknownKid", [] { return with_header("kid", "nobody"); }, KeyUnknown},
    {"OwnKeyOwnKid",
     [] {
         Draft draft = v2_draft();
         draft.header["kid"] = other_key().kid();
         return draft.signed_by(other_key());
     },
     KeyUnknown},
    {"OwnKeyUnderAGoodKid", [] { return v2_draft().signed_by(other_key()); }, TokenSignature},
    {"ConsumersKeyUnderItsOwnKid",
     [] {
         Draft draft = v2_draft();
         draft.header["kid"] = consumer_key().kid();
         return draft.signed_by(consumer_key());
     },
     TokenIssuer},
    {"ConsumersKeyForAV1Token",
     [] {
         Draft draft = v1_draft();
         draft.header["kid"] = consumer_key().kid();
         return draft.signed_by(consumer_key());
     },
     TokenIssuer},
    {"KidMissing", [] { return v2_token([](Draft& draft) { draft.header.erase("kid"); }); },
     TokenMalformed},
    {"KidEmpty", [] { return with_header("kid", ""); }, TokenMalformed},
    {"KidAsNumber", [] { return with_header("kid", 1); }, TokenMalformed},
    {"KidVeryLong", [] { return with_header("kid", std::string(300, 'k')); }, TokenMalformed},
    {"KidInOtherCase", [] { return with_header("kid", "Graph-Key"); }, KeyUnknown},
};

const Forgery kClaims[] = {
    {"AudienceOfAForeignApp", [] { return with_claim("aud", kForeignApp); }, TokenAudience},
    {"AudienceOfAForeignAppUnsigned",
     [] {
         const auto token = with_claim("aud", kForeignApp);
         return token.substr(0, token.size() - 20) + std::string(20, 'A');
     },
     TokenAudience},
    {"AudienceMissing", [] { return without_claim("aud"); }, TokenMalformed},
    {"AudienceEmptyArray", [] { return with_claim("aud", json::array()); }, TokenAudience},
    {"AudienceEmptyText", [] { return with_claim("aud", ""); }, TokenAudience},
    {"AudienceArrayOfNumbers", [] { return with_claim("aud", json::array{1}); }, TokenMalformed},
    {"AudienceOfFarTooMany",
     [] { return with_claim("aud", json::array(17, json::value(json::string(kApp)))); },
     TokenMalformed},
    {"IssuerOfAnotherTenant", [] { return with_claim("iss", issuer_of(kV2Issuer, kOtherTenant)); },
     TokenIssuer},
    {"IssuerOfVersionOneInAV2Token", [] { return with_claim("iss", issuer_of(kV1Issuer)); },
     TokenIssuer},
    {"IssuerOfVersionTwoInAV1Token",
     [] { return v1_token([](Draft& draft) { draft.claims["iss"] = issuer_of(kV2Issuer); }); },
     TokenIssuer},
    {"IssuerWithoutItsSlash",
     [] {
         return v1_token([](Draft& draft) {
             draft.claims["iss"] = "https://sts.windows.net/" + kTenant;
         });
     },
     TokenIssuer},
    {"IssuerWithMoreBehind", [] { return with_claim("iss", issuer_of(kV2Issuer) + "/../evil"); },
     TokenIssuer},
    {"IssuerOfAnotherHost",
     [] {
         return with_claim("iss", "https://login.microsoftonline.com.evil/" + kTenant + "/v2.0");
     },
     TokenIssuer},
    {"IssuerOfAnotherCloud",
     [] { return with_claim("iss", "https://login.microsoftonline.us/" + kTenant + "/v2.0"); },
     TokenIssuer},
    {"IssuerAsTemplate", [] { return with_claim("iss", kV2Issuer); }, TokenIssuer},
    {"IssuerMissing", [] { return without_claim("iss"); }, TokenMalformed},
    {"IssuerAsArray",
     [] { return with_claim("iss", json::array{json::string(issuer_of(kV2Issuer))}); },
     TokenMalformed},
    {"TenantChangedAlone", [] { return with_claim("tid", kOtherTenant); }, TokenIssuer},
    {"TenantMissing", [] { return without_claim("tid"); }, TokenMalformed},
    {"TenantIsNoGuid", [] { return with_claim("tid", "contoso.example"); }, TokenMalformed},
    {"TenantAsNumber", [] { return with_claim("tid", 7); }, TokenMalformed},
    {"PublisherIsAnotherApp", [] { return with_claim("azp", kApp); }, TokenPublisher},
    {"PublisherAsNull", [] { return with_claim("azp", nullptr); }, TokenMalformed},
    {"V2WithAppidOnly",
     [] {
         return v2_token([](Draft& draft) {
             draft.claims.erase("azp");
             draft.claims["appid"] = kPublisher;
         });
     },
     TokenPublisher},
    {"V1WithAzpOnly",
     [] {
         return v1_token([](Draft& draft) {
             draft.claims.erase("appid");
             draft.claims["azp"] = kPublisher;
         });
     },
     TokenPublisher},
    {"V1ByAnotherApp",
     [] { return v1_token([](Draft& draft) { draft.claims["appid"] = kForeignApp; }); },
     TokenPublisher},
    {"NoVersionNoPublisher",
     [] {
         return v2_token([](Draft& draft) {
             draft.claims.erase("ver");
             draft.claims.erase("azp");
         });
     },
     TokenPublisher},
    {"NoVersionTwoPublishers",
     [] {
         return v2_token([](Draft& draft) {
             draft.claims.erase("ver");
             draft.claims["appid"] = kForeignApp;
         });
     },
     TokenPublisher},
    {"OtherVersion", [] { return with_claim("ver", "3.0"); }, TokenPublisher},
    {"VersionAsNumber", [] { return with_claim("ver", 2.0); }, TokenMalformed},
    {"ExpiryMissing", [] { return without_claim("exp"); }, TokenMalformed},
    {"ExpiryAsText", [] { return with_claim("exp", "1795334400"); }, TokenMalformed},
    {"ExpiryWithFraction", [] { return with_claim("exp", 1795334400.5); }, TokenMalformed},
    {"ExpiryBeyondAllTime", [] { return with_claim("exp", INT64_MAX); }, TokenMalformed},
    {"StartMissing", [] { return without_claim("nbf"); }, TokenMalformed},
    {"StartNegative", [] { return with_claim("nbf", -1); }, TokenMalformed},
    {"StartAsBool", [] { return with_claim("nbf", true); }, TokenMalformed},
};

const Forgery kForms[] = {
    {"SignatureBitFlipped",
     [] {
         return parts_changed([](std::string&, std::string&, std::string& signature) {
             signature[10] = signature[10] == 'A' ? 'B' : 'A';
         });
     },
     TokenSignature},
    {"SignatureCut",
     [] {
         return parts_changed([](std::string&, std::string&, std::string& signature) {
             signature.resize(signature.size() - 6);
         });
     },
     TokenSignature},
    {"SignatureEmpty",
     [] { return parts_changed([](std::string&, std::string&, std::string& s) { s.clear(); }); },
     TokenSignature},
    {"PayloadChanged",
     [] {
         return parts_changed([](std::string&, std::string& claims, std::string&) {
             Draft draft = v2_draft();
             draft.claims["exp"] = 1'895'334'400;
             claims = to_base64url(json::serialize(draft.claims));
         });
     },
     TokenSignature},
    {"HeaderChanged",
     [] {
         return parts_changed([](std::string& header, std::string&, std::string&) {
             Draft draft = v2_draft();
             draft.header["typ"] = "other";
             header = to_base64url(json::serialize(draft.header));
         });
     },
     TokenSignature},
    {"ClaimTwice", [] { return claims_with(R"(,"tid":"84bd8158-6d4d-4958-8b9f-9d6445542f95")"); },
     TokenMalformed},
    {"ClaimTwiceByEscape", [] { return claims_with(R"(,"\u0061ud":"x")"); }, TokenMalformed},
    {"ClaimTwiceDeepInside", [] { return claims_with(R"(,"x":[{"y":{"z":1,"z":2}}])"); },
     TokenMalformed},
    {"HeaderMemberTwice",
     [] {
         return raw_token(
             R"({"alg":"none","alg":"RS256","kid":"graph-key"})",
             json::serialize(v2_draft().claims), graph_key()
         );
     },
     TokenMalformed},
    {"ClaimsNotAnObject",
     [] { return raw_token(json::serialize(v2_draft().header), "[1]", graph_key()); },
     TokenMalformed},
    {"ClaimsWithMoreBehind",
     [] {
         return raw_token(
             json::serialize(v2_draft().header), json::serialize(v2_draft().claims) + "{}",
             graph_key()
         );
     },
     TokenMalformed},
    {"ClaimsNotUtf8", [] { return claims_with(",\"x\":\"\xff\""); }, TokenMalformed},
    {"TooDeep",
     [] { return claims_with(",\"x\":" + std::string(100, '[') + std::string(100, ']')); },
     TokenMalformed},
    {"Oversized", [] { return with_claim("x", std::string(16'384, 'x')); }, TokenMalformed},
    {"Padded",
     [] { return parts_changed([](std::string&, std::string&, std::string& s) { s += "=="; }); },
     TokenMalformed},
    {"WithWhitespace",
     [] {
         return parts_changed([](std::string&, std::string& claims, std::string&) {
             claims.insert(20, "\n");
         });
     },
     TokenMalformed},
    {"InTheOtherAlphabet",
     [] {
         return parts_changed([](std::string&, std::string&, std::string& signature) {
             signature.replace(0, 4, "+/+/");
         });
     },
     TokenMalformed},
    {"StrayBitsAtTheEnd",
     [] {
         // 256 bytes end in a letter of which four bits mean nothing.
         return parts_changed([](std::string&, std::string&, std::string& signature) {
             signature.back() = static_cast<char>(signature.back() + 1);
         });
     },
     TokenMalformed},
    {"FourParts", [] { return v2_token() + ".AAAA"; }, TokenMalformed},
    {"TwoParts", [] { return v2_token().substr(0, v2_token().rfind('.')); }, TokenMalformed},
    {"BearerBefore", [] { return "Bearer " + v2_token(); }, TokenMalformed},
    {"EmptyText", [] { return std::string(); }, TokenMalformed},
    {"DotsOnly", [] { return std::string(".."); }, TokenMalformed},
};

std::string name_of(const testing::TestParamInfo<Forgery>& info) {
    return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Algorithm, ForgeryTest, testing::ValuesIn(kAlgorithms), name_of);
INSTANTIATE_TEST_SUITE_P(Key, ForgeryTest, testing::ValuesIn(kKeys), name_of);
INSTANTIATE_TEST_SUITE_P(Claim, ForgeryTest, testing::ValuesIn(kClaims), name_of);
INSTANTIATE_TEST_SUITE_P(Form, ForgeryTest, testing::ValuesIn(kForms), name_of);

}  // namespace
}  // namespace graphhook::authenticity::test
