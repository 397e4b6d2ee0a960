#include "subscriptions/graph/quota.hpp"

#include "tests/subscriptions/templates_fakes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::TwoFacedClock;

/// The most of `times` (sorted) that lie in one half-open window, wherever it begins.
std::size_t most_within(const std::vector<SteadyTime>& times, std::chrono::nanoseconds window) {
    std::size_t most = 0;
    std::size_t first = 0;
    for (std::size_t last = 0; last < times.size(); ++last) {
        while (times[last] - times[first] >= window) ++first;
        most = std::max(most, last - first + 1);
    }
    return most;
}

struct Figures {
    CallClass what;
    std::size_t tenant, application;
};

class QuotaPace : public testing::TestWithParam<Figures> {};

INSTANTIATE_TEST_SUITE_P(
    Classes, QuotaPace,
    testing::Values(
        Figures{CallClass::Write, 500, 2'000}, Figures{CallClass::Reauthorize, 1'000, 4'000},
        Figures{CallClass::Get, 500, 2'000}, Figures{CallClass::List, 25, 40}
    )
);

TEST_P(QuotaPace, NoWindowOf20SecondsExceedsGraphsFigureNotEvenOverARestart) {
    const Figures& figures = GetParam();
    for (unsigned seed = 1; seed <= 3; ++seed) {
        std::mt19937 random(seed);
        TwoFacedClock clock;
        auto quota = std::make_unique<Quota>(clock);
        const std::vector<std::string> tenants{"a", "b", "c", "d", "e", "f"};
        std::vector<std::vector<SteadyTime>> by_tenant(tenants.size());
        std::vector<SteadyTime> all;
        // Storms, trickles and rests, 100 s of them; a restart at a random moment of each 25 s.
        const SteadyTime end = clock.steady_now() + 100s;
        SteadyTime restart = clock.steady_now() + std::chrono::milliseconds(random() % 25'000);
        while (clock.steady_now() < end) {
            if (clock.steady_now() >= restart) {
                quota = std::make_unique<Quota>(clock);
                restart += 25s;
            }
            const std::size_t attempts = random() % 4 == 0 ? random() % 2'000 : random() % 40;
            for (std::size_t i = 0; i < attempts; ++i) {
                const std::size_t tenant = random() % 3 == 0 ? random() % tenants.size() : 0;
                if (quota->begin(figures.what, tenants[tenant], {}) != SystemTime{}) continue;
                by_tenant[tenant].push_back(clock.steady_now());
                all.push_back(clock.steady_now());
            }
            const auto rest = random() % 50 == 0 ? random() % 8'000'000 : random() % 100'000;
            clock.advance(std::chrono::microseconds(rest));
        }
        for (const auto& times : by_tenant) {
            EXPECT_LE(most_within(times, 20s), figures.tenant * 9 / 10) << "seed " << seed;
        }
        EXPECT_LE(most_within(all, 20s), figures.application * 9 / 10) << "seed " << seed;
        // And it is no brake without need: the storms came near to the pace.
        EXPECT_GT(most_within(all, 20s), figures.tenant * 6 / 10) << "seed " << seed;
    }
}

TEST(QuotaTest, WhoeverAsksAgainWhenToldMayBegin) {
    TwoFacedClock clock;
    Quota quota(clock);
    std::size_t begun = 0;
    std::size_t told = 0;
    const SystemTime end = clock.system_now() + 100s;
    while (clock.system_now() < end) {
        const SystemTime at = quota.begin(CallClass::Write, "contoso", {});
        if (at == SystemTime{}) {
            ++begun;
            continue;
        }
        ASSERT_GT(at, clock.system_now());
        clock.advance(at - clock.system_now());
        ++told;
        ASSERT_EQ(quota.begin(CallClass::Write, "contoso", {}), SystemTime{});
        ++begun;
    }
    EXPECT_NEAR(static_cast<double>(begun), 100 * Quota::calls_a_second(CallClass::Write) + 25, 2);
    EXPECT_GT(told, 1'900U);
}

TEST(QuotaTest, TellsWhatItLetsThroughInTheLongRun) {
    EXPECT_NEAR(Quota::calls_a_second(CallClass::Write), 20.0, 0.01);
    EXPECT_NEAR(Quota::calls_a_second(CallClass::Reauthorize), 40.0, 0.01);
    EXPECT_NEAR(Quota::calls_a_second(CallClass::Get), 20.0, 0.01);
    EXPECT_NEAR(Quota::calls_a_second(CallClass::List), 1.0, 0.01);
    EXPECT_NEAR(Quota::calls_a_second(CallClass::Data), 10'400.0, 1.0);
}

TEST(QuotaTest, ClassesAndTenantsAreCountedApart) {
    TwoFacedClock clock;
    Quota quota(clock);
    while (quota.begin(CallClass::Write, "a", {}) == SystemTime{}) {
    }
    EXPECT_EQ(quota.begin(CallClass::Write, "b", {}), SystemTime{});
    EXPECT_EQ(quota.begin(CallClass::Get, "a", {}), SystemTime{});
    EXPECT_EQ(quota.begin(CallClass::Reauthorize, "a", {}), SystemTime{});
}

TEST(QuotaTest, AMailboxTakesFourAtOnceAndTheFifthWhenOneEnded) {
    TwoFacedClock clock;
    Quota quota(clock);
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(quota.begin(CallClass::Write, "a", "users/x"), SystemTime{});
    EXPECT_GT(quota.begin(CallClass::Write, "a", "users/x"), clock.system_now());
    EXPECT_GT(quota.begin(CallClass::Data, "a", "users/x"), clock.system_now());
    EXPECT_EQ(quota.begin(CallClass::Write, "a", "users/y"), SystemTime{});
    quota.end("users/x");
    EXPECT_EQ(quota.begin(CallClass::Data, "a", "users/x"), SystemTime{});
}

TEST(QuotaTest, WhatAMailboxRefusedCostsNobodyElse) {
    TwoFacedClock clock;
    Quota quota(clock);
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(quota.begin(CallClass::List, "a", "users/x") == SystemTime{}, i == 0);
    clock.advance(10s);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(quota.begin(CallClass::Get, "a", "users/x"), SystemTime{});
    }
    for (int i = 0; i < 1'000; ++i)
        EXPECT_NE(quota.begin(CallClass::List, "a", "users/x"), SystemTime{});
    EXPECT_EQ(quota.begin(CallClass::List, "a", "users/y"), SystemTime{});
}

TEST(QuotaTest, NoTenMinutesOfOneMailboxExceedWhatOutlookAllows) {
    TwoFacedClock clock;
    Quota quota(clock);
    std::vector<SteadyTime> times;
    const SteadyTime end = clock.steady_now() + 25min;
    while (clock.steady_now() < end) {
        if (quota.begin(CallClass::Data, "a", "users/x") == SystemTime{}) {
            times.push_back(clock.steady_now());
            quota.end("users/x");
        }
        clock.advance(20ms);
    }
    EXPECT_LE(most_within(times, 10min), 9'000U);
    EXPECT_GT(most_within(times, 10min), 8'000U);
}

TEST(QuotaTest, MailboxesAreForgottenWhenNothingIsUnderWay) {
    TwoFacedClock clock;
    Quota quota(clock);
    for (int i = 0; i < 50'000; ++i) {
        const std::string mailbox = "users/" + std::to_string(i);
        ASSERT_EQ(quota.begin(CallClass::Data, "a", mailbox), SystemTime{});
        // Half of the calls end before the mailbox is back in its pace.
        clock.advance(i % 2 == 0 ? 100ms : 1ms);
        quota.end(mailbox);
    }
    EXPECT_LT(quota.mailboxes(), 2'100U);
}

TEST(QuotaTest, AnEndTooManyIsHarmless) {
    TwoFacedClock clock;
    Quota quota(clock);
    quota.end("users/x");
    ASSERT_EQ(quota.begin(CallClass::Write, "a", "users/x"), SystemTime{});
    quota.end("users/x");
    quota.end("users/x");
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(quota.begin(CallClass::Write, "a", "users/x"), SystemTime{});
    EXPECT_NE(quota.begin(CallClass::Write, "a", "users/x"), SystemTime{});
}

TEST(QuotaTest, AWallClockThatIsSetChangesNothing) {
    TwoFacedClock clock;
    Quota quota(clock);
    while (quota.begin(CallClass::Write, "a", {}) == SystemTime{}) {
    }
    clock.set_wall_clock(-24h);
    const SystemTime at = quota.begin(CallClass::Write, "a", {});
    EXPECT_GT(at, clock.system_now());
    EXPECT_LE(at, clock.system_now() + 50ms);
    clock.set_wall_clock(48h);
    EXPECT_NE(quota.begin(CallClass::Write, "a", {}), SystemTime{});
}

TEST(QuotaTest, AClockThatWentBackNeitherStopsUsNorLetsMoreThrough) {
    TwoFacedClock clock;
    Quota quota(clock);
    while (quota.begin(CallClass::Write, "a", {}) == SystemTime{}) {
    }
    clock.turn_back_steady(10h);
    const SystemTime at = quota.begin(CallClass::Write, "a", {});
    ASSERT_GT(at, clock.system_now());
    ASSERT_LE(at, clock.system_now() + 1s);
    clock.advance(at - clock.system_now());
    EXPECT_EQ(quota.begin(CallClass::Write, "a", {}), SystemTime{});
    EXPECT_NE(quota.begin(CallClass::Write, "a", {}), SystemTime{});
}

TEST(QuotaTest, SeveralThreadsTogetherKeepThePace) {
    TwoFacedClock clock;
    Quota quota(clock);
    std::atomic<std::size_t> begun{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                const std::string mailbox = "users/" + std::to_string(t % 2);
                for (int i = 0; i < 25'000; ++i) {
                    if (quota.begin(CallClass::Write, "a", mailbox) != SystemTime{}) continue;
                    ++begun;
                    quota.end(mailbox);
                }
            });
        }
    }
    EXPECT_EQ(begun, 25U);
    EXPECT_LE(quota.mailboxes(), 2U);
}

TEST(MailboxOf, IsOneSpellingForWhatLiesInAMailbox) {
    EXPECT_EQ(mailbox_of("/Users('X@contoso.com')/Messages"), "users/x@contoso.com");
    EXPECT_EQ(
        mailbox_of("users/x@contoso.com/mailFolders('inbox')/messages"), "users/x@contoso.com"
    );
    EXPECT_EQ(mailbox_of("users/x/events?$filter=a eq 'b/messages'"), "users/x");
    EXPECT_EQ(mailbox_of("https://graph.microsoft.com/v1.0/users/x/contacts/delta"), "users/x");
    EXPECT_EQ(mailbox_of("me/todo/lists/1/tasks"), "me");
    EXPECT_EQ(mailbox_of("users/me/messages"), "me");
    EXPECT_EQ(mailbox_of("groups/1/conversations"), "groups/1");
}

TEST(MailboxOf, IsEmptyForEverythingElse) {
    for (const char* resource :
         {"", "users", "users/x", "users/x/drive/root", "users/x/chats/getAllMessages", "me",
          "me/drive/root", "groups/1/members", "groups", "drives/1/root", "chats/1/messages",
          "security/alerts", "users//messages"}) {
        EXPECT_EQ(mailbox_of(resource), "") << resource;
    }
}

}  // namespace
}  // namespace graphhook::subscriptions
