#include "subscriptions/templates/expander.hpp"

#include "core/work_pool.hpp"
#include "tests/subscriptions/templates_fakes.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::FakeData;
using test::TwoFacedClock;

DataPage page_of(std::size_t first, std::size_t count, std::string next = {}) {
    DataPage page;
    for (std::size_t i = first; i < first + count; ++i)
        page.value.push_back(boost::json::object{{"id", fmt::format("id{:06}", i)}});
    page.next_link = std::move(next);
    return page;
}

GraphError error(Next next, int status) {
    GraphError made;
    made.next = next;
    made.status = status;
    made.code = "SomeCode";
    made.request_id = "0c2f";
    return made;
}

/// "…/next/3": 3; the first page: 0.
std::size_t page_number(const DataRequest& request) {
    const auto at = request.target.rfind("/next/");
    return at == std::string::npos ? 0 : std::stoul(request.target.substr(at + 6));
}

std::string link(std::size_t number) {
    return "https://graph.microsoft.com/v1.0/next/" + std::to_string(number);
}

class ExpanderTest : public testing::Test {
  protected:
    ExpanderTest() {
        entry_.name = "calendars";
        entry_.tenant = "contoso";
        entry_.resource = "users/{id}/events";
        entry_.for_each = "users";
        options_.wanted = {entry_};
        data_.answer([](const DataRequest&, const std::stop_token&) { return page_of(0, 3); });
    }
    void TearDown() override {
        pool_.stop();  // before what its work uses goes
    }

    Expander& expander() {
        if (!expander_) {
            Tenant tenant;
            tenant.name = "contoso";
            expander_.emplace(
                tenant, Expander::Parts{
                            data_, clock_, metrics_, pool_,
                            [this](Expansion expansion) {
                                const std::lock_guard lock(mutex_);
                                seen_.push_back(std::move(expansion));
                            },
                            [this] { ++wakes_; }
                        }
            );
            expander_->set_options(options_);
        }
        return *expander_;
    }
    /// One step, and what it began is over.
    SystemTime run() {
        expander().step();
        pool_.wait_idle();
        return expander().step();
    }
    /// Moves on to when something is due, and does it.
    void run_next() {
        const SystemTime at = expander().step();
        pool_.wait_idle();
        ASSERT_NE(at, SystemTime::max());
        if (at > clock_.system_now()) clock_.advance(at - clock_.system_now());
        expander().step();
        pool_.wait_idle();
    }
    [[nodiscard]] std::vector<Expansion> seen() {
        const std::lock_guard lock(mutex_);
        return seen_;
    }
    [[nodiscard]] TemplateStatus status() { return expander().status().at(0); }

    TwoFacedClock clock_;
    FakeData data_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    WorkPool pool_{2};
    WantedSubscription entry_;
    SubscriptionsOptions options_;
    std::mutex mutex_;
    std::vector<Expansion> seen_;
    std::atomic<int> wakes_{0};
    std::optional<Expander> expander_;
};

TEST_F(ExpanderTest, ACollectionIsReadAtTheStartFromItsFirstPageToItsLast) {
    data_.answer([](const DataRequest& request, const std::stop_token&) {
        const auto number = page_number(request);
        return page_of(number * 999, 999, number < 9 ? link(number + 1) : "");
    });
    const auto began = clock_.system_now();
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].name, "calendars");
    EXPECT_EQ(seen()[0].elements.size(), 9'990U);
    EXPECT_TRUE(std::ranges::is_sorted(seen()[0].elements));
    EXPECT_EQ(seen()[0].elements[0].resource, "users/id000000/events");
    EXPECT_EQ(seen()[0].began_at, began);
    EXPECT_EQ(data_.asked()[0].target, "users?$select=id&$top=999");
    EXPECT_EQ(data_.asked()[1].target, link(1));
    EXPECT_EQ(status().elements, 9'990U);
    EXPECT_EQ(status().expanded_at, began);
    EXPECT_EQ(status().failures, 0U);
    EXPECT_GT(wakes_, 0);
}

TEST_F(ExpanderTest, AnEmptyPageWithALinkIsNotTheEnd) {
    data_.answer([](const DataRequest& request, const std::stop_token&) {
        const auto number = page_number(request);
        return number < 3 ? page_of(0, 0, link(number + 1)) : page_of(0, 2);
    });
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].elements.size(), 2U);
}

TEST_F(ExpanderTest, AnEmptyCollectionIsACompleteOne) {
    data_.answer([](const DataRequest&, const std::stop_token&) { return page_of(0, 0); });
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_TRUE(seen()[0].elements.empty());
}

TEST_F(ExpanderTest, Page3Of9RefusedChangesNothingAndIsSaidWithItsRequestId) {
    bool refuse = false;
    data_.answer([&](const DataRequest& request, const std::stop_token&) -> FakeData::Page {
        const auto number = page_number(request);
        if (refuse && number == 3) return error(Next::Refused, 403);
        return page_of(number * 10, 10, number < 8 ? link(number + 1) : "");
    });
    run();
    ASSERT_EQ(seen().size(), 1U);
    refuse = true;
    EXPECT_TRUE(expander().want("calendars", true));
    run();
    EXPECT_EQ(seen().size(), 1U);
    EXPECT_EQ(status().elements, 90U);  // what was known stays
    EXPECT_EQ(status().failures, 1U);
    EXPECT_NE(status().last_error.find("request-id 0c2f"), std::string::npos);
    // Again after a minute, doubling, and from the first page.
    const auto first = *status().next_at - clock_.system_now();
    EXPECT_GE(first, 54s);
    EXPECT_LE(first, 66s);
    run_next();
    EXPECT_EQ(status().failures, 2U);
    EXPECT_GT(*status().next_at - clock_.system_now(), first);
    refuse = false;
    const auto before = data_.count();
    run_next();
    EXPECT_EQ(seen().size(), 2U);
    EXPECT_EQ(data_.count() - before, 9U);
    EXPECT_TRUE(status().last_error.empty());
    const auto text = prometheus::TextSerializer().Serialize(registry_.Collect());
    EXPECT_NE(text.find("outcome=\"failed\"} 2"), std::string::npos) << text;
    EXPECT_NE(text.find("outcome=\"done\"} 2"), std::string::npos);
}

TEST_F(ExpanderTest, AReadingThatWasThrottledGoesOnAtItsPageWhenGraphSaidSo) {
    // One in three requests is throttled: a hundred pages in a row would never come through.
    std::size_t requests = 0;
    data_.answer([&](const DataRequest& request, const std::stop_token&) -> FakeData::Page {
        if (++requests % 3 == 0) {
            auto throttled = error(Next::Throttled, 429);
            throttled.retry_at = clock_.system_now() + 17s;
            return throttled;
        }
        const auto number = page_number(request);
        return page_of(number * 999, 999, number < 100 ? link(number + 1) : "");
    });
    run();
    EXPECT_EQ(*status().next_at, clock_.system_now() + 17s);
    EXPECT_TRUE(expander().want("calendars", true));
    EXPECT_EQ(expander().step(), clock_.system_now() + 17s) << "not even by an operator's word";
    for (int i = 0; i < 60 && seen().empty(); ++i) run_next();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].elements.size(), 101U * 999U);
    EXPECT_EQ(requests, 101U + 50U);
    EXPECT_LT(clock_.system_now(), seen()[0].began_at + 30min);
}

TEST_F(ExpanderTest, AReadingThatIsTooOldBeginsAnew) {
    bool out_of_reach = true;
    data_.answer([&](const DataRequest& request, const std::stop_token&) -> FakeData::Page {
        if (page_number(request) == 0) return page_of(0, 1, link(1));
        if (out_of_reach) return error(Next::RetryLater, 0);
        return page_of(1, 1);
    });
    run();
    clock_.advance(31min);
    out_of_reach = false;
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].began_at, clock_.system_now());
    EXPECT_EQ(page_number(data_.asked().at(2)), 0U);
}

TEST_F(ExpanderTest, WhatIsNoPageOfGraphsIsAnErrorAndLeavesWhatWasKnown) {
    run();
    data_.answer([](const DataRequest&, const std::stop_token&) {
        DataPage page;
        page.value.push_back(boost::json::object{{"name", "no id"}});
        return page;
    });
    expander().want("calendars", true);
    run();
    EXPECT_EQ(seen().size(), 1U);
    EXPECT_NE(status().last_error.find("without an id"), std::string::npos);
}

TEST_F(ExpanderTest, LinksThatLeadInACircleEnd) {
    data_.answer([](const DataRequest& request, const std::stop_token&) {
        return page_of(0, 1, link(page_number(request) == 1 ? 2 : 1));
    });
    run();
    EXPECT_TRUE(seen().empty());
    EXPECT_LE(data_.count(), 4U);
    EXPECT_NE(status().last_error.find("leads back"), std::string::npos);
}

TEST_F(ExpanderTest, ATemplateWithAnUnknownVariableIsNotAnEmptyCollection) {
    options_.wanted[0].resource = "users/{mail}/events";
    run();
    EXPECT_TRUE(seen().empty());
    EXPECT_EQ(data_.count(), 0U);
    EXPECT_NE(status().last_error.find("{mail}"), std::string::npos);
}

TEST_F(ExpanderTest, ItIsReadAgainEveryHourGiveOrTakeATenth) {
    for (int round = 0; round < 5; ++round) {
        const auto began = clock_.system_now();
        const auto next = run();
        EXPECT_GE(next - began, 54min);
        EXPECT_LE(next - began, 66min);
        EXPECT_EQ(*status().next_at, next);
        clock_.advance(next - clock_.system_now());
    }
    EXPECT_EQ(seen().size(), 5U);
}

TEST_F(ExpanderTest, TenSecondsAreTenSeconds) {
    options_.expand_every = 10s;
    const auto began = clock_.system_now();
    const auto next = run();
    EXPECT_GE(next - began, 9s);
    EXPECT_LE(next - began, 11s);
}

TEST_F(ExpanderTest, ChangesThatAreToldAreReadOnceAMinute) {
    run();
    ASSERT_EQ(data_.count(), 1U);
    const auto began = clock_.system_now();
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(expander().want("calendars"));
    EXPECT_EQ(expander().step(), began + 1min);
    EXPECT_EQ(data_.count(), 1U);
    clock_.advance(1min);
    run();
    EXPECT_EQ(data_.count(), 2U);
    // After a quiet time it is read at once.
    clock_.advance(10min);
    expander().want("calendars");
    run();
    EXPECT_EQ(data_.count(), 3U);
}

TEST_F(ExpanderTest, ACollectionThatTakesLongIsNotReadWithoutEnd) {
    data_.answer([this](const DataRequest&, const std::stop_token&) {
        clock_.advance(30s);
        return page_of(0, 1);
    });
    const auto began = clock_.system_now();
    run();
    ASSERT_EQ(data_.count(), 1U);
    expander().want("calendars");
    EXPECT_EQ(expander().step(), began + 5min);
}

TEST_F(ExpanderTest, AnOperatorsWordIsFollowedAtOnce) {
    run();
    EXPECT_TRUE(expander().want("calendars", true));
    run();
    EXPECT_EQ(seen().size(), 2U);
    EXPECT_FALSE(expander().want("nobody", true));
}

TEST_F(ExpanderTest, AChangeThatIsToldWhileItIsReadIsReadAfterwardsAndNeverTwoAtOnce) {
    std::promise<void> go;
    auto gone = go.get_future().share();
    std::atomic<int> at_once{0};
    std::atomic<int> most{0};
    data_.answer([&](const DataRequest&, const std::stop_token&) {
        most = std::max(most.load(), ++at_once);
        gone.wait_for(10s);
        --at_once;
        return page_of(0, 1);
    });
    expander().step();
    ASSERT_TRUE(data_.wait_for(1));
    EXPECT_TRUE(status().running);
    EXPECT_FALSE(status().next_at.has_value());
    EXPECT_TRUE(expander().want("calendars", true));
    EXPECT_EQ(expander().step(), SystemTime::max());
    go.set_value();
    pool_.wait_idle();
    run();
    EXPECT_EQ(data_.count(), 2U);
    EXPECT_EQ(most, 1);
}

TEST_F(ExpanderTest, TenantWideTroubleHoldsAllTemplatesAndIsRetriedSlowly) {
    auto other = entry_;
    other.name = "mails";
    options_.wanted = {entry_, other};
    std::atomic<bool> bad{true};
    data_.answer([&](const DataRequest&, const std::stop_token&) -> FakeData::Page {
        if (bad) return error(Next::Credentials, 401);
        return page_of(0, 1);
    });
    std::vector<std::chrono::microseconds> waits;
    for (int i = 0; i < 14; ++i) {
        const auto next = run();
        ASSERT_GT(next, clock_.system_now());
        waits.push_back(next - clock_.system_now());
        clock_.advance(next - clock_.system_now());
    }
    EXPECT_LE(data_.count(), 28U);
    EXPECT_GE(waits[0], 54s);
    EXPECT_GE(waits.back(), 54min);
    EXPECT_LE(waits.back(), 66min);
    // An operator who mended it need not wait.
    bad = false;
    expander().want("calendars", true);
    run();
    EXPECT_FALSE(seen().empty());
}

TEST_F(ExpanderTest, ATemplateInTroubleDelaysNoOther) {
    auto other = entry_;
    other.name = "members";
    other.for_each = "groups/1/members";
    options_.wanted = {other, entry_};
    data_.answer([](const DataRequest& request, const std::stop_token&) -> FakeData::Page {
        if (request.target.starts_with("groups")) return error(Next::NotFound, 404);
        return page_of(0, 1);
    });
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].name, "calendars");
}

TEST_F(ExpanderTest, AConfigurationThatChangedMakesWhatIsBeingReadWorthless) {
    std::promise<void> go;
    auto gone = go.get_future().share();
    data_.answer([&](const DataRequest&, const std::stop_token&) {
        gone.wait_for(10s);
        return page_of(0, 2);
    });
    expander().step();
    ASSERT_TRUE(data_.wait_for(1));
    options_.wanted[0].resource = "users/{id}/messages";
    expander().set_options(options_);
    go.set_value();
    pool_.wait_idle();
    EXPECT_TRUE(seen().empty());
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].elements[0].resource, "users/id000000/messages");
}

TEST_F(ExpanderTest, ATemplateThatWentIsReadNoMore) {
    run();
    auto other = entry_;
    other.tenant = "fabrikam";
    WantedSubscription plain = entry_;
    plain.for_each.clear();
    options_.wanted = {other, plain};
    expander().set_options(options_);
    EXPECT_TRUE(expander().status().empty());
    EXPECT_FALSE(expander().want("calendars"));
    EXPECT_EQ(expander().step(), SystemTime::max());
}

TEST_F(ExpanderTest, AnotherHandlerIsNoReasonToReadAgain) {
    const auto next = run();
    options_.wanted[0].handlers = {"another"};
    expander().set_options(options_);
    EXPECT_EQ(expander().step(), next);
    options_.expand_every = 5min;
    expander().set_options(options_);
    EXPECT_EQ(expander().step(), clock_.system_now() + 5min);
}

TEST_F(ExpanderTest, APoolThatIsBusyIsLookedAtAgainSoon) {
    std::promise<void> go;
    auto gone = go.get_future().share();
    for (int i = 0; i < 2; ++i) pool_.run([gone](const std::stop_token&) { gone.wait_for(10s); });
    EXPECT_EQ(expander().step(), clock_.system_now() + 1s);
    EXPECT_EQ(data_.count(), 0U);
    go.set_value();
    pool_.wait_idle();
    run();
    EXPECT_EQ(seen().size(), 1U);
}

TEST_F(ExpanderTest, AStopInTheMiddleIsNoFailure) {
    std::promise<void> began;
    data_.answer([&](const DataRequest&, const std::stop_token& stop) -> FakeData::Page {
        began.set_value();
        std::promise<void> stopped;
        auto is_stopped = stopped.get_future();
        const std::stop_callback told(stop, [&] { stopped.set_value(); });
        is_stopped.wait_for(10s);
        return error(Next::Aborted, 0);
    });
    expander().step();
    ASSERT_EQ(began.get_future().wait_for(10s), std::future_status::ready);
    pool_.stop();
    EXPECT_EQ(status().failures, 0U);
    EXPECT_FALSE(status().running);
    EXPECT_TRUE(seen().empty());
}

TEST_F(ExpanderTest, MembersThatAreNoUsersAreCounted) {
    options_.wanted[0].for_each = "groups/1/transitiveMembers";
    data_.answer([](const DataRequest&, const std::stop_token&) {
        auto page = page_of(0, 2);
        page.value.push_back(
            boost::json::object{{"id", "d"}, {"@odata.type", "#microsoft.graph.device"}}
        );
        return page;
    });
    run();
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen()[0].skipped, 1U);
    EXPECT_EQ(status().skipped, 1U);
}

}  // namespace
}  // namespace graphhook::subscriptions
