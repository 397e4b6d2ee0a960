#include "app/service/unsid_desk.hpp"

#include "tests/app/rich_maker.hpp"
#include "tests/support/hand_clock.hpp"
#include "tests/support/open_store.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using receiver::BearerAnswer;
using receiver::UnsidUser;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kUser = "11111111-2222-3333-4444-555555555555";
constexpr const char* kOther = "99999999-2222-3333-4444-555555555555";
constexpr const char* kApp = "aaaaaaaa-2222-3333-4444-555555555555";

/// Tokens that are really signed, judged by the real judge, and a real store.
class UnsidDeskTest : public ::testing::Test {
  protected:
    static const test::TokenSigner& signer() {
        static const test::TokenSigner made;
        return made;
    }
    /// Of a user who signed in to an app of ours.
    [[nodiscard]] json::object claims() const {
        auto made = test::genuine_claims(clock.system_now());
        made["aud"] = fmt::format("api://{}", test::kClientId);
        made["azp"] = kApp;
        made["oid"] = kUser;
        made["scp"] = "User.Read Unsids.Register";
        return made;
    }
    [[nodiscard]] BearerAnswer ask(const json::object& claims) {
        return desk().who(signer().token(claims));
    }
    StoreUnsidDesk& desk(const std::string& scope = "Unsids.Register") {
        if (!desk_)
            desk_ = std::make_unique<StoreUnsidDesk>(
                std::vector{ours()}, scope,
                StoreUnsidDesk::Parts{
                    .store = *store,
                    .clock = clock,
                    .sets = [this] { return sets; },
                    .keys_wanted = [this](const std::string& login) { wanted.push_back(login); },
                }
            );
        return *desk_;
    }
    /// Of both versions, fetched now: only together they can say that there is no such key.
    [[nodiscard]] authenticity::KeySetsPtr both_sets(const test::TokenSigner& of) const {
        auto both = *of.sets(clock.system_now());
        both.sets.push_back(both.sets.front());
        both.sets.back().version = authenticity::Version::V1;
        return std::make_shared<const authenticity::KeySets>(std::move(both));
    }
    static authenticity::Expected ours() {
        return {
            std::string(test::kTenantId), std::string(test::kClientId), std::string(test::kLogin)
        };
    }

    [[nodiscard]] Result<bool> put(const std::string& unsid, const std::string& user = kUser) {
        return wait_for<bool>([&](Completion<bool> done) {
            desk().put(
                {std::string(test::kTenantId), user, kApp},
                {unsid, "ios", clock.system_now() + std::chrono::hours(1)}, std::move(done)
            );
        });
    }
    [[nodiscard]] Result<std::monostate> withdraw(
        const std::string& unsid, const std::string& user = kUser
    ) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            desk().withdraw({std::string(test::kTenantId), user, kApp}, unsid, std::move(done));
        });
    }
    [[nodiscard]] std::vector<std::string> stored() {
        using Unsids = std::vector<store::Unsid>;
        const auto found =
            wait_for<Unsids>([&](Completion<Unsids> done) { store->unsids({}, std::move(done)); });
        std::vector<std::string> names;
        for (const auto& one : found.value()) names.push_back(one.user_id + " " + one.unsid);
        std::sort(names.begin(), names.end());
        return names;
    }

    test::HandClock clock{real_clock().system_now()};
    test::OpenStore store{clock};
    authenticity::KeySetsPtr sets = signer().sets(clock.system_now());
    std::vector<std::string> wanted;

  private:
    std::unique_ptr<StoreUnsidDesk> desk_;
};

TEST_F(UnsidDeskTest, TheUserIsTheTokensAndInLowerCase) {
    auto given = claims();
    given["oid"] = "11111111-2222-3333-4444-55555555ABCD";
    const auto answer = ask(given);
    ASSERT_EQ(answer.is, BearerAnswer::Is::User) << answer.reason;
    EXPECT_EQ(answer.user.tenant_id, test::kTenantId);
    EXPECT_EQ(answer.user.user_id, "11111111-2222-3333-4444-55555555abcd");
    EXPECT_EQ(answer.user.client_id, kApp);
    EXPECT_THAT(wanted, IsEmpty());
}

TEST_F(UnsidDeskTest, WhatIsFalseIsInvalidWithItsReasonAndNothingOfTheToken) {
    const test::TokenSigner forger;
    auto expired = claims();
    expired["exp"] = expired["nbf"];
    auto foreign = claims();
    foreign["aud"] = "api://00000000-0000-0000-0000-000000000001";
    const auto late = clock.system_now() + std::chrono::hours(1);
    auto early = claims();
    early["nbf"] =
        std::chrono::duration_cast<std::chrono::seconds>(late.time_since_epoch()).count();
    clock.advance(std::chrono::minutes(6));
    sets = signer().sets(clock.system_now());
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"token_malformed", "no token"},
        {"token_malformed", ""},
        {"token_signature", forger.token(claims())},
        {"token_expired", signer().token(expired)},
        {"token_not_yet_valid", signer().token(early)},
        {"token_audience", signer().token(foreign)},
        {"token_algorithm", signer().token({{"alg", "none"}, {"typ", "JWT"}}, claims())},
    };
    for (const auto& [reason, token] : cases) {
        const auto answer = desk().who(token);
        EXPECT_EQ(answer.is, BearerAnswer::Is::Invalid) << reason;
        EXPECT_EQ(answer.reason, reason);
        EXPECT_THAT(answer.why, Not(IsEmpty())) << reason;
        EXPECT_THAT(answer.why, Not(HasSubstr(kUser)));
        EXPECT_THAT(answer.why, Not(HasSubstr("\n")));
        EXPECT_EQ(answer.user.user_id, "") << "of nobody";
    }
    EXPECT_THAT(wanted, IsEmpty());
}

TEST_F(UnsidDeskTest, WithoutKeysTheClientComesBackAndTheKeysAreAskedFor) {
    sets = std::make_shared<authenticity::KeySets>();
    const auto answer = ask(claims());
    EXPECT_EQ(answer.is, BearerAnswer::Is::NotProvable);
    EXPECT_EQ(answer.reason, "keys_missing");
    EXPECT_THAT(wanted, ElementsAre(test::kLogin));
}

TEST_F(UnsidDeskTest, AKeyThatIsNotKnownYetIsAskedFor) {
    sets = signer().sets(clock.system_now() - std::chrono::hours(1));
    const test::TokenSigner fresh("signing-key-2");
    const auto answer = desk().who(fresh.token(claims()));
    EXPECT_EQ(answer.is, BearerAnswer::Is::NotProvable);
    EXPECT_EQ(answer.reason, "key_unknown");
    EXPECT_THAT(wanted, ElementsAre(test::kLogin));
}

TEST_F(UnsidDeskTest, AKeyThatFreshKeySetsLackIsFalseOnlyAfterTheyWereFetchedForIt) {
    const test::TokenSigner fresh("signing-key-2");
    const auto token = fresh.token(claims());
    sets = both_sets(signer());
    clock.advance(std::chrono::seconds(2));  // they came just before
    for (int i = 0; i < 2; ++i) {
        const auto answer = desk().who(token);
        EXPECT_EQ(answer.is, BearerAnswer::Is::NotProvable) << i;
        EXPECT_EQ(answer.reason, "key_unknown");
        clock.advance(std::chrono::seconds(2));
    }
    EXPECT_THAT(wanted, SizeIs(2));
    // Now they were fetched for it, and it is not there.
    sets = both_sets(signer());
    clock.advance(std::chrono::seconds(2));
    EXPECT_EQ(desk().who(token).is, BearerAnswer::Is::Invalid);
    EXPECT_EQ(desk().who(token).reason, "token_key_unknown");
    EXPECT_THAT(wanted, SizeIs(2));
    // Later it may be, and then it is asked for again.
    clock.advance(std::chrono::minutes(6));
    sets = both_sets(signer());
    EXPECT_EQ(desk().who(token).is, BearerAnswer::Is::NotProvable);
    EXPECT_THAT(wanted, SizeIs(3));
    sets = both_sets(fresh);
    EXPECT_EQ(desk().who(token).is, BearerAnswer::Is::User);
}

TEST_F(UnsidDeskTest, AClockInDoubtRefusesNobody) {
    auto doubtful = *signer().sets(clock.system_now());
    doubtful.clock_ahead = std::chrono::hours(3);
    sets = std::make_shared<authenticity::KeySets>(doubtful);
    auto expired = claims();
    const auto hour_ago = clock.system_now() - std::chrono::hours(1);
    expired["exp"] =
        std::chrono::duration_cast<std::chrono::seconds>(hour_ago.time_since_epoch()).count();
    const auto answer = ask(expired);
    EXPECT_EQ(answer.is, BearerAnswer::Is::NotProvable);
    EXPECT_EQ(answer.reason, "clock_doubtful");
}

TEST_F(UnsidDeskTest, AnAppsOwnTokenAndAnIdTokenAreNobodys) {
    auto own = claims();
    own.erase("scp");
    own["roles"] = json::array{"Unsids.Register"};
    auto answer = ask(own);
    EXPECT_EQ(answer.is, BearerAnswer::Is::NoScope);
    EXPECT_EQ(answer.reason, "no_user");
    auto id_token = claims();
    id_token.erase("scp");
    id_token.erase("azp");
    id_token["aud"] = test::kClientId;
    answer = ask(id_token);
    EXPECT_EQ(answer.is, BearerAnswer::Is::NoScope);
    EXPECT_EQ(answer.user.user_id, "");
}

TEST_F(UnsidDeskTest, TheScopeWantedHasToBeThereAsAWhole) {
    auto without = claims();
    without["scp"] = "User.Read Unsids.Register.More";
    const auto answer = ask(without);
    EXPECT_EQ(answer.is, BearerAnswer::Is::NoScope);
    EXPECT_EQ(answer.reason, "scope_missing");
    EXPECT_THAT(answer.why, HasSubstr("Unsids.Register"));
}

TEST_F(UnsidDeskTest, WithoutAScopeAnyOfAUserWillDo) {
    auto any = claims();
    any["scp"] = "User.Read";
    EXPECT_EQ(desk("").who(signer().token(any)).is, BearerAnswer::Is::User);
}

TEST_F(UnsidDeskTest, AfterAReloadOtherApplicationsCount) {
    EXPECT_EQ(ask(claims()).is, BearerAnswer::Is::User);
    desk().set_ours({});
    EXPECT_EQ(ask(claims()).reason, "token_audience");
    desk().set_ours({ours()});
    EXPECT_EQ(ask(claims()).is, BearerAnswer::Is::User);
}

TEST_F(UnsidDeskTest, WhatIsHandedInIsStoredAsItWasAndRenewedTheNextTime) {
    EXPECT_EQ(put("one").value(), false) << "it was not there";
    EXPECT_EQ(put("one").value(), true);
    using Unsids = std::vector<store::Unsid>;
    store.reopen();
    const auto found = wait_for<Unsids>([&](Completion<Unsids> done) {
                           store->unsids({}, std::move(done));
                       }).value();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].tenant_id, test::kTenantId);
    EXPECT_EQ(found[0].user_id, kUser);
    EXPECT_EQ(found[0].client_id, kApp);
    EXPECT_EQ(found[0].platform, "ios");
    EXPECT_GT(found[0].expires_at, clock.system_now());
}

TEST_F(UnsidDeskTest, AGaugeCountsTheLiveOnesByPlatformAndNamesNobody) {
    prometheus::Registry seen;
    store::Metrics gauges(seen);
    store::StoreStats stats;
    gauges.refresh(stats, clock.system_now());
    stats.unsids = {{"ios", 2}, {"webpush", 1}};
    gauges.refresh(stats, clock.system_now());
    const auto text = [&seen] { return prometheus::TextSerializer().Serialize(seen.Collect()); };
    EXPECT_THAT(text(), HasSubstr("graphhook_unsids{platform=\"ios\"} 2\n"));
    EXPECT_THAT(text(), HasSubstr("graphhook_unsids{platform=\"webpush\"} 1\n"));
    stats.unsids = {{"webpush", 1}};
    gauges.refresh(stats, clock.system_now());
    EXPECT_THAT(text(), HasSubstr("graphhook_unsids{platform=\"ios\"} 0\n")) << "gone, not stale";

    ASSERT_TRUE(put("one"));
    const auto told = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
        store->stats(std::move(done));
    });
    ASSERT_TRUE(told);
    EXPECT_THAT(told->unsids, ElementsAre(std::pair<const std::string, std::uint64_t>("ios", 1)));
}

TEST_F(UnsidDeskTest, AUserWithdrawsOnlyTheirOwn) {
    ASSERT_TRUE(put("one"));
    ASSERT_TRUE(put("two"));
    ASSERT_TRUE(put("one", kOther));
    EXPECT_TRUE(withdraw("one"));
    EXPECT_THAT(stored(), ElementsAre(std::string(kUser) + " two", std::string(kOther) + " one"));
    EXPECT_TRUE(withdraw("one")) << "whether it was there or not";
    EXPECT_THAT(stored(), SizeIs(2));
}

TEST_F(UnsidDeskTest, NothingEmptyWithdrawsMoreThanOne) {
    ASSERT_TRUE(put("one"));
    const auto any = withdraw("");
    ASSERT_FALSE(any);
    EXPECT_EQ(any.error().code, Errc::BadInput);
    EXPECT_FALSE(withdraw("one", ""));
    EXPECT_THAT(stored(), SizeIs(1));
}

TEST_F(UnsidDeskTest, WhatTheStoreRefusesIsPassedOn) {
    ASSERT_TRUE(put("one"));
    const auto reading = store::open_store_read_only(store.options, clock, store.metrics).value();
    StoreUnsidDesk looking(
        {ours()}, "",
        {.store = *reading,
         .clock = clock,
         .sets = [this] { return sets; },
         .keys_wanted = [](const std::string&) {}}
    );
    const UnsidUser user{std::string(test::kTenantId), kUser, kApp};
    const auto put = wait_for<bool>([&](Completion<bool> done) {
        looking.put(user, {"two", "ios", clock.system_now()}, std::move(done));
    });
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, Errc::Refused);
    const auto dropped = wait_for<std::monostate>([&](Completion<std::monostate> done) {
        looking.withdraw(user, "one", std::move(done));
    });
    ASSERT_FALSE(dropped);
    EXPECT_EQ(dropped.error().code, Errc::Refused);
}

}  // namespace
}  // namespace graphhook::app
