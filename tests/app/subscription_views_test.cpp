// Long lists of subscriptions, plans in short, and what `apply` waits for.

#include "app/api/subscription_views.hpp"

#include "app/cli/apply_watch.hpp"
#include "app/cli/progress_bar.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

namespace graphhook::app {
namespace {

using namespace std::chrono_literals;
using subscriptions::Action;
using ::testing::HasSubstr;

std::vector<subscriptions::TenantStatus> many(std::size_t count) {
    std::vector<subscriptions::TenantStatus> tenants(1);
    tenants[0].name = "contoso";
    for (std::size_t i = 0; i < count; ++i) {
        subscriptions::SubscriptionStatus one;
        one.tenant = "contoso";
        one.name = "calendar";
        one.element = fmt::format("user-{:06}", i);
        one.state = i % 10 == 3 ? "parked" : i % 10 == 4 ? "retired" : "active";
        if (one.state == "parked") one.last_error = "refused: HTTP 404 x: no mailbox";
        one.graph_id = fmt::format("g{}", i);
        tenants[0].subscriptions.push_back(std::move(one));
    }
    return tenants;
}

TEST(SubscriptionViewsTest, AHundredThousandRowsAreReadPageByPageEachOnce) {
    const auto tenants = many(100'000);
    RowFilter filter;
    filter.limit = 10'000;
    filter.retired = true;
    std::set<std::string> seen;
    for (int page = 0; page < 11; ++page) {
        const auto rows = subscription_rows(tenants, filter);
        EXPECT_EQ(rows.more, 100'000U - seen.size() - rows.rows.size());
        if (rows.rows.empty()) break;
        for (const auto& row : rows.rows)
            EXPECT_TRUE(seen.insert(std::string(row.at("element").as_string())).second);
        filter.after = std::string(rows.rows.back().at("cursor").as_string());
    }
    EXPECT_EQ(seen.size(), 100'000U);
}

TEST(SubscriptionViewsTest, RowsAreFilteredByStateNameAndFailure) {
    const auto tenants = many(100);
    EXPECT_EQ(subscription_rows(tenants, {.limit = 1'000}).rows.size(), 90U);
    EXPECT_EQ(subscription_rows(tenants, {.state = "parked", .limit = 1'000}).rows.size(), 10U);
    EXPECT_EQ(subscription_rows(tenants, {.state = "retired", .limit = 1'000}).rows.size(), 10U);
    EXPECT_EQ(subscription_rows(tenants, {.name = "other", .limit = 1'000}).rows.size(), 0U);
    EXPECT_EQ(subscription_rows(tenants, {.tenant = "other", .limit = 1'000}).rows.size(), 0U);
    RowFilter failing;
    failing.failing = true;
    EXPECT_EQ(subscription_rows(tenants, failing).rows.size(), 10U);
}

subscriptions::Step step(Action action) {
    subscriptions::Step one;
    one.action = action;
    one.name = "inbox";
    one.reason = "because";
    return one;
}

TEST(SubscriptionViewsTest, APlanInShortCountsWhatAnOperatorKnowsByName) {
    subscriptions::Plan plan;
    plan.steps = {step(Action::Create),   step(Action::Recreate), step(Action::Renew),
                  step(Action::Replace),  step(Action::TakeOver), step(Action::Remove),
                  step(Action::HoldBack), step(Action::Keep),     step(Action::List)};
    plan.kept = 99'985;
    plan.held_back = 1;
    plan.orphans.push_back({"o1", "users/x/events", "created", SystemTime{}});
    const auto view = plan_view({{"contoso", plan}}, false, 100);
    EXPECT_EQ(
        summary_line(view),
        "2 to create, 1 to renew, 1 to replace, 1 to adopt, 1 to delete, 1 to look after, 99985 to "
        "keep; 1 removal held back; 1 orphan"
    );
    EXPECT_EQ(view.at("steps").as_array().size(), 8U);
    EXPECT_EQ(view.at("steps").as_array()[0].at("reason").as_string(), "because");
    const auto all = plan_view({{"contoso", plan}}, true, 100);
    EXPECT_EQ(all.at("steps").as_array().size(), 9U);
    EXPECT_EQ(all.at("more").to_number<int>(), 99'984);
    EXPECT_EQ(plan_view({{"contoso", plan}}, false, 3).at("more").to_number<int>(), 5);
}

TEST(SubscriptionViewsTest, WhatIsNotThereAndTriedLaterIsShownAndNotSaidToBeKept) {
    subscriptions::Plan plan;
    plan.steps = {step(Action::Wait), step(Action::Keep)};
    plan.kept = 1;
    const auto view = plan_view({{"contoso", plan}}, false, 100);
    EXPECT_EQ(
        summary_line(view),
        "0 to create, 0 to renew, 0 to replace, 0 to adopt, 0 to delete, 1 to wait, 1 to keep"
    );
    ASSERT_EQ(view.at("steps").as_array().size(), 1U);
    EXPECT_EQ(view.at("steps").as_array()[0].at("verb").as_string(), "wait");
}

boost::json::array progress(std::size_t to_do, std::size_t failing = 0, bool expanding = false) {
    subscriptions::SubscriptionManager::TenantProgress one;
    one.tenant = "contoso";
    one.wanted = 100;
    one.standing = 100 - std::min<std::size_t>(to_do, 100);
    one.failing = failing;
    one.to_do = to_do;
    one.expanding = expanding;
    return progress_rows({one});
}

TEST(ApplyWatchTest, IsDoneWhenNothingIsLeftTwiceInARow) {
    using Verdict = ApplyWatch::Verdict;
    ApplyWatch watch;
    EXPECT_EQ(watch.take(progress(0), 0s), Verdict::GoesOn);
    EXPECT_EQ(watch.text(), "nothing to do now");
    EXPECT_EQ(watch.take(progress(40), 1s), Verdict::GoesOn);
    EXPECT_EQ(watch.take(progress(10, 2), 2s), Verdict::GoesOn);
    EXPECT_EQ(watch.done(), 30U);
    EXPECT_EQ(watch.total(), 40U);
    EXPECT_THAT(watch.text(), HasSubstr("30 of 40 done, 2 failing"));
    EXPECT_EQ(watch.take(progress(0, 2, true), 3s), Verdict::GoesOn);
    EXPECT_EQ(watch.take(progress(0, 2), 4s), Verdict::GoesOn);
    EXPECT_EQ(watch.take(progress(0, 2), 5s), Verdict::Done);
    EXPECT_EQ(watch.failing(), 2U);
}

TEST(ApplyWatchTest, GivesUpWaitingWhenNothingHappens) {
    using Verdict = ApplyWatch::Verdict;
    ApplyWatch watch;
    EXPECT_EQ(watch.take(progress(40), 0s), Verdict::GoesOn);
    EXPECT_EQ(watch.take(progress(39), 50s), Verdict::GoesOn);
    EXPECT_EQ(watch.take(progress(39), 229s), Verdict::GoesOn);
    EXPECT_EQ(watch.take(progress(39), 230s), Verdict::Stuck);
}

TEST(ProgressBarTest, FitsItsWidth) {
    EXPECT_EQ(progress_bar(1, 2, "x", 80, false), "[############............]  50 %  x");
    EXPECT_EQ(progress_bar(0, 0, "", 80, false), "[########################] 100 %  ");
    EXPECT_LE(progress_bar(1, 2, std::string(200, 'x'), 60, false).size(), 60U);
    EXPECT_THAT(progress_bar(1, 2, "x", 80, true), HasSubstr("\x1b[32m"));
}

}  // namespace
}  // namespace graphhook::app
