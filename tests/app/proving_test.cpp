#include "app/service/proving.hpp"

#include "authenticity/resource_data.hpp"
#include "tests/app/rich_maker.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

#include <thread>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using authenticity::Reason;
using handlers::Opened;
using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr SystemTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};
constexpr const char* kOtherTenant = "11111111-2222-3333-4444-555555555555";

/// What one prover is given, and what it asked of others.
struct ProverTest : ::testing::Test {
    struct StillClock final : Clock {
        [[nodiscard]] SystemTime system_now() const override { return kNow; }
        [[nodiscard]] SteadyTime steady_now() const override { return steady; }
        SteadyTime steady{};
    };

    static const test::TokenSigner& signer() {
        static const test::TokenSigner made;
        return made;
    }
    static authenticity::EncryptionKeyPtr key() {
        static const auto made = [] {
            auto key = *test::key_of(test::make_rsa(2048), "key-1");
            key.thumbprint = "0123456789ABCDEF";
            return std::make_shared<const authenticity::EncryptionKey>(key);
        }();
        return made;
    }
    static ProvenTenant tenant(const std::string& name, std::string_view tenant_id) {
        return {
            name, {std::string(tenant_id), std::string(test::kClientId), std::string(test::kLogin)}
        };
    }
    static std::string genuine() {
        return json::serialize(json::array{signer().token(test::genuine_claims(kNow))});
    }
    static std::string body() {
        return json::serialize(json::object{
            {"resource", "chats/1/messages/2"},
            {"encryptedContent", test::encrypted_content(*key(), R"({"id":"2"})")}
        });
    }
    static store::ProofPtr proof(std::string tokens, std::string verdict = {}) {
        return std::make_shared<store::Proof>(store::Proof{7, std::move(tokens), std::move(verdict)}
        );
    }
    static store::Delivery delivery(store::ProofPtr proof, const std::string& tenant = "contoso") {
        auto stream = std::make_shared<store::Stream>();
        stream->tenant = tenant;
        store::Delivery made;
        made.stream = std::move(stream);
        made.body = body();
        made.received_at = kNow;
        made.proof = std::move(proof);
        return made;
    }
    Opened open(const store::Delivery& one, bool decrypt = false) {
        return prover->open(std::span(&one, 1), decrypt, {}).at(0);
    }

    StillClock clock;
    authenticity::KeySetsPtr sets = signer().sets(kNow);
    std::shared_ptr<const authenticity::Keyring> keyring =
        std::make_shared<authenticity::Keyring>(std::vector{key()});
    std::vector<std::string> keys_wanted;
    std::vector<std::pair<std::int64_t, std::string>> kept;
    std::size_t decrypted = 0;
    std::optional<Prover::Decrypted> instead;
    std::mutex mutex;
    std::unique_ptr<Prover> prover = std::make_unique<Prover>(
        std::vector{tenant("contoso", test::kTenantId), tenant("fabrikam", kOtherTenant)},
        Prover::Parts{
            .clock = clock,
            .sets = [this] { return sets; },
            .keys_wanted = [this](const std::string& login) { keys_wanted.push_back(login); },
            .keyring = [this] { return keyring; },
            .decrypt =
                [this](const std::vector<Prover::Job>& wanted, const std::stop_token&) {
                    std::vector<Prover::Decrypted> answers;
                    for (const auto& one : wanted) {
                        ++decrypted;
                        if (instead) {
                            answers.push_back(*instead);
                            continue;
                        }
                        answers.emplace_back(authenticity::decrypt(one.content, *one.key));
                    }
                    return answers;
                },
            .keep_verdict =
                [this](std::int64_t number, std::string verdict) {
                    const std::lock_guard lock(mutex);
                    kept.emplace_back(number, std::move(verdict));
                },
        }
    );
};

TEST_F(ProverTest, AGenuineDeliveryIsProvedAndOpened) {
    const auto answer = open(delivery(proof(genuine())), true);
    EXPECT_EQ(answer.is, Opened::Is::Proved) << answer.reason << answer.detail;
    EXPECT_EQ(answer.data, R"({"id":"2"})");
    EXPECT_THAT(keys_wanted, IsEmpty());
}

TEST_F(ProverTest, ABasicDeliveryNeedsNoProofAndIsNotDecrypted) {
    sets = std::make_shared<authenticity::KeySets>();
    const auto answer = open(delivery(nullptr), true);
    EXPECT_EQ(answer.is, Opened::Is::Proved);
    EXPECT_EQ(answer.data, "");
    EXPECT_EQ(decrypted, 0U);
}

TEST_F(ProverTest, WhatNobodyWantsIsNotDecrypted) {
    const auto answer = open(delivery(proof(genuine())), false);
    EXPECT_EQ(answer.is, Opened::Is::Proved);
    EXPECT_EQ(answer.data, "");
    EXPECT_EQ(decrypted, 0U);
}

TEST_F(ProverTest, AStoredVerdictIsTrustedAlsoWhenTheKeysAreGone) {
    ASSERT_EQ(open(delivery(proof(genuine()))).is, Opened::Is::Proved);
    ASSERT_THAT(kept, SizeIs(1));
    EXPECT_EQ(kept[0].first, 7);
    sets = std::make_shared<authenticity::KeySets>();
    const auto answer = open(delivery(proof(genuine(), kept[0].second)));
    EXPECT_EQ(answer.is, Opened::Is::Proved) << answer.reason;
    EXPECT_THAT(keys_wanted, IsEmpty());
    EXPECT_THAT(kept, SizeIs(1));
}

TEST_F(ProverTest, AStoredVerdictThatCanNotBeReadIsMadeAgain) {
    const auto answer = open(delivery(proof(genuine(), "what is this")));
    EXPECT_EQ(answer.is, Opened::Is::Proved) << answer.reason;
    EXPECT_THAT(kept, SizeIs(1));
}

TEST_F(ProverTest, WithoutKeySetsItWaitsAndIsProvedWhenTheyCome) {
    sets = std::make_shared<authenticity::KeySets>();
    const auto one = delivery(proof(genuine()));
    const auto answer = open(one);
    EXPECT_EQ(answer.is, Opened::Is::Waits);
    EXPECT_EQ(answer.reason, "keys_missing");
    EXPECT_THAT(keys_wanted, ElementsAre(test::kLogin));
    sets = signer().sets(kNow);
    EXPECT_EQ(open(one).is, Opened::Is::Proved);
    EXPECT_THAT(kept, SizeIs(2));
}

TEST_F(ProverTest, WhyTokensAreNotProvedYetIsStoredOnceAndNotTrusted) {
    sets = std::make_shared<authenticity::KeySets>();
    for (int i = 0; i < 1'000; ++i) (void)open(delivery(proof(genuine())));
    ASSERT_THAT(kept, SizeIs(1));
    EXPECT_THAT(kept[0].second, HasSubstr("keys_missing"));
    const auto one = delivery(proof(genuine(), kept[0].second));
    clock.steady += hours(1);
    EXPECT_EQ(open(one).is, Opened::Is::Waits);
    EXPECT_THAT(kept, SizeIs(1));
    sets = signer().sets(kNow);
    EXPECT_EQ(open(one).is, Opened::Is::Proved);
    ASSERT_THAT(kept, SizeIs(2));
    EXPECT_THAT(kept[1].second, Not(HasSubstr("keys_missing")));
}

TEST_F(ProverTest, WhatIsProvedStaysSoThoughAnotherTokenOfThePostNeverIs) {
    const test::TokenSigner other("another-key");
    const auto tokens = json::serialize(json::array{
        other.token(test::genuine_claims(kNow, kOtherTenant)),
        signer().token(test::genuine_claims(kNow))
    });
    EXPECT_EQ(open(delivery(proof(tokens))).is, Opened::Is::Proved);
    EXPECT_EQ(open(delivery(proof(tokens), "fabrikam")).reason, "key_unknown");
    ASSERT_THAT(kept, SizeIs(1));
    sets = other.sets(kNow);
    const auto later = delivery(proof(tokens, kept[0].second));
    EXPECT_EQ(open(later).is, Opened::Is::Proved);
    EXPECT_EQ(open(delivery(later.proof, "fabrikam")).is, Opened::Is::Proved);
    // Forgotten by the store, the first would wait for its key.
    sets = std::make_shared<authenticity::KeySets>();
    EXPECT_EQ(open(delivery(proof(tokens))).is, Opened::Is::Waits);
}

TEST_F(ProverTest, AnUnknownKidWaitsIsToldToTheKeeperAndNamedWithoutTheToken) {
    const test::TokenSigner other("another\nkey");
    const auto token = other.token(test::genuine_claims(kNow));
    const auto answer = open(delivery(proof(json::serialize(json::array{token}))));
    EXPECT_EQ(answer.is, Opened::Is::Waits);
    EXPECT_EQ(answer.reason, "key_unknown");
    EXPECT_THAT(answer.detail, HasSubstr("another"));
    EXPECT_THAT(answer.detail, Not(HasSubstr("\n")));
    EXPECT_THAT(answer.detail, Not(HasSubstr(token.substr(token.size() - 20))));
    EXPECT_THAT(keys_wanted, ElementsAre(test::kLogin));
}

TEST_F(ProverTest, ATokenOfAnotherTenantDoesNotProveThisOnes) {
    const auto tokens =
        json::serialize(json::array{signer().token(test::genuine_claims(kNow, kOtherTenant))});
    const auto answer = open(delivery(proof(tokens)));
    EXPECT_EQ(answer.is, Opened::Is::False);
    EXPECT_EQ(answer.reason, "token_coverage");
    EXPECT_THAT(
        answer.detail, AllOf(HasSubstr(std::string(test::kTenantId)), HasSubstr(kOtherTenant))
    );
    EXPECT_EQ(open(delivery(proof(tokens), "fabrikam")).is, Opened::Is::Proved);
}

TEST_F(ProverTest, ATokenThatHadEndedWhenItCameIsFalseAndSaysWhenItWasValid) {
    const auto tokens =
        json::serialize(json::array{signer().token(test::genuine_claims(kNow - hours(48)))});
    const auto answer = open(delivery(proof(tokens)));
    EXPECT_EQ(answer.is, Opened::Is::False);
    EXPECT_EQ(answer.reason, "token_expired");
    EXPECT_THAT(answer.detail, HasSubstr("2026-11-20T00:05:00Z"));
    // The same tokens came in time once: the verdict is of the token, the time is the item's.
    auto earlier = delivery(proof(tokens));
    earlier.received_at = kNow - hours(47);
    EXPECT_EQ(open(earlier).is, Opened::Is::Proved);
    EXPECT_THAT(kept, SizeIs(1));
}

TEST_F(ProverTest, WhatIsOutOfItsTimeByOurWrongClockIsJudgedByThePlatforms) {
    auto behind = std::make_shared<authenticity::KeySets>(*signer().sets(kNow));
    behind->clock_ahead = -hours(1);
    sets = behind;
    const auto tokens =
        json::serialize(json::array{signer().token(test::genuine_claims(kNow + hours(1)))});
    EXPECT_EQ(open(delivery(proof(tokens))).is, Opened::Is::Proved);
    // What is right by our clock is asked no further, though it would not be by the other.
    EXPECT_EQ(open(delivery(proof(genuine()))).is, Opened::Is::Proved);
    const auto old =
        json::serialize(json::array{signer().token(test::genuine_claims(kNow - hours(48)))});
    const auto answer = open(delivery(proof(old)));
    EXPECT_EQ(answer.is, Opened::Is::Waits);
    EXPECT_EQ(answer.reason, "clock_doubtful");
    sets = signer().sets(kNow);
    EXPECT_EQ(open(delivery(proof(old))).reason, "token_expired");
}

TEST_F(ProverTest, NothingIsFalseForItsTimeBeforeOurClockWasComparedLately) {
    const auto old =
        json::serialize(json::array{signer().token(test::genuine_claims(kNow - hours(48)))});
    for (const auto fetched_at : {kNow - std::chrono::minutes(6), kNow + hours(1)}) {
        sets = signer().sets(fetched_at);
        keys_wanted.clear();
        const auto answer = open(delivery(proof(old)));
        EXPECT_EQ(answer.is, Opened::Is::Waits);
        EXPECT_EQ(answer.reason, "clock_doubtful");
        EXPECT_THAT(keys_wanted, ElementsAre(std::string(test::kLogin)));
    }
    sets = signer().sets(kNow - std::chrono::minutes(4));
    EXPECT_EQ(open(delivery(proof(old))).is, Opened::Is::False);
}

TEST_F(ProverTest, AForgedTokenOfThePostDoesNotCostTheGenuineOnesItems) {
    auto claims = test::genuine_claims(kNow);
    claims["aud"] = kOtherTenant;
    const auto tokens = json::serialize(
        json::array{"rubbish", signer().token(claims), signer().token(test::genuine_claims(kNow))}
    );
    EXPECT_EQ(open(delivery(proof(tokens))).is, Opened::Is::Proved);
}

TEST_F(ProverTest, ATenantThatIsNoLongerConfiguredWaitsUntilItIsAgain) {
    const auto one = delivery(proof(genuine()), "initech");
    const auto answer = open(one);
    EXPECT_EQ(answer.is, Opened::Is::Waits);
    EXPECT_EQ(answer.reason, "tenant_unknown");
    EXPECT_THAT(answer.detail, HasSubstr("initech"));
    prover->set_tenants({tenant("initech", test::kTenantId)});
    EXPECT_EQ(open(one).is, Opened::Is::Proved);
}

TEST_F(ProverTest, AnAudienceThatBecomesOursIsJudgedAnewThoughAVerdictIsStored) {
    auto claims = test::genuine_claims(kNow, test::kTenantId, kOtherTenant);
    const auto tokens = json::serialize(json::array{signer().token(claims)});
    EXPECT_EQ(open(delivery(proof(tokens))).reason, "token_audience");
    ASSERT_THAT(kept, SizeIs(1));
    auto changed = tenant("contoso", test::kTenantId);
    changed.expected.client_id = kOtherTenant;
    prover->set_tenants({changed});
    const auto answer = open(delivery(proof(tokens, kept[0].second)));
    EXPECT_EQ(answer.is, Opened::Is::Proved) << answer.reason;
    EXPECT_THAT(kept, SizeIs(2)) << "the new verdict is stored in place of the old one";
}

TEST_F(ProverTest, ARetryFromTheQuarantineIsJudgedWithTheKeysOfToday) {
    const test::TokenSigner renewed("signing-key-1");
    const auto tokens = json::serialize(json::array{renewed.token(test::genuine_claims(kNow))});
    EXPECT_EQ(open(delivery(proof(tokens))).reason, "token_signature");
    // The store has forgotten its verdict, and the key set was mended.
    sets = renewed.sets(kNow);
    const auto answer = open(delivery(proof(tokens)));
    EXPECT_EQ(answer.is, Opened::Is::Proved) << answer.reason;
}

TEST_F(ProverTest, TheVerdictOfAThousandDeliveriesOfOnePostIsStoredOnce) {
    const auto shared = proof(genuine());
    const std::vector<store::Delivery> batch(250, delivery(shared));
    std::vector<std::thread> threads;
    std::atomic<std::size_t> proved{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (const auto& answer : prover->open(batch, false, {}))
                proved += answer.is == Opened::Is::Proved ? 1U : 0U;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(proved, 1'000U);
    EXPECT_THAT(kept, SizeIs(1));
}

TEST_F(ProverTest, WhatTheStoreForgotLaterIsStoredAgain) {
    const auto one = delivery(proof(genuine()));
    ASSERT_EQ(open(one).is, Opened::Is::Proved);
    clock.steady += hours(1);
    ASSERT_EQ(open(one).is, Opened::Is::Proved);
    EXPECT_THAT(kept, SizeIs(2));
}

TEST_F(ProverTest, AMissingPrivateKeyWaitsAndOpensOnceItIsThere) {
    keyring = std::make_shared<authenticity::Keyring>();
    const auto one = delivery(proof(genuine()));
    const auto answer = open(one, true);
    EXPECT_EQ(answer.is, Opened::Is::Waits);
    EXPECT_EQ(answer.reason, "no_private_key");
    EXPECT_THAT(answer.detail, AllOf(HasSubstr("key-1"), HasSubstr("0123456789ABCDEF")));
    EXPECT_EQ(open(one, false).is, Opened::Is::Proved) << "whoever wants no data needs no key";
    keyring = std::make_shared<authenticity::Keyring>(std::vector{key()});
    EXPECT_EQ(open(one, true).data, R"({"id":"2"})");
}

TEST_F(ProverTest, EveryReasonOfAFalseTokenIsTheLabelOfTheQuarantine) {
    sets = std::make_shared<authenticity::KeySets>();
    std::size_t seen = 0;
    for (int i = 1; i < 64; ++i) {
        const auto reason = static_cast<Reason>(i);
        const auto name = to_string(reason);
        if (!authenticity::reason_named(name) || authenticity::may_be_proved_later(reason) ||
            reason == Reason::TokenCoverage || reason == Reason::TokenExpired ||
            reason == Reason::TokenNotYetValid || reason >= Reason::ContentMalformed)
            continue;
        const authenticity::TokenVerdict verdict{
            .reason = reason,
            .tenant_id = std::string(test::kTenantId),
            .client_id = kOtherTenant,
            .kid = "some-kid"
        };
        const auto answer =
            open(delivery(proof(genuine(), authenticity::to_text(std::span(&verdict, 1)))));
        EXPECT_EQ(answer.is, Opened::Is::False) << name;
        EXPECT_EQ(answer.reason, name);
        EXPECT_THAT(answer.detail, HasSubstr("some-kid")) << name;
        ++seen;
    }
    EXPECT_EQ(seen, 8U);
}

TEST_F(ProverTest, EveryReasonOfFalseContentIsTheLabelOfTheQuarantine) {
    const auto one = delivery(proof(genuine()));
    for (const auto reason :
         {Reason::DataKey, Reason::DataSignature, Reason::DataCiphertext, Reason::DataJson}) {
        instead = Prover::Decrypted(reason);
        const auto answer = open(one, true);
        EXPECT_EQ(answer.is, Opened::Is::False);
        EXPECT_EQ(answer.reason, to_string(reason));
        EXPECT_THAT(answer.detail, HasSubstr("key-1"));
        EXPECT_EQ(answer.data, "");
    }
    auto without = one;
    without.body = R"({"encryptedContent":{"data":"AAAA"}})";
    EXPECT_EQ(open(without, true).reason, "content_malformed");
}

TEST_F(ProverTest, OneOfABatchThatIsFalseDoesNotCostItsNeighbours) {
    const auto good = delivery(proof(genuine()));
    auto bad = good;
    bad.proof = std::make_shared<store::Proof>(store::Proof{8, R"(["rubbish"])", ""});
    const std::vector<store::Delivery> batch{good, bad, delivery(nullptr), good};
    const auto answers = prover->open(batch, true, {});
    ASSERT_THAT(answers, SizeIs(4));
    EXPECT_EQ(answers[0].data, R"({"id":"2"})");
    EXPECT_EQ(answers[1].is, Opened::Is::False);
    EXPECT_EQ(answers[1].reason, "token_malformed");
    EXPECT_EQ(answers[2].is, Opened::Is::Proved);
    EXPECT_EQ(answers[2].data, "");
    EXPECT_EQ(answers[3].data, R"({"id":"2"})");
    EXPECT_EQ(decrypted, 2U);
}

TEST_F(ProverTest, WhatAStopOrTheTimeCutsShortWaitsForAMomentAndSaysWhich) {
    instead = std::optional<Prover::Decrypted>(std::in_place, std::nullopt);
    const auto one = delivery(proof(genuine()));
    const auto late = open(one, true);
    EXPECT_EQ(late.is, Opened::Is::Waits);
    EXPECT_EQ(late.reason, "opening_slow");
    EXPECT_EQ(late.again_in, std::chrono::milliseconds(0));
    EXPECT_EQ(late.data, "");
    std::stop_source stop;
    stop.request_stop();
    const auto stopped = prover->open(std::span(&one, 1), true, stop.get_token()).at(0);
    EXPECT_EQ(stopped.is, Opened::Is::Waits);
    EXPECT_EQ(stopped.reason, "stopping");
    EXPECT_EQ(stopped.data, "");
}

TEST_F(ProverTest, WhatHasJustComeIsAskedAboutAgainSoonAndWhatWaitsForLongLessOften) {
    sets = std::make_shared<authenticity::KeySets>();
    auto one = delivery(proof(genuine()));
    EXPECT_EQ(open(one).again_in, std::chrono::seconds(1));
    one.received_at = kNow - std::chrono::seconds(6);
    EXPECT_EQ(open(one).again_in, std::chrono::seconds(6));
    one.received_at = kNow - std::chrono::hours(1);
    EXPECT_EQ(open(one).again_in, std::chrono::seconds(15));
    one.received_at = kNow + std::chrono::hours(1);
    EXPECT_EQ(open(one).again_in, std::chrono::seconds(1)) << "a clock that was set back";
}

TEST_F(ProverTest, NullTokensWaitAndAreNotAskedOften) {
    const auto answer = open(delivery(proof("null")));
    EXPECT_EQ(answer.is, Opened::Is::Waits);
    EXPECT_EQ(answer.reason, "tokens_null");
    EXPECT_GE(answer.again_in, std::chrono::minutes(1));
    EXPECT_EQ(open(delivery(proof(""))).reason, "tokens_missing");
}

}  // namespace
}  // namespace graphhook::app
