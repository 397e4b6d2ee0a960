// The table of replies of the notification service, row by row, and receipts.

#include "core/base64.hpp"
#include "handlers/user_notification/reply.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace graphhook::handlers {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Kind = Outcome::Kind;
using Headers = std::vector<std::pair<std::string, std::string>>;

const SystemTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};

std::string graph_error(std::string_view code, std::string_view message = "Human text.") {
    return R"({"error":{"code":")" + std::string(code) + R"(","message":")" + std::string(message) +
           R"("}})";
}

NextStep step(
    int status, std::string body = {}, Headers headers = {},
    std::vector<std::string_view> contents = {}
) {
    return next_step({status, std::move(headers), std::move(body)}, contents, kNow);
}

void expect_dead(const NextStep& next, const std::string& reason) {
    EXPECT_FALSE(next.new_token);
    EXPECT_EQ(next.outcome.kind, Kind::Dead);
    EXPECT_EQ(next.outcome.reason, reason);
}

void expect_retry(const NextStep& next, const std::string& reason) {
    EXPECT_FALSE(next.new_token);
    EXPECT_EQ(next.outcome.kind, Kind::RetryAfter);
    EXPECT_EQ(next.outcome.blame, Outcome::Blame::Target);
    EXPECT_EQ(next.outcome.reason, reason);
}

void expect_new_token(const NextStep& next, const std::string& reason) {
    EXPECT_TRUE(next.new_token);
    EXPECT_EQ(next.outcome.kind, Kind::RetryAfter);
    EXPECT_EQ(next.outcome.blame, Outcome::Blame::Target);
    EXPECT_EQ(next.outcome.reason, reason);
}

// --- protocol 10.6, row by row

TEST(UserNotificationReplyTest, CreatedIsDone) {
    const auto next = step(201, R"({"id":"0f6f2f1e"})");
    EXPECT_EQ(next.outcome.kind, Kind::Done);
    EXPECT_FALSE(next.new_token);
    EXPECT_EQ(next.outcome.receipt, R"({"status":201,"id":"0f6f2f1e"})");
    EXPECT_EQ(step(201).outcome.kind, Kind::Done);
    EXPECT_EQ(step(201, "<html>").outcome.kind, Kind::Done);
}

TEST(UserNotificationReplyTest, OkWithAJsonObjectIsDone) {
    EXPECT_EQ(step(200, "{}").outcome.kind, Kind::Done);
}

TEST(UserNotificationReplyTest, OkWithAnythingElseIsNotTheService) {
    for (const std::string body : {"", "<html>Sign in</html>", "[]", "\"ok\"", "{"}) {
        expect_retry(
            step(200, body), "HTTP 200; without a JSON object: it is not the notification service"
        );
    }
}

TEST(UserNotificationReplyTest, BadRequestIsDeadForAnArrayTheContractHeadersOrThePayload) {
    for (const std::string message :
         {"Arrays are not supported", "Does not match the contract",
          "Header If-Modified-Since is not supported", "Invalid payload"}) {
        expect_dead(
            step(400, graph_error("InvalidRequest", message)), "HTTP 400 InvalidRequest: " + message
        );
    }
    expect_dead(step(400), "HTTP 400");
}

TEST(UserNotificationReplyTest, UnauthorizedThatIsNotAboutTheTokenIsInvalidDataTypesAndDead) {
    const std::string meaning = "; not about the token: invalid data types in the notification";
    expect_dead(step(401), "HTTP 401" + meaning);
    expect_dead(
        step(401, graph_error("Unauthorized", "Invalid activity data types")),
        "HTTP 401 Unauthorized: Invalid activity data types" + meaning
    );
    expect_dead(step(401, "<html>"), "HTTP 401" + meaning);
    expect_dead(
        step(401, graph_error("InvalidRequest"), {{"www-authenticate", "Basic realm=\"x\""}}),
        "HTTP 401 InvalidRequest: Human text" + meaning
    );
}

TEST(UserNotificationReplyTest, UnauthorizedWithABearerChallengeWantsANewToken) {
    for (const std::string challenge :
         {"Bearer", "bearer realm=\"\", error=\"invalid_token\"", "Basic x, Bearer error=\"x\""}) {
        expect_new_token(
            step(401, "", {{"www-authenticate", challenge}}), "HTTP 401; the token was refused"
        );
    }
    expect_new_token(
        step(401, "", {{"www-authenticate", "Negotiate"}, {"www-authenticate", "Bearer"}}),
        "HTTP 401; the token was refused"
    );
}

TEST(UserNotificationReplyTest, UnauthorizedWithAnAuthenticationCodeWantsANewToken) {
    for (const std::string code :
         {"InvalidAuthenticationToken", "invalidauthenticationtoken", "unauthenticated",
          "AADSTS70043"}) {
        expect_new_token(
            step(401, graph_error(code)), "HTTP 401 " + code + ": Human text; the token was refused"
        );
    }
    expect_new_token(
        step(401, R"({"error":"invalid_token","error_description":"expired"})"),
        "HTTP 401 invalid_token: expired; the token was refused"
    );
    expect_new_token(
        step(
            401,
            R"({"error":{"code":"UnknownError","innerError":{"code":"InvalidAuthenticationToken"}}})"
        ),
        "HTTP 401 InvalidAuthenticationToken; the token was refused"
    );
}

TEST(UserNotificationReplyTest, ForbiddenIsDeadWhetherBlockedOrNotAuthorised) {
    const std::string meaning = "; the caller is blocked, or may not notify this user";
    expect_dead(
        step(403, graph_error("Forbidden", "Caller is blocked")),
        "HTTP 403 Forbidden: Caller is blocked" + meaning
    );
    expect_dead(step(403), "HTTP 403" + meaning);
    // A Bearer challenge alone is about scopes, which another token would lack, too.
    expect_dead(
        step(403, "", {{"www-authenticate", "Bearer error=\"insufficient_scope\""}}),
        "HTTP 403" + meaning
    );
    // The code alone does not make a 403 a matter of the token.
    expect_dead(
        step(403, graph_error("InvalidAuthenticationToken", "x")),
        "HTTP 403 InvalidAuthenticationToken: x" + meaning
    );
}

TEST(UserNotificationReplyTest, MethodNotAllowedIsDead) {
    expect_dead(step(405), "HTTP 405; the service takes no POST at this URL");
}

TEST(UserNotificationReplyTest, NotAcceptableIsThrottlingAndRetried) {
    const auto next = step(406, graph_error("NotAcceptable"), {{"retry-after", "90"}});
    EXPECT_FALSE(next.new_token);
    EXPECT_EQ(next.outcome.kind, Kind::RetryAfter);
    EXPECT_EQ(next.outcome.blame, Outcome::Blame::Recipient) << "others go on";
    EXPECT_EQ(
        next.outcome.reason, "HTTP 406 NotAcceptable: Human text; throttled, or the service is busy"
    );
    EXPECT_EQ(next.outcome.delay, seconds(90));
    EXPECT_FALSE(step(406).outcome.delay.has_value());
}

TEST(UserNotificationReplyTest, UnsupportedMediaTypeIsDead) {
    expect_dead(step(415), "HTTP 415; the service does not take this content type or coding");
}

// --- what the table does not name

TEST(UserNotificationReplyTest, TooManyRequestsTimeoutsAndServerErrorsAreRetried) {
    for (const int status : {408, 429, 500, 501, 502, 503, 504, 507, 509, 599}) {
        expect_retry(step(status, "<html>"), "HTTP " + std::to_string(status));
    }
}

TEST(UserNotificationReplyTest, CodeThatOnlyRepeatsTheStatusIsPassedOver) {
    expect_retry(
        step(
            429, R"({"error":{"code":"TooManyRequests","message":"m","innerError":{"code":"429"}}})"
        ),
        "HTTP 429 TooManyRequests: m"
    );
}

TEST(UserNotificationReplyTest, GoneTooLargeAndUnprocessableAreDead) {
    for (const int status : {410, 413, 422}) {
        expect_dead(step(status), "HTTP " + std::to_string(status));
    }
}

TEST(UserNotificationReplyTest, EveryOtherStatusIsRetried) {
    for (const int status : {0,   100, 101, 202, 204, 206, 299, 300, 301, 302, 307, 308, 304,
                             402, 404, 407, 409, 411, 412, 414, 416, 423, 425, 431, 451, 499}) {
        expect_retry(step(status), "HTTP " + std::to_string(status));
    }
}

TEST(UserNotificationReplyTest, RetryAfterIsReadInSecondsAndAsADate) {
    EXPECT_EQ(step(503, "", {{"retry-after", "120"}}).outcome.delay, seconds(120));
    EXPECT_EQ(
        step(429, "", {{"retry-after", "Sat, 21 Nov 2026 00:01:30 GMT"}}).outcome.delay, seconds(90)
    );
    EXPECT_EQ(
        step(429, "", {{"retry-after", "Fri, 20 Nov 2026 00:00:00 GMT"}}).outcome.delay, seconds(0)
    );
    EXPECT_FALSE(step(503, "", {{"retry-after", "soon"}}).outcome.delay.has_value());
    EXPECT_EQ(step(404, "", {{"retry-after", "5"}}).outcome.delay, seconds(5));
}

// --- claims challenges

const std::string kClaims = R"({"access_token":{"nbf":{"essential":true,"value":"1"}}})";

TEST(UserNotificationReplyTest, ClaimsOfAChallengeGoWithTheNewToken) {
    const auto challenge = R"(Bearer realm="a, claims=b", error="insufficient_claims", claims=")" +
                           to_base64(kClaims) + "\"";
    auto next = step(401, "", {{"www-authenticate", challenge}});
    expect_new_token(next, "HTTP 401; the token was refused");
    EXPECT_EQ(next.claims, kClaims);
    next = step(403, "", {{"www-authenticate", challenge}});
    expect_new_token(next, "HTTP 403; the token was refused: it lacks claims");
    EXPECT_EQ(next.claims, kClaims);
    next = step(403, "", {{"www-authenticate", "Bearer Claims = " + to_base64url(kClaims)}});
    EXPECT_EQ(next.claims, kClaims);
}

TEST(UserNotificationReplyTest, ClaimsThatAreNoJsonObjectAreNone) {
    for (const std::string& claims :
         {std::string("%%%"), std::string(), to_base64("[]"), to_base64("x"),
          to_base64("{\"a\":\"" + std::string(9'000, 'x') + "\"}")}) {
        const auto challenge = "Bearer claims=\"" + claims + "\"";
        EXPECT_EQ(step(403, "", {{"www-authenticate", challenge}}).outcome.kind, Kind::Dead);
        const auto next = step(401, "", {{"www-authenticate", challenge}});
        EXPECT_TRUE(next.new_token);
        EXPECT_EQ(next.claims, "");
    }
    EXPECT_FALSE(step(403, "", {{"www-authenticate", "Bearer claims=\"abc"}}).new_token);
}

// --- what a reason says

TEST(UserNotificationReplyTest, MessageThatRepeatsTheContentIsLeftOut) {
    const std::string_view title = "Quarterly layoffs are planned";
    const auto reason = [&](std::string_view message, std::string_view content) {
        return step(400, graph_error("InvalidRequest", message), {}, {"", content}).outcome.reason;
    };
    EXPECT_EQ(
        reason("Bad title 'Quarterly layoffs are planned'", title), "HTTP 400 InvalidRequest"
    );
    EXPECT_EQ(reason("bad title 'QUARTERLY LAYOFFS …", title), "HTTP 400 InvalidRequest");
    EXPECT_EQ(reason("…rly layoffs", title), "HTTP 400 InvalidRequest");
    EXPECT_EQ(reason("The title is bad", title), "HTTP 400 InvalidRequest: The title is bad");
    EXPECT_EQ(reason("Bad title: Bob", "bob"), "HTTP 400 InvalidRequest");
    EXPECT_EQ(reason("A bobcat", "bob"), "HTTP 400 InvalidRequest: A bobcat");
    const auto sly = step(400, graph_error("Quarterly", "x"), {}, {"Quarterly report"});
    EXPECT_EQ(sly.outcome.reason, "HTTP 400: x");
}

TEST(UserNotificationReplyTest, InnermostCodeIsNamedAndWhatIsNoCodeIsNot) {
    EXPECT_EQ(
        step(
            400,
            R"({"error":{"code":"BadRequest","message":"m","innererror":{"code":"Deep","innerError":{"code":"Deeper"}}}})"
        )
            .outcome.reason,
        "HTTP 400 Deeper: m"
    );
    EXPECT_EQ(
        step(400, R"({"error":{"code":"not a code\n","message":5}})").outcome.reason, "HTTP 400"
    );
    EXPECT_EQ(step(400, R"({"error":null})").outcome.reason, "HTTP 400");
    EXPECT_EQ(step(400, R"({"error":[1]})").outcome.reason, "HTTP 400");
}

TEST(UserNotificationReplyTest, ReasonIsOneBoundedLineWhateverTheBodyIs) {
    const auto ugly = step(400, graph_error("X", "line\\nbreak\\u001b[1m\\u00fc")).outcome.reason;
    EXPECT_EQ(ugly, "HTTP 400 X: line\\x0abreak\\x1b[1m\\xc3\\xbc");
    const auto long_one = step(400, graph_error("X", std::string(1u << 20, 'm')));
    EXPECT_LT(long_one.outcome.reason.size(), 400U);
    EXPECT_LT(long_one.outcome.receipt.size(), 2'000U);
    const auto html = step(502, "<html>" + std::string(1u << 20, 'x') + "</html>");
    expect_retry(html, "HTTP 502");
    EXPECT_EQ(html.outcome.receipt, R"({"status":502})");
    EXPECT_EQ(step(400, std::string(1u << 20, '[')).outcome.reason, "HTTP 400");
}

// --- receipts

TEST(UserNotificationReceiptTest, HasStatusIdLocationAndRequestIdsForEveryOutcome) {
    const Headers headers = {
        {"location", "https://graph.microsoft.com/beta/me/activities/0f6f2f1e-1111"},
        {"request-id", "943d2ce0-1111"},
        {"client-request-id", "943d2ce0-2222"},
    };
    EXPECT_EQ(
        receipt_of({201, headers, R"({"id":"0f6f2f1e-1111","payload":{}})"}),
        R"({"status":201,"id":"0f6f2f1e-1111","location":"https://graph.microsoft.com/beta/me/activities/0f6f2f1e-1111",)"
        R"("requestId":"943d2ce0-1111","clientRequestId":"943d2ce0-2222"})"
    );
    for (const int status : {200, 201, 400, 401, 403, 406, 503}) {
        const auto next = step(status, "{}", headers);
        EXPECT_EQ(next.outcome.receipt, receipt_of({status, headers, "{}"})) << status;
        EXPECT_THAT(next.outcome.receipt, HasSubstr(R"("requestId":"943d2ce0-1111")"));
    }
}

TEST(UserNotificationReceiptTest, IdsThatAreNoIdsAreNotKept) {
    const std::string bad_ids[] = {"has space",           "qu\"ote", "\xc3\xbc", "a\nb",
                                   std::string(129, 'x'), ""};
    for (const auto& bad : bad_ids) {
        EXPECT_EQ(
            receipt_of({201, {{"request-id", bad}, {"client-request-id", bad}}, "{}"}),
            R"({"status":201})"
        );
    }
    EXPECT_EQ(receipt_of({201, {}, R"({"id":7})"}), R"({"status":201})");
    EXPECT_EQ(receipt_of({201, {}, R"({"id":"two words"})"}), R"({"status":201})");
}

TEST(UserNotificationReceiptTest, LocationIsKeptOnlyIfItIsAUrlOrAPathAndWithoutItsQuery) {
    const auto location = [](std::string text) {
        const auto receipt =
            boost::json::parse(receipt_of({201, {{"location", std::move(text)}}, ""}));
        const auto* kept = receipt.as_object().if_contains("location");
        return kept == nullptr ? std::string() : std::string(kept->as_string());
    };
    EXPECT_EQ(location("https://a.example/b?token=s#f"), "https://a.example/b");
    EXPECT_EQ(location("/beta/me/activities/1"), "/beta/me/activities/1");
    for (const std::string& bad :
         {std::string("javascript:alert(1)"), std::string("//a.example/b"), std::string("b/c"),
          std::string("https://u:p@a.example/"), std::string("https://a b/"),
          std::string("/\x1b[1m"), std::string("\"}"), std::string("/\xc3\xbc"),
          "/" + std::string(1'000, 'x'), std::string()}) {
        EXPECT_EQ(location(bad), "") << bad;
    }
}

TEST(UserNotificationReceiptTest, IsPrintableAsciiBelowTwoThousandBytesWhateverComes) {
    const auto receipt = receipt_of(
        {201,
         {{"location", "https://a.example/" + std::string(980, 'x')},
          {"request-id", std::string(128, 'x')},
          {"client-request-id", std::string(128, 'x')}},
         R"({"id":")" + std::string(128, 'x') + R"("})"}
    );
    EXPECT_EQ(boost::json::parse(receipt).as_object().size(), 5U);
    EXPECT_LT(receipt.size(), 2'000U);
    EXPECT_TRUE(std::ranges::all_of(receipt, [](char c) { return c >= 0x20 && c < 0x7f; }));
    EXPECT_THAT(receipt_of({500, {}, std::string(1u << 20, 'x')}), StartsWith(R"({"status":500)"));
    EXPECT_THAT(receipt, Not(HasSubstr("\\")));
}

}  // namespace
}  // namespace graphhook::handlers
