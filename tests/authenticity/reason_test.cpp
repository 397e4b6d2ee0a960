#include "authenticity/reason.hpp"

#include <gtest/gtest.h>

namespace graphhook::authenticity {
namespace {

TEST(ReasonTest, EveryReasonHasANameThatLeadsBackToIt) {
    for (int number = 0; number <= static_cast<int>(Reason::DataJson); ++number) {
        const auto reason = static_cast<Reason>(number);
        const auto again = reason_named(to_string(reason));
        ASSERT_TRUE(again) << number;
        EXPECT_EQ(*again, reason) << number;
    }
    EXPECT_FALSE(reason_named("no_such_reason"));
    EXPECT_EQ(all_reasons().size(), static_cast<std::size_t>(Reason::DataJson));
}

TEST(ReasonTest, WhatWaitsAndWhatIsProvedFalseAreDisjoint) {
    EXPECT_TRUE(may_be_proved_later(Reason::TokensNull));
    EXPECT_TRUE(may_be_proved_later(Reason::NoPrivateKey));
    EXPECT_FALSE(may_be_proved_later(Reason::None));
    EXPECT_FALSE(may_be_proved_later(Reason::TokensMissing));
    EXPECT_FALSE(may_be_proved_later(Reason::DataJson));
}

}  // namespace
}  // namespace graphhook::authenticity
