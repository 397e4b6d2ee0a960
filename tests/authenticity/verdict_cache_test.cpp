#include "authenticity/verdict_cache.hpp"

#include "tests/authenticity/token_fixture.hpp"

#include <gtest/gtest.h>

namespace graphhook::authenticity::test {
namespace {

TokenVerdicts::Verdicts ending(SystemTime at, Reason reason = Reason::None) {
    TokenVerdict verdict;
    verdict.reason = reason;
    verdict.expires = at;
    return std::make_shared<const std::vector<TokenVerdict>>(1, verdict);
}
constexpr std::chrono::hours kHour{1};

TEST(TokenVerdictsTest, WhatWasJudgedIsFoundUntilItsTokensEnd) {
    TokenVerdicts cache;
    const auto verdicts = ending(kNow + kHour);
    cache.put("[1]", verdicts, kNow);
    EXPECT_EQ(cache.find("[1]", kNow), verdicts);
    EXPECT_EQ(cache.find("[2]", kNow), nullptr);
    EXPECT_EQ(cache.find("[1]", kNow + kHour + kLeeway), verdicts);
    EXPECT_EQ(cache.find("[1]", kNow + kHour + kLeeway + std::chrono::seconds(1)), nullptr);
    EXPECT_EQ(cache.size(), 0u);
}

TEST(TokenVerdictsTest, OnlyFinalVerdictsAreKept) {
    TokenVerdicts cache;
    cache.put("[1]", ending(kNow + kHour, Reason::KeyUnknown), kNow);
    cache.put("[2]", ending(kNow - kHour), kNow);
    cache.put("[3]", nullptr, kNow);
    EXPECT_EQ(cache.size(), 0u);
}

TEST(TokenVerdictsTest, TheLeastUsedGoFirst) {
    TokenVerdicts cache(2);
    cache.put("[1]", ending(kNow + kHour), kNow);
    cache.put("[2]", ending(kNow + kHour), kNow);
    EXPECT_NE(cache.find("[1]", kNow), nullptr);
    cache.put("[3]", ending(kNow + kHour), kNow);
    EXPECT_EQ(cache.find("[2]", kNow), nullptr);
    EXPECT_NE(cache.find("[1]", kNow), nullptr);
    EXPECT_NE(cache.find("[3]", kNow), nullptr);
}

TEST(TokenVerdictsTest, LargeArraysDoNotFillTheMemory) {
    TokenVerdicts cache;
    TokenVerdict verdict;
    verdict.expires = kNow + kHour;
    const auto many = std::make_shared<const std::vector<TokenVerdict>>(4'096, verdict);
    for (int i = 0; i < 100; ++i) cache.put(std::to_string(i), many, kNow);
    EXPECT_EQ(cache.size(), 8u);
    EXPECT_NE(cache.find("99", kNow), nullptr);
}

TEST(TokenVerdictsTest, NothingIsLeftAfterClear) {
    TokenVerdicts cache;
    cache.put("[1]", ending(kNow + kHour), kNow);
    cache.put("[1]", ending(kNow + kHour), kNow);
    EXPECT_EQ(cache.size(), 1u);
    cache.clear();
    EXPECT_EQ(cache.find("[1]", kNow), nullptr);
}

}  // namespace
}  // namespace graphhook::authenticity::test
