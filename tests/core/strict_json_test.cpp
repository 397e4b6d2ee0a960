#include "core/strict_json.hpp"

#include <gmock/gmock.h>

namespace graphhook::test {
namespace {

using Found = std::vector<MemberTwice>;

TEST(StrictJsonTest, MembersThatAreThereTwiceAreFoundWhereverTheyAre) {
    EXPECT_EQ(members_twice(R"({"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]})"), Found{});
    EXPECT_EQ(members_twice(R"({"a":1,"a":2})"), (Found{{"", "a"}}));
    EXPECT_EQ(members_twice(R"({"k":[{},{"a":1,"\u0061":2}]})"), (Found{{"/k/1", "a"}}));
    EXPECT_EQ(members_twice(R"({"k":[1,[2],{"x":{"a":1,"a":2}}]})"), (Found{{"/k/2/x", "a"}}));
    EXPECT_EQ(members_twice(R"({"":1,"":2})"), (Found{{"", ""}}));
}

TEST(StrictJsonTest, EachRepetitionCountsUpToABound) {
    EXPECT_EQ(members_twice(R"({"a":1,"a":2,"a":3})"), (Found{{"", "a"}, {"", "a"}}));
    std::string many = "{";
    for (std::size_t i = 0; i < 2 * kMostTwice; ++i) many += R"("a":1,)";
    EXPECT_EQ(members_twice(many + R"("a":1})")->size(), kMostTwice);
}

TEST(StrictJsonTest, WhatIsNotJsonIsNotRead) {
    EXPECT_FALSE(members_twice("{"));
    EXPECT_FALSE(members_twice("{} x"));
    EXPECT_FALSE(members_twice(""));
}

}  // namespace
}  // namespace graphhook::test
