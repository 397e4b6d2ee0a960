#include "core/secret.hpp"

#include "core/digest.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <ostream>
#include <set>

namespace graphhook {
namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) { out << value; };

TEST(Secret, CannotBeStreamed) {
    static_assert(!Streamable<Secret>);
    static_assert(Streamable<std::string>);
}

TEST(Secret, ComparesWholeValues) {
    const Secret secret("correct horse");
    EXPECT_TRUE(secret.equals("correct horse"));
    EXPECT_FALSE(secret.equals("correct horsf"));
    EXPECT_FALSE(secret.equals("correct hors"));
    EXPECT_FALSE(secret.equals(""));
    EXPECT_TRUE(Secret().equals(""));
}

TEST(Secret, LeavesNothingBehindWhenMovedFrom) {
    Secret first("short");
    const Secret second(std::move(first));
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_EQ(second.reveal(), "short");
    Secret third;
    third = second;
    EXPECT_EQ(third.reveal(), "short");
}

TEST(Random, GivesAsManyHexDigitsAsAskedAndNeverTheSame) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const auto text = random_hex(32);
        EXPECT_EQ(text.size(), 64u);
        EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
        seen.insert(text);
    }
    EXPECT_EQ(seen.size(), 100u);
}

TEST(Digest, IsSha256) {
    // FIPS 180-2, appendix B.1
    EXPECT_EQ(
        to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    EXPECT_EQ(to_hex(key128("abc")), "ba7816bf8f01cfea414140de5dae2223");
}

}  // namespace
}  // namespace graphhook
