#include "receiver/query.hpp"

#include <gtest/gtest.h>

namespace graphhook::receiver {
namespace {

using Is = Handshake::Is;

struct Row {
    const char* raw;
    const char* decoded;
};

/// The table of protocol.md 1.3.
class QueryTableTest : public testing::TestWithParam<Row> {};

TEST_P(QueryTableTest, TokenIsDecodedInOnePassAsFormsAre) {
    const auto found = find_handshake(std::string("validationToken=") + GetParam().raw);
    EXPECT_EQ(found.is, Is::Valid);
    EXPECT_EQ(found.token, GetParam().decoded);
}

INSTANTIATE_TEST_SUITE_P(
    Protocol, QueryTableTest,
    testing::Values(
        Row{"Validation%3a+Testing", "Validation: Testing"}, Row{"abc%2Bdef", "abc+def"},
        Row{"abc%2bdef", "abc+def"}, Row{"a%20b", "a b"}, Row{"a%252Bb", "a%2Bb"},
        Row{"%E2%82%AC", "\xe2\x82\xac"}, Row{"a=b", "a=b"}
    )
);

TEST(QueryTest, TokenIsFoundInAnyPositionAndAnyCaseOfItsName) {
    for (const char* query :
         {"validationToken=t", "acct=42&validationToken=t", "VALIDATIONTOKEN=t&acct=42",
          "a&&=&validationtoken=t&b", "validation%54oken=t", "bad=%zz&validationToken=t"}) {
        const auto found = find_handshake(query);
        EXPECT_EQ(found.is, Is::Valid) << query;
        EXPECT_EQ(found.token, "t") << query;
    }
}

TEST(QueryTest, DeliveryIsWhatHasNoToken) {
    for (const char* query :
         {"", "acct=42", "xvalidationToken=t", "validationTokens=t", "a=validationToken"})
        EXPECT_EQ(find_handshake(query).is, Is::Absent) << query;
}

TEST(QueryTest, TokenThatMustNotBeEchoedIsRefused) {
    for (const char* query :
         {"validationToken=", "validationToken", "validationToken=%G1", "validationToken=a%",
          "validationToken=a%2", "validationToken=a%0Ab", "validationToken=%00",
          "validationToken=%7f", "validationToken=%3Cscript%3E", "validationToken=a<b",
          "validationToken=a%3eb", "validationToken=%ff%fe", "validationToken=%C0%80",
          "validationToken=%ED%A0%80"})
        EXPECT_EQ(find_handshake(query).is, Is::Refused) << query;
    EXPECT_EQ(find_handshake("validationToken=" + std::string(2'048, 'a')).is, Is::Valid);
    EXPECT_EQ(find_handshake("validationToken=" + std::string(2'049, 'a')).is, Is::Refused);
}

}  // namespace
}  // namespace graphhook::receiver
