#include "subscriptions/plan/parking.hpp"

#include <gtest/gtest.h>

#include <set>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using Do = ParkVerdict::Do;

GraphError declined(int status, std::string code, std::string message = "no") {
    GraphError error;
    error.next = status == 404 ? Next::NotFound : Next::Refused;
    error.status = status;
    error.code = std::move(code);
    error.message = std::move(message);
    error.request_id = "0c2f";
    return error;
}

GraphError trouble(Next next, int status) {
    GraphError error;
    error.next = next;
    error.status = status;
    return error;
}

ParkVerdict judge(const GraphError& error, TemplateSoFar so_far) {
    return judge_create(error, so_far, "calendars", "0c0d");
}

constexpr TemplateSoFar kFirst{.successes = 0, .refusals = 1};
constexpr TemplateSoFar kOthersWork{.successes = 9'000, .refusals = 1};

TEST(ParkingTest, WhatIsAboutTheElementByItsNatureIsParkedAtOnce) {
    struct Row {
        GraphError error;
        ParkReason reason;
    };
    const Row rows[] = {
        {declined(404, "MailboxNotEnabledForRESTAPI"), ParkReason::NoMailbox},
        {declined(400, "mailboxnotsupportedforrestapi"), ParkReason::NoMailbox},
        {declined(404, "ErrorInvalidUser"), ParkReason::NoMailbox},
        {declined(
             400, "BadRequest",
             "The mailbox is either inactive, soft-deleted, or is hosted "
             "on-premise."
         ),
         ParkReason::NoMailbox},
        {declined(
             404, "ExtensionError",
             "Operation: Create; Exception: [Status Code: NotFound; Reason: The mailbox is either "
             "inactive, soft-deleted, or is hosted on-premise.]"
         ),
         ParkReason::NoMailbox},
        {declined(403, "Forbidden", "The user does not have a licence for this service."),
         ParkReason::NoLicence},
        {declined(403, "Forbidden", "Ensure user has a valid Office365 license assigned."),
         ParkReason::NoLicence},
        {declined(402, "PaymentRequired"), ParkReason::NoLicence},
        {declined(403, "QuotaLimitReached"), ParkReason::Quota},
        {declined(403, "Forbidden", "The mailbox has reached its limit of 1000 subscriptions."),
         ParkReason::Quota},
        {declined(
             403, "ExtensionError",
             "Operation: Create; Exception: [Status Code: Forbidden; Reason: quota]"
         ),
         ParkReason::Quota},
        {declined(404, "ResourceNotFound"), ParkReason::NotFound},
        {declined(404, ""), ParkReason::NotFound},
    };
    for (const Row& row : rows) {
        for (const TemplateSoFar& so_far : {kFirst, kOthersWork}) {
            const auto verdict = judge(row.error, so_far);
            EXPECT_EQ(verdict.what, Do::Park) << to_string(row.error);
            EXPECT_EQ(verdict.reason, row.reason) << to_string(row.error);
        }
    }
}

TEST(ParkingTest, AParkedElementIsTriedAgainInADayGiveOrTakeATenth) {
    std::set<std::chrono::milliseconds> waits;
    for (int i = 0; i < 200; ++i) {
        const auto wait = park_for(std::to_string(i));
        EXPECT_GE(wait, 24h - 144min);
        EXPECT_LE(wait, 24h + 144min);
        waits.insert(wait);
    }
    EXPECT_GT(waits.size(), 150U);
    EXPECT_EQ(park_for("x"), park_for("x"));
    EXPECT_EQ(judge(declined(404, "ResourceNotFound"), kOthersWork).wait, park_for("0c0d"));
}

TEST(ParkingTest, TheReasonAndGraphsWordsAreKept) {
    const auto text = judge(declined(404, "MailboxNotEnabledForRESTAPI"), kOthersWork).text;
    EXPECT_NE(text.find("no mailbox"), std::string::npos) << text;
    EXPECT_NE(text.find("MailboxNotEnabledForRESTAPI"), std::string::npos) << text;
    EXPECT_NE(text.find("request-id 0c2f"), std::string::npos) << text;
}

TEST(ParkingTest, AMissingPermissionHoldsTheTemplateAtOnce) {
    for (const TemplateSoFar& so_far : {kFirst, kOthersWork}) {
        const auto verdict = judge(declined(403, "Authorization_RequestDenied"), so_far);
        EXPECT_EQ(verdict.what, Do::Hold);
        EXPECT_GE(verdict.wait, 54s);
        EXPECT_LE(verdict.wait, 66s);
    }
}

TEST(ParkingTest, WhatMayBeAboutAllIsHeldAfterThreeInARowAndNoSuccess) {
    for (const GraphError& error :
         {declined(403, "Forbidden"), declined(403, "ErrorAccessDenied"),
          declined(400, "InvalidRequest", "resource '…' is not supported."),
          declined(400, "BadRequest", "Tenant does not have a SPO license.")}) {
        EXPECT_EQ(judge(error, {.refusals = 1}).what, Do::Retry) << to_string(error);
        EXPECT_EQ(judge(error, {.refusals = 2}).what, Do::Retry);
        EXPECT_EQ(judge(error, {.refusals = 3}).what, Do::Hold);
    }
}

TEST(ParkingTest, TheSameIsParkedWhereOthersWork) {
    // An access policy that leaves out some mailboxes.
    const auto verdict =
        judge(declined(403, "ErrorAccessDenied"), {.successes = 1, .refusals = 50});
    EXPECT_EQ(verdict.what, Do::Park);
    EXPECT_EQ(verdict.reason, ParkReason::Refused);
}

TEST(ParkingTest, TwentyWithoutAMailboxAndNoSuccessHoldTheTemplate) {
    const auto error = declined(404, "MailboxNotEnabledForRESTAPI");
    EXPECT_EQ(judge(error, {.refusals = 19}).what, Do::Park);
    EXPECT_EQ(judge(error, {.refusals = 20}).what, Do::Hold);
    EXPECT_EQ(judge(error, {.successes = 1, .refusals = 500}).what, Do::Park);
}

TEST(ParkingTest, AHeldTemplateIsTriedFromAMinuteUpToAnHour) {
    const auto error = declined(403, "Forbidden");
    auto before = 0ms;
    for (std::uint32_t probes = 0; probes < 12; ++probes) {
        const auto verdict = judge(error, {.refusals = 3 + probes, .probes = probes});
        ASSERT_EQ(verdict.what, Do::Hold);
        EXPECT_GE(verdict.wait, before);
        EXPECT_GE(verdict.wait, 54s);
        EXPECT_LE(verdict.wait, 66min);
        before = verdict.wait;
    }
    EXPECT_GE(before, 54min);
}

TEST(ParkingTest, WhileHeldAnotherDoubtfulRefusalHoldsOnAndAnOwnReasonParks) {
    EXPECT_EQ(judge(declined(400, "InvalidRequest"), {.refusals = 1, .probes = 2}).what, Do::Hold);
    EXPECT_EQ(
        judge(declined(404, "MailboxNotEnabledForRESTAPI"), {.refusals = 1, .probes = 2}).what,
        Do::Park
    );
}

TEST(ParkingTest, ThrottledOutOfReachHandshakeConflictAndCredentialsAreNobodysFault) {
    for (const Next next :
         {Next::Throttled, Next::RetryLater, Next::Credentials, Next::Conflict, Next::Handshake,
          Next::Aborted}) {
        EXPECT_EQ(judge(trouble(next, 0), kFirst).what, Do::Retry);
        EXPECT_EQ(judge(trouble(next, 0), kOthersWork).what, Do::Retry);
    }
}

TEST(ParkingTest, ALifeThatWasTooLongIsAskedForAnew) {
    auto error = declined(
        400, "ExtensionError", "Subscription expiration can only be 10070 minutes in the future."
    );
    error.longest_life = 10'070min;
    EXPECT_EQ(judge(error, {.refusals = 100}).what, Do::Retry);
    EXPECT_EQ(judge(error, kOthersWork).what, Do::Retry);
}

TEST(ParkingTest, TroubleOfGraphsOwnParksNobodyHoweverLongItLasts) {
    for (const GraphError& error :
         {trouble(Next::RetryLater, 500), trouble(Next::RetryLater, 503),
          trouble(Next::RetryLater, 423), trouble(Next::Garbled, 201)}) {
        EXPECT_EQ(judge(error, kOthersWork).what, Do::Retry);
        EXPECT_EQ(judge(error, {}).what, Do::Retry);
    }
}

}  // namespace
}  // namespace graphhook::subscriptions
