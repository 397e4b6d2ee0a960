#include "core/time_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace graphhook {
namespace {

using namespace std::chrono_literals;

SystemTime at(std::string_view text) {
    return parse_time(text).value();
}

TEST(TimeText, ReadsEveryFormGraphSends) {
    const auto expected =
        SystemTime(std::chrono::sys_days(std::chrono::year(2021) / 12 / 31)) + 10h + 46min + 44s;
    for (const auto* text :
         {"2021-12-31T10:46:44Z", "2021-12-31t10:46:44z", "2021-12-31T16:16:44+05:30",
          "2021-12-31T02:46:44-08:00", "2021-12-31T10:46:44.0000000Z",
          "2021-12-31T10:46:44+00:00"}) {
        EXPECT_EQ(at(text), expected) << text;
    }
    EXPECT_EQ(at("2021-12-31T16:16:44.9907405+05:30"), expected + 990'740us);
    EXPECT_EQ(at("2021-12-31T10:46:44.123456789Z"), expected + 123'456us);
}

TEST(TimeText, RefusesWhatIsNoTime) {
    for (const auto* text :
         {"", "NA", "2021-12-31T10:46:44", "2021-02-30T00:00:00Z", "2021-13-01T00:00:00Z",
          "2021-12-31T24:00:00Z", "2021-12-31T10:46:44.Z", "2021-12-31T10:46:44.1234567890Z",
          "2021-12-31T10:46:44Zjunk", "21-12-31T10:46:44Z", "2021-12-31T10:46:44+5:30",
          "2021-12-31T10:46:44+25:00", "-021-12-31T10:46:44Z"}) {
        const auto time = parse_time(text);
        ASSERT_FALSE(time) << text;
        EXPECT_EQ(time.error().code, Errc::BadInput);
    }
}

TEST(TimeText, WritesWhatItReads) {
    for (const std::string text :
         {"2026-11-28T08:00:00Z", "1970-01-01T00:00:00Z", "2026-11-28T08:00:00.000001Z"}) {
        EXPECT_EQ(to_text(at(text)), text);
    }
}

TEST(TimeText, DurationsNeedAUnitAndComeBackInTheirShortestForm) {
    EXPECT_EQ(parse_duration("250ms").value(), 250ms);
    EXPECT_EQ(parse_duration("15m").value(), 15min);
    EXPECT_EQ(parse_duration("2d").value(), 48h);
    for (const auto* text : {"", "10", "-1s", "1 s", "1.5h", "99999999999d", "s", "10S"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
    for (const std::string text : {"250ms", "90s", "5h", "3d", "0s"}) {
        EXPECT_EQ(duration_text(parse_duration(text).value()), text);
    }
}

TEST(TimeText, SizesAreBinaryAndBounded) {
    EXPECT_EQ(parse_size("100MiB").value(), 100u << 20);
    EXPECT_EQ(parse_size("2GiB").value(), 2ULL << 30);
    EXPECT_EQ(parse_size("4096").value(), 4096u);
    for (const auto* text : {"", "MiB", "-1", "1MB", "18446744073709551615TiB"})
        EXPECT_FALSE(parse_size(text)) << text;
    EXPECT_EQ(size_text(64u << 10), "64KiB");
    EXPECT_EQ(size_text(1000), "1000B");
}

TEST(TimeText, RetryAfterIsSecondsOrADateNeverNegativeAndAtMostADay) {
    const auto now = at("2026-11-21T08:00:00Z");
    EXPECT_EQ(parse_retry_after("120", now).value(), 120s);
    EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 08:00:30 GMT", now).value(), 30s);
    EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 07:00:00 GMT", now).value(), 0s);
    EXPECT_EQ(parse_retry_after("99999999", now).value(), 24h);
    for (const auto* text : {"", "-5", "soon", "1.5", "Sat, 21 Nov 2026"})
        EXPECT_FALSE(parse_retry_after(text, now)) << text;
}

}  // namespace
}  // namespace graphhook
