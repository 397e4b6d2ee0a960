#include "receiver/unsid_form.hpp"

#include "core/time_text.hpp"
#include "receiver/unsid_endpoint.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace graphhook::receiver {
namespace {

using std::chrono::days;

class UnsidFormTest : public testing::Test {
  protected:
    /// "field: message" of the problem; "" without one.
    std::string problem(std::string_view body) {
        const auto read = read_unsid_form(body, now_);
        if (!read.problem) return {};
        EXPECT_EQ(read.problem->message.back(), '.');
        return fmt::format("{}: {}", read.problem->field, read.problem->message);
    }
    /// Of a form whose `name` has this value, as JSON.
    std::string problem_with(std::string_view name, std::string_view value) {
        std::string body = "{";
        for (const auto& [member, usual] :
             {std::pair<std::string_view, std::string_view>{"unsid", R"("u-1")"},
              {"platform", R"("ios")"},
              {"expirationDateTime", R"("2026-12-20T23:59:00Z")"}}) {
            if (body.size() > 1) body += ',';
            body += fmt::format(R"("{}":{})", member, member == name ? value : usual);
        }
        return problem(body + "}");
    }
    const SystemTime now_ = *parse_time("2026-11-21T12:00:00Z");
};

TEST_F(UnsidFormTest, AWholeFormIsTaken) {
    const auto read = read_unsid_form(
        R"( {"expirationDateTime":"2026-12-20T23:59:00.5+01:00","platform":"WebPush",)"
        R"("unsid":"1c6ae8a5-5d0d_.:\u0041"} )"
        "\r\n",
        now_
    );
    ASSERT_FALSE(read.problem) << read.problem->message;
    EXPECT_EQ(read.form.unsid, "1c6ae8a5-5d0d_.:A");
    EXPECT_EQ(read.form.platform, "webpush") << "in lower case from here on";
    EXPECT_EQ(to_text(read.form.expires_at), "2026-12-20T22:59:00.500000Z");
}

TEST_F(UnsidFormTest, WhatIsNotJsonIsCalledThat) {
    for (const std::string_view body :
         {"", " ", "{", "unsid=1", "{'unsid':'1'}", R"({"unsid":"a",})", R"({"unsid":"a"}x)",
          R"({"unsid":"a"}{})", "// c\n{}", "\xef\xbb\xbf{}", "{\"unsid\":\"\xff\"}",
          R"({"unsid":"\ud800"})", R"({"unsid":7,"other":)"})
        EXPECT_EQ(problem(body), ": The body is not JSON.") << body;
    EXPECT_EQ(problem(std::string(2'000, '[') + std::string(2'000, ']')), ": The body is not JSON.")
        << "nested without end";
    for (const std::string_view body : {"[]", "null", "1", R"("text")", "true", R"([{"unsid":1}])"})
        EXPECT_EQ(problem(body), ": The body is not a JSON object.") << body;
}

TEST_F(UnsidFormTest, AMissingMemberIsNamed) {
    EXPECT_EQ(problem("{}"), "unsid: The member is missing.");
    EXPECT_EQ(problem(R"({"unsid":"a"})"), "platform: The member is missing.");
    EXPECT_EQ(
        problem(R"({"unsid":"a","platform":"ios"})"), "expirationDateTime: The member is missing."
    );
}

TEST_F(UnsidFormTest, AMemberThatIsThereTwiceIsNamed) {
    EXPECT_EQ(
        problem(R"({"unsid":"a","platform":"ios","unsid":"a"})"),
        "unsid: The member is there twice."
    );
    EXPECT_EQ(
        problem(R"({"platform":"ios","\u0070latform":"ios"})"),
        "platform: The member is there twice."
    ) << "however it is spelled";
}

TEST_F(UnsidFormTest, AnUnknownMemberIsRefusedAndNotRepeated) {
    const auto unknown =
        ": The body has a member other than unsid, platform and expirationDateTime.";
    EXPECT_EQ(problem(R"({"unsid":"a","userId":"someone else"})"), unknown);
    EXPECT_EQ(problem(R"({"x":{"unsid":"a"}})"), unknown);
    EXPECT_EQ(problem(R"({"":1})"), unknown);
    EXPECT_EQ(
        problem(R"({"UnsId":"a"})"), "unsid: The name of this member is written in another case."
    );
}

TEST_F(UnsidFormTest, AValueThatIsNoStringIsNamed) {
    for (const std::string_view member : {"unsid", "platform", "expirationDateTime"}) {
        for (const std::string_view value :
             {"1", "-1", "1e3", "18446744073709551615", "null", "true", "{}", R"({"a":"b"})", "[]",
              R"(["a"])"})
            EXPECT_EQ(
                problem_with(member, value), fmt::format("{}: The value is not a string.", member)
            ) << value;
    }
}

TEST_F(UnsidFormTest, AnUnsidIsOneTo128HarmlessCharacters) {
    EXPECT_EQ(problem_with("unsid", fmt::format(R"("{}")", std::string(128, 'a'))), "");
    for (const std::string& value :
         {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a/b"),
          std::string("\\u0000"), std::string("a\\n"), std::string("<b>"), std::string("é")})
        EXPECT_TRUE(
            problem_with("unsid", fmt::format(R"("{}")", value)).starts_with("unsid: The value")
        ) << value;
}

TEST_F(UnsidFormTest, APlatformIsOneOfFourInAnyCase) {
    for (const std::string_view value : {"windows", "iOS", "ANDROID", "webPush"})
        EXPECT_EQ(problem_with("platform", fmt::format(R"("{}")", value)), "") << value;
    for (const std::string_view value : {"", "linux", " ios", "ios,android"})
        EXPECT_EQ(
            problem_with("platform", fmt::format(R"("{}")", value)),
            "platform: The value is not one of windows, ios, android and webpush."
        ) << value;
}

TEST_F(UnsidFormTest, ATimeIsOfRfc3339AndInTheFutureAndNotTooFar) {
    const auto expires = [this](std::string_view text) {
        return problem_with("expirationDateTime", fmt::format(R"("{}")", text));
    };
    const std::string bad =
        "expirationDateTime: The value is not a time as RFC 3339 has it, with a zone.";
    for (const std::string_view text :
         {"", "tomorrow", "2026-12-20", "2026-12-20T23:59:00", "2026-02-30T00:00:00Z",
          "2026-12-20T23:59:00Z ", "1796000000", "2026-12-20T25:00:00Z"})
        EXPECT_EQ(expires(text), bad) << text;
    const std::string past = "expirationDateTime: The time is not in the future.";
    EXPECT_EQ(expires("2026-11-21T12:00:00Z"), past) << "now is not later";
    EXPECT_EQ(expires("2026-11-21T12:59:59+01:00"), past);
    EXPECT_EQ(expires("0000-01-01T00:00:00Z"), past);
    EXPECT_EQ(expires("2026-11-21T12:00:00.000001Z"), "");
    const std::string far = "expirationDateTime: The time is more than 366 days ahead.";
    EXPECT_EQ(expires(to_text(now_ + days(366))), "");
    EXPECT_EQ(expires(to_text(now_ + days(366) + std::chrono::microseconds(1))), far);
    EXPECT_EQ(expires("9999-12-31T23:59:59Z"), far);
}

TEST(UnsidOfSegmentTest, ASegmentIsDecodedOnceAndMustBeAnUnsid) {
    EXPECT_EQ(unsid_of_segment("a-b:c"), "a-b:c");
    EXPECT_EQ(unsid_of_segment("%61%3ab"), "a:b");
    for (const std::string_view segment :
         {"", "%", "%2", "%zz", "a%2Fb", "a%00", "a+b", "%2561", "a%20b", "a;b"})
        EXPECT_FALSE(unsid_of_segment(segment)) << segment;
    EXPECT_FALSE(unsid_of_segment(std::string(129, 'a')));
}

TEST(BearerTest, OneTokenOfTheOneSchemeIsFound) {
    EXPECT_EQ(bearer_of("Bearer a.b-c_d~e+f/g=="), "a.b-c_d~e+f/g==");
    EXPECT_EQ(bearer_of("bEARER   x"), "x");
    for (const std::string_view text :
         {"", "Bearer", "Bearer ", "Bearer =", "Basic abc", "Bearerx abc", "Bearer a b",
          "Bearer a,b", "Bearer a=b", "Bearer \"a\"", "Bearer a, Bearer b", "Bearer a\tb"})
        EXPECT_FALSE(bearer_of(text)) << text;
}

TEST(BearerTest, ADescriptionFitsAQuotedString) {
    EXPECT_EQ(quotable("The token's time is over."), "The token's time is over.");
    EXPECT_EQ(quotable("a\"b\\c\r\nd\x7f\xc3\xa9"), "a?b?c??d???");
    EXPECT_EQ(quotable(std::string(1'000, 'a')).size(), 200u);
}

}  // namespace
}  // namespace graphhook::receiver
