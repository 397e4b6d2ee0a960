// What `inspect` finds, without its files.

#include "app/cli/inspect.hpp"

#include "app/api/reason_words.hpp"
#include "app/cli/inspect_gather.hpp"
#include "app/cli/inspect_print.hpp"
#include "core/base64.hpp"
#include "tests/app/rich_maker.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using authenticity::Reason;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr SystemTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};

struct InspectTest : ::testing::Test {
    static const test::TokenSigner& signer() {
        static const test::TokenSigner made;
        return made;
    }
    static authenticity::EncryptionKeyPtr key() {
        static const auto made = test::key_of(test::make_rsa(2048), "mail");
        return made;
    }
    InspectTest() {
        facts.received_at = kNow;
        facts.sets = signer().sets(kNow);
        facts.keyring = authenticity::Keyring({key()});
        facts.tenants.push_back(
            {"contoso",
             {std::string(test::kTenantId), std::string(test::kClientId), std::string(test::kLogin)}
            }
        );
    }
    static json::object rich(std::string_view tenant_id = test::kTenantId) {
        return {
            {"subscriptionId", "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"},
            {"changeType", "created"},
            {"resource", "chats/1"},
            {"tenantId", tenant_id},
            {"encryptedContent", test::encrypted_content(*key(), R"({"id":"2"})")}
        };
    }
    Inspection inspect(const json::array& items, const json::value& tokens) {
        facts.body = json::serialize(json::object{{"value", items}, {"validationTokens", tokens}});
        return inspect_body(facts);
    }
    static std::string genuine() { return signer().token(test::genuine_claims(kNow)); }

    InspectFacts facts;
};

TEST_F(InspectTest, EachTokenIsExplainedByItself) {
    auto foreign = test::genuine_claims(kNow);
    foreign["aud"] = "11111111-1111-1111-1111-111111111111";
    auto stranger = test::genuine_claims(kNow);
    stranger["azp"] = "11111111-1111-1111-1111-111111111111";
    const auto said = inspect(
        {rich()},
        json::array{
            signer().token({{"alg", "none"}, {"kid", "signing-key-1"}}, foreign),
            signer().token(foreign), signer().token(stranger), "no token", nullptr, genuine()
        }
    );
    ASSERT_THAT(said.tokens, SizeIs(6));
    EXPECT_EQ(said.tokens[0].reason, Reason::TokenAlgorithm);
    EXPECT_EQ(said.tokens[0].algorithm, "none");
    EXPECT_EQ(said.tokens[1].reason, Reason::TokenAudience);
    EXPECT_EQ(said.tokens[1].audience, "11111111-1111-1111-1111-111111111111");
    EXPECT_EQ(said.tokens[2].reason, Reason::TokenPublisher);
    EXPECT_EQ(said.tokens[3].reason, Reason::TokenMalformed);
    EXPECT_EQ(said.tokens[4].reason, Reason::TokensNull);
    EXPECT_EQ(said.tokens[5].reason, Reason::None);
    EXPECT_EQ(said.tokens[5].issuer, fmt::format("{}/{}/v2.0", test::kLogin, test::kTenantId));
    EXPECT_TRUE(said.good) << "one good token is enough, whatever is beside it";
}

TEST_F(InspectTest, AnItemOfATenantThatIsNotOursIsNotProvedByAnothersToken) {
    const auto said =
        inspect({rich("22222222-2222-2222-2222-222222222222"), rich()}, json::array{genuine()});
    EXPECT_EQ(said.items.at(0).proof, Reason::TokenCoverage);
    EXPECT_FALSE(said.items.at(0).good);
    EXPECT_TRUE(said.items.at(1).good) << "it does not cost its neighbour";
    EXPECT_FALSE(said.good);
}

TEST_F(InspectTest, AKeyGivenByHandIsTriedWhateverItsName) {
    auto item = rich();
    item["encryptedContent"].as_object()["encryptionCertificateId"] = "another";
    item["encryptedContent"].as_object()["encryptionCertificateThumbprint"] = "FF";
    EXPECT_EQ(inspect({item}, json::array{genuine()}).items.at(0).content, Reason::NoPrivateKey);
    facts.try_any_key = true;
    const auto said = inspect({item}, json::array{genuine()});
    EXPECT_EQ(said.items.at(0).content, Reason::None);
    EXPECT_THAT(
        inspection_text(said, Reveal::No), HasSubstr("which has neither its id nor its thumbprint")
    );
}

TEST_F(InspectTest, TamperedContentIsNamed) {
    auto item = rich();
    item["encryptedContent"].as_object()["dataSignature"] = to_base64(std::string(32, 'x'));
    const auto said = inspect({item}, json::array{genuine()});
    EXPECT_EQ(said.items.at(0).content, Reason::DataSignature);
    EXPECT_THAT(said.items.at(0).outcome, HasSubstr("it goes to the quarantine"));
    EXPECT_FALSE(said.good);
}

TEST_F(InspectTest, TextsOfTheBodyAreFitForATerminal) {
    auto item = rich();
    item["resource"] = "chats/\x1b[31m\n1";
    const auto text = inspection_text(inspect({item}, nullptr), Reveal::No);
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, HasSubstr("tokens_null"));
}

TEST_F(InspectTest, WhatIsRevealedIsFitForATerminalAndOtherwiseAsItCame) {
    auto item = rich();
    item["encryptedContent"] =
        test::encrypted_content(*key(), "{\"text\":\"h\u00e9 \\u001b[31m \u009b \x7f\"}");
    const auto said = inspect({item}, json::array{genuine()});
    EXPECT_THAT(inspection_text(said, Reveal::No), Not(HasSubstr("31m")));
    const auto text = inspection_text(said, Reveal::Yes);
    EXPECT_THAT(text, HasSubstr("h\u00e9 \\u001b[31m \\u009b \\u007f"));
}

TEST_F(InspectTest, ABodyWithoutItemsIsNothingToRelyOn) {
    const auto said = inspect({}, nullptr);
    EXPECT_EQ(said.status, 202U);
    EXPECT_FALSE(said.good);
}

TEST_F(InspectTest, AKeySetFromAFileIsBoundToTheIssuersOfTheTenantsCloud) {
    const auto known = key_sets_from({signer().jwks("")}, facts.tenants, kNow).value();
    ASSERT_THAT(known.sets, SizeIs(2));
    EXPECT_THAT(
        authenticity::issuers_of(test::kLogin, authenticity::Version::V2),
        ::testing::Contains(known.sets[1].issuer)
    );
    auto own = facts.tenants;
    own[0].expected.login = "https://login.example";
    const auto named =
        key_sets_from({signer().jwks("https://login.example/{tenantid}/other/v2.0")}, own, kNow)
            .value();
    EXPECT_EQ(named.sets[1].issuer, "https://login.example/{tenantid}/other/v2.0");
    EXPECT_EQ(
        key_sets_from({signer().jwks("")}, own, kNow).value().sets[1].issuer,
        "https://login.example/{tenantid}/v2.0"
    );
    EXPECT_FALSE(key_sets_from({"{}"}, facts.tenants, kNow));
}

TEST_F(InspectTest, EveryReasonHasWordsOfItsOwn) {
    std::set<std::string_view> words;
    std::size_t reasons = 0;
    for (int i = 0; i <= static_cast<int>(Reason::DataJson); ++i) {
        const auto reason = static_cast<Reason>(i);
        ++reasons;
        EXPECT_NE(in_words(reason), "unknown") << i;
        words.insert(in_words(reason));
    }
    EXPECT_EQ(words.size(), reasons);
    EXPECT_GT(reasons, 20U);
}

}  // namespace
}  // namespace graphhook::app
