#include "core/log.hpp"

#include <gtest/gtest.h>

namespace graphhook {
namespace {

using namespace std::chrono_literals;

TEST(ForLog, LetsNoControlCharacterThroughAndCutsWhatIsLong) {
    EXPECT_EQ(for_log("plain"), "plain");
    EXPECT_EQ(for_log("a\r\nlevel=error \x1b[31m"), R"(a\x0d\x0alevel=error \x1b[31m)");
    EXPECT_EQ(for_log("abcdef", 3), "abc...");
    EXPECT_EQ(for_log("\xe2\x82\xac"), R"(\xe2\x82\xac)");
}

TEST(LogLimiter, LetsOneThroughAndCountsTheRest) {
    LogLimiter limiter(10s);
    const std::chrono::steady_clock::time_point start{1h};
    std::uint64_t suppressed = 99;
    EXPECT_TRUE(limiter.allow(start, suppressed));
    EXPECT_EQ(suppressed, 0u);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(limiter.allow(start + 1s, suppressed));
    EXPECT_TRUE(limiter.allow(start + 11s, suppressed));
    EXPECT_EQ(suppressed, 5u);
}

}  // namespace
}  // namespace graphhook
