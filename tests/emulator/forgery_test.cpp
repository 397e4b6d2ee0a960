// Each forgery is what its name says: the POST is taken apart and looked at.
#include "core/base64.hpp"
#include "emulator/changes.hpp"
#include "emulator/identity/key_ring.hpp"
#include "emulator/rich/composer.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/fake_clock.hpp"
#include "tests/emulator/rich_key.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using test::RichKey;
using test::Token;
using testing::HasSubstr;

constexpr std::string_view kPlaintext = R"({"id":"1","text":"hello"})";
constexpr std::string_view kPublisher = "0bf30f3b-4a52-48df-9a82-234910c4a086";

const RichKey& key() {
    static const RichKey made;
    return made;
}

class ForgeryTest : public testing::Test {
  protected:
    ForgeryTest()
        : signing_(SigningKey::make().value()),
          ring_(signing_),
          tokens_({.version = std::nullopt}, ring_, clock_),
          composer_(tokens_) {
        subscription_ = subscribe("app-1");
        // The first POST is of version 1: those below are then of version 2.
        std::ignore = tokens_.next_version();
    }

    static SubscriptionPtr subscribe(const std::string& app) {
        auto body = test::body_for("chats", "created");
        body["includeResourceData"] = true;
        body["encryptionCertificate"] = key().certificate();
        body["encryptionCertificateId"] = "cert-1";
        auto made = std::make_shared<Subscription>(test::checked(body).value());
        made->id = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
        made->app = app;
        return made;
    }
    static Change change(std::uint64_t number = 5) {
        return {
            .number = number, .object = number, .type = ChangeType::Created, .at = test::some_time()
        };
    }
    Item item(std::string_view forgery = {}, std::string_view plaintext = kPlaintext) {
        Item made{subscription_, change(), std::nullopt, nullptr};
        made.plaintext = std::make_shared<const std::string>(plaintext);
        if (!forgery.empty()) {
            made.forgery = find_forgery(forgery);
            EXPECT_NE(made.forgery, nullptr) << forgery;
        }
        return made;
    }
    object post(const std::vector<Item>& items) {
        return boost::json::parse(composer_.body(items)).as_object();
    }
    static object content_in(const object& post, std::size_t index = 0) {
        return post.at("value").as_array().at(index).at("encryptedContent").as_object();
    }
    static std::vector<std::string> tokens_in(const object& post) {
        std::vector<std::string> all;
        for (const auto& one : post.at("validationTokens").as_array())
            all.emplace_back(one.as_string());
        return all;
    }
    Token forged(std::string_view name) {
        const auto texts = tokens_in(post({item(name)}));
        std::ignore = tokens_.next_version();
        EXPECT_EQ(texts.size(), 1U) << name;
        const auto token = test::read_token(texts.at(0));
        EXPECT_TRUE(token) << name;
        return token.value_or(Token{});
    }
    [[nodiscard]] object jwk() const { return signing_.to_jwk(""); }
    [[nodiscard]] bool ours(const Token& token) const {
        return test::verifies(token, jwk(), "RS256");
    }
    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::seconds>(
                   clock_.system_now().time_since_epoch()
        )
            .count();
    }
    static std::string text(const object& json, std::string_view name) {
        return json.contains(name) ? std::string(json.at(name).as_string()) : std::string("absent");
    }

    test::FakeClock clock_;
    SigningKey signing_;
    KeyRing ring_;
    ValidationTokens tokens_;
    Composer composer_;
    SubscriptionPtr subscription_;
};

TEST_F(ForgeryTest, AGenuineItemPassesEveryCheckThatForgeriesFail) {
    const auto made = post({item()});
    EXPECT_EQ(key().open(content_in(made)).plaintext, kPlaintext);
    const auto token = test::read_token(tokens_in(made).at(0)).value();
    EXPECT_TRUE(ours(token));
    EXPECT_EQ(text(token.claims, "aud"), "app-1");
    EXPECT_EQ(token.claims.at("nbf"), now());
}

TEST_F(ForgeryTest, AlgorithmsAndKeysAreForgedAsNamed) {
    for (const auto* name : {"alg-none", "alg-none-mixed-case"}) {
        const auto token = forged(name);
        EXPECT_EQ(token.signature, "");
        EXPECT_EQ(lower_case(text(token.header, "alg")), "none");
    }
    const auto hs = forged("hs256-public-key");
    EXPECT_EQ(text(hs.header, "alg"), "HS256");
    EXPECT_EQ(hs.signature, test::hmac(signing_.public_pem(), hs.signed_text));
    EXPECT_THAT(signing_.public_pem(), HasSubstr("BEGIN PUBLIC KEY"));
    const std::pair<const char*, const char*> algorithms[] = {
        {"rs384", "RS384"}, {"rs512", "RS512"}, {"ps256", "PS256"}
    };
    for (const auto& [name, algorithm] : algorithms) {
        const auto token = forged(name);
        EXPECT_EQ(text(token.header, "alg"), algorithm);
        EXPECT_TRUE(test::verifies(token, jwk(), algorithm)) << name;
        EXPECT_FALSE(ours(token)) << name;
    }
    const auto es = forged("es256");
    EXPECT_EQ(text(es.header, "alg"), "ES256");
    EXPECT_EQ(es.signature.size(), 64U);

    EXPECT_FALSE(forged("no-kid").header.contains("kid"));
    EXPECT_TRUE(ours(forged("no-kid")));
    EXPECT_NE(text(forged("unknown-kid").header, "kid"), signing_.id());
    EXPECT_TRUE(ours(forged("unknown-kid")));
    const auto foreign = tokens_.foreign_key_set().at("keys").at(0).as_object();
    const auto by_foreign = forged("foreign-key");
    EXPECT_EQ(text(by_foreign.header, "kid"), text(foreign, "kid"));
    EXPECT_TRUE(test::verifies(by_foreign, foreign, "RS256"));
    for (const auto* name : {"foreign-key-our-kid", "embedded-jwk", "jku", "x5c"}) {
        const auto token = forged(name);
        EXPECT_EQ(text(token.header, "kid"), signing_.id()) << name;
        EXPECT_TRUE(test::verifies(token, foreign, "RS256")) << name;
        EXPECT_FALSE(ours(token)) << name;
    }
    const auto embedded = forged("embedded-jwk");
    EXPECT_EQ(embedded.header.at("jwk").at("n"), foreign.at("n"));
    EXPECT_EQ(text(forged("jku").header, "jku"), "https://elsewhere.invalid/keys");
    EXPECT_EQ(forged("x5c").header.at("x5c").at(0), foreign.at("x5c").at(0));
    EXPECT_FALSE(tokens_.consumer_key());
    const auto consumer = forged("consumer-key");
    ASSERT_TRUE(tokens_.consumer_key());
    EXPECT_EQ(text(consumer.header, "kid"), text(*tokens_.consumer_key(), "kid"));
    EXPECT_THAT(text(*tokens_.consumer_key(), "issuer"), HasSubstr("9188040d-"));
    EXPECT_TRUE(test::verifies(consumer, *tokens_.consumer_key(), "RS256"));
}

TEST_F(ForgeryTest, ClaimsAreForgedAsNamedUnderAGoodSignature) {
    const auto good = test::read_token(tokens_in(post({item()})).at(0)).value().claims;
    std::ignore = tokens_.next_version();
    // Which claims differ from a good token's, besides those that are drawn.
    const std::map<std::string, std::set<std::string>> differ{
        {"wrong-audience", {"aud"}},
        {"wrong-issuer", {"iss"}},
        {"issuer-host", {"iss"}},
        {"wrong-tenant-id", {"tid"}},
        {"wrong-publisher", {"azp"}},
        {"no-publisher", {"azp"}},
        {"wrong-version", {"ver"}},
        {"v2-appid-only", {"azp", "appid"}},
        {"expired", {"iat", "nbf", "exp"}},
        {"not-yet-valid", {"nbf"}},
        {"no-expiry", {"exp"}},
        {"expiry-text", {"exp"}},
        {"other-app", {"aud"}},
        {"oversized", {"padding"}},
    };
    for (const auto& [name, wanted] : differ) {
        const auto token = forged(name);
        EXPECT_TRUE(ours(token)) << name;
        std::set<std::string> found;
        for (const auto* side : {&good, &token.claims}) {
            for (const auto& member : *side) {
                const std::string claim(member.key());
                const auto* one = good.if_contains(claim);
                const auto* other = token.claims.if_contains(claim);
                const bool drawn = claim == "aio" || claim == "uti";
                if (!drawn && (one == nullptr || other == nullptr || *one != *other))
                    found.insert(claim);
            }
        }
        EXPECT_EQ(found, wanted) << name;
    }
    EXPECT_LT(forged("expired").claims.at("exp").as_int64(), now() - 300);
    EXPECT_GT(forged("not-yet-valid").claims.at("nbf").as_int64(), now() + 300);
    EXPECT_TRUE(forged("expiry-text").claims.at("exp").is_string());
    EXPECT_NE(text(forged("wrong-publisher").claims, "azp"), kPublisher);
    EXPECT_GT(tokens_in(post({item("oversized")})).at(0).size(), 17U * 1'024);
    std::ignore = tokens_.next_version();
    const auto first = forged("v1-azp-only");
    EXPECT_EQ(text(first.claims, "ver"), "1.0");
    EXPECT_EQ(text(first.claims, "azp"), kPublisher);
    EXPECT_FALSE(first.claims.contains("appid"));
    EXPECT_TRUE(ours(first));
    const auto other = forged("other-tenant");
    EXPECT_NE(text(other.claims, "tid"), subscription_->tenant);
    EXPECT_THAT(text(other.claims, "iss"), HasSubstr(text(other.claims, "tid")));
    EXPECT_TRUE(ours(other));
}

TEST_F(ForgeryTest, TokensAreBrokenAsNamed) {
    EXPECT_FALSE(ours(forged("bad-signature")));
    EXPECT_EQ(forged("bad-signature").signature.size(), 256U);
    EXPECT_EQ(forged("no-signature").signature, "");
    const auto tampered = forged("tampered-claims");
    EXPECT_EQ(text(tampered.claims, "tid"), subscription_->tenant);
    EXPECT_FALSE(ours(tampered));
    const auto garbage = tokens_in(post({item("garbage")})).at(0);
    EXPECT_FALSE(test::read_token(garbage));
    std::ignore = tokens_.next_version();
    // Our JSON parser keeps the last of two: look at the text.
    const auto texts = tokens_in(post({item("duplicate-claims")}));
    const auto first = texts.at(0).find('.');
    const auto last = texts.at(0).rfind('.');
    const auto claims = from_base64(texts.at(0).substr(first + 1, last - first - 1)).value();
    EXPECT_NE(claims.find(R"("aud":)"), claims.rfind(R"("aud":)"));
    EXPECT_THAT(claims, HasSubstr(R"("aud":"app-1")"));
}

TEST_F(ForgeryTest, TheMemberValidationTokensIsForgedAsNamed) {
    EXPECT_FALSE(post({item("tokens-missing")}).contains("validationTokens"));
    EXPECT_TRUE(post({item("tokens-null")}).at("validationTokens").is_null());
    const auto element = post({item("tokens-null-element")}).at("validationTokens").as_array();
    ASSERT_EQ(element.size(), 1U);
    EXPECT_TRUE(element.at(0).is_null());
    EXPECT_TRUE(post({item("tokens-empty")}).at("validationTokens").as_array().empty());
    EXPECT_TRUE(post({item("tokens-text")}).at("validationTokens").is_string());
    const auto bad = tokens_in(post({item("thousand-bad-tokens")}));
    EXPECT_EQ(std::set<std::string>(bad.begin(), bad.end()).size(), 1'000U);
    const auto mixed = tokens_in(post({item("thousand-tokens")}));
    EXPECT_EQ(std::set<std::string>(mixed.begin(), mixed.end()).size(), 1'000U);
    std::size_t good = 0;
    for (const auto& one : mixed) good += ours(test::read_token(one).value()) ? 1 : 0;
    EXPECT_EQ(good, 1U);
    EXPECT_TRUE(ours(test::read_token(mixed.back()).value()));
}

TEST_F(ForgeryTest, EncryptedContentIsForgedAsNamed) {
    const auto content = [&](std::string_view name) { return content_in(post({item(name)})); };
    const std::pair<const char*, const char*> steps[] = {
        {"foreign-data-key", "dataKey"},       {"oaep-sha256", "dataKey"},
        {"short-data-key", "key length"},      {"signature-over-text", "signature"},
        {"wrong-data-signature", "signature"}, {"truncated-data", "signature"},
        {"swapped-data", "signature"},         {"wrong-padding", "padding"},
    };
    for (const auto& [name, step] : steps)
        EXPECT_EQ(key().open(content(name)).trouble, step) << name;
    const auto not_json = key().open(content("not-json"));
    EXPECT_EQ(not_json.trouble, "");
    boost::system::error_code error;
    boost::json::parse(not_json.plaintext, error);
    EXPECT_TRUE(error);
    const auto sha256_key = from_base64(text(content("oaep-sha256"), "dataKey")).value();
    EXPECT_TRUE(key().unwrap(sha256_key, ::EVP_sha256()));
    const auto over_text = content("signature-over-text");
    const auto wrapped = from_base64(text(over_text, "dataKey")).value();
    const auto secret = key().unwrap(wrapped, ::EVP_sha1()).value();
    EXPECT_EQ(
        test::hmac(secret, text(over_text, "data")),
        from_base64(text(over_text, "dataSignature")).value()
    );
    EXPECT_FALSE(content("no-data").contains("data"));
    EXPECT_FALSE(content("no-data-key").contains("dataKey"));
    EXPECT_FALSE(content("no-data-signature").contains("dataSignature"));
    EXPECT_FALSE(from_base64(text(content("not-base64"), "data")));
    EXPECT_TRUE(content("content-empty").empty());
    EXPECT_TRUE(
        post({item("content-text")}).at("value").as_array().at(0).at("encryptedContent").is_string()
    );
}

TEST_F(ForgeryTest, CertificatesAreNamedWronglyAndTheRestStaysReadable) {
    const auto content = [&](std::string_view name) { return content_in(post({item(name)})); };
    const auto by_id = content("no-thumbprint");
    EXPECT_EQ(text(by_id, "encryptionCertificateId"), "cert-1");
    EXPECT_FALSE(by_id.contains("encryptionCertificateThumbprint"));
    const auto by_thumbprint = content("unknown-certificate-id");
    EXPECT_NE(text(by_thumbprint, "encryptionCertificateId"), "cert-1");
    EXPECT_EQ(text(by_thumbprint, "encryptionCertificateThumbprint"), key().thumbprint());
    const auto by_nothing = content("unknown-certificate");
    EXPECT_NE(text(by_nothing, "encryptionCertificateId"), "cert-1");
    EXPECT_NE(text(by_nothing, "encryptionCertificateThumbprint"), key().thumbprint());
    for (const auto& one : {by_id, by_thumbprint, by_nothing})
        EXPECT_EQ(key().open(one).plaintext, kPlaintext);
}

TEST_F(ForgeryTest, TwoItemsSwapTheirDataAndTheirNeighbourIsGenuine) {
    const auto made =
        post({item("swapped-data", "{\"n\":1}"), item(), item("swapped-data", "{\"n\":2}")});
    EXPECT_EQ(key().open(content_in(made, 0)).trouble, "signature");
    EXPECT_EQ(key().open(content_in(made, 2)).trouble, "signature");
    EXPECT_EQ(key().open(content_in(made, 1)).plaintext, kPlaintext);
    // With the other's key the data is readable: it was swapped, not spoiled.
    auto mended = content_in(made, 0);
    mended["data"] = content_in(made, 2).at("data");
    EXPECT_EQ(key().open(mended).plaintext, "{\"n\":1}");
}

TEST_F(ForgeryTest, OneTokenForEachAppAndNoneForBasicItems) {
    auto basic = item();
    basic.plaintext.reset();
    auto other = item();
    other.subscription = subscribe("app-2");
    const auto made = post({basic, item(), other, item()});
    std::set<std::string> audiences;
    for (const auto& one : tokens_in(made))
        audiences.insert(text(test::read_token(one).value().claims, "aud"));
    EXPECT_EQ(tokens_in(made).size(), 2U);
    EXPECT_EQ(audiences, (std::set<std::string>{"app-1", "app-2"}));
    EXPECT_FALSE(made.at("value").as_array().at(0).as_object().contains("encryptedContent"));
}

TEST_F(ForgeryTest, NoGenuineItemTravelsWithAForgeryThatCostsItItsToken) {
    auto other = item();
    other.subscription = subscribe("app-2");
    auto basic = item();
    basic.plaintext.reset();
    auto beside = item("alg-none");
    beside.beside_good = true;
    EXPECT_FALSE(may_travel_together(item("alg-none"), item()));
    EXPECT_FALSE(may_travel_together(item(), item("alg-none")));
    EXPECT_FALSE(may_travel_together(item("alg-none"), item("rs384")));
    EXPECT_FALSE(may_travel_together(item("alg-none"), item("thousand-tokens")));
    EXPECT_FALSE(may_travel_together(item("tokens-null"), other));
    EXPECT_TRUE(may_travel_together(item("alg-none"), other));
    EXPECT_TRUE(may_travel_together(item("alg-none"), item("alg-none")));
    EXPECT_TRUE(may_travel_together(item("tokens-null"), basic));
    EXPECT_TRUE(may_travel_together(item("not-json"), item()));
    EXPECT_TRUE(may_travel_together(beside, item()));
}

TEST_F(ForgeryTest, ATokenIsSignedOnceAndRenewedBeforeItEnds) {
    const TokenOwner owner{"app-1", subscription_->tenant};
    const auto first = tokens_.genuine(owner, TokenVersion::V2);
    EXPECT_EQ(tokens_.genuine(owner, TokenVersion::V2), first);
    clock_.advance(std::chrono::seconds(86'700 - 3'600));
    EXPECT_NE(tokens_.genuine(owner, TokenVersion::V2), first);
    const auto second = tokens_.genuine(owner, TokenVersion::V2);
    ASSERT_TRUE(ring_.act("rotate"));
    EXPECT_NE(tokens_.genuine(owner, TokenVersion::V2), second) << "the key is another one";
}

TEST_F(ForgeryTest, MixedVersionsTakeTurns) {
    const auto one = tokens_.next_version();
    EXPECT_NE(tokens_.next_version(), one);
    EXPECT_EQ(tokens_.next_version(), one);
}

TEST(ForgeryTable, EachNameIsThereOnceAndFindsItsKind) {
    std::set<std::string_view> names;
    std::set<Forged> kinds;
    for (const ForgeryKind& kind : forgery_kinds()) {
        EXPECT_EQ(find_forgery(kind.name), &kind);
        names.insert(kind.name);
        kinds.insert(kind.what);
        EXPECT_FALSE(kind.sent.empty());
    }
    EXPECT_EQ(names.size(), forgery_kinds().size());
    EXPECT_EQ(kinds.size(), forgery_kinds().size());
    EXPECT_EQ(find_forgery("nonsense"), nullptr);
}

}  // namespace
}  // namespace graphhook::emulator
