#include "handlers/opening.hpp"

#include "tests/handlers/fake_opener.hpp"
#include "tests/handlers/fake_source.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const SystemTime kNow = SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

Ticket ticket(milliseconds age = {}) {
    Ticket one;
    one.id = {4711};
    one.attempt = 2;
    one.used = 1;
    one.received_at = kNow - age;
    one.rich = true;
    return one;
}

store::Delivery delivery(std::int64_t id) {
    store::Delivery one;
    one.id = {id};
    one.proof = std::make_shared<store::Proof>();
    return one;
}

TEST(OpeningTest, WhatWaitsIsGivenBackWithNothingUsedUp) {
    const auto settlement = settle_unopened(waits("key_unknown"), ticket(), {}, kNow, hours(1));
    EXPECT_EQ(settlement.as, store::SettleAs::Release);
    EXPECT_EQ(settlement.id.value, 4711);
    EXPECT_EQ(settlement.attempt, 2u);
    EXPECT_EQ(settlement.used, 1u);
    EXPECT_EQ(settlement.at, kNow + seconds(15));
}

TEST(OpeningTest, WhatWaitsIsAskedAgainNeitherAtOnceNorNever) {
    const auto again = [](milliseconds in) {
        return settle_unopened(waits("key_unknown", in), ticket(), {}, kNow, hours(1)).at - kNow;
    };
    EXPECT_EQ(again(milliseconds(0)), kSoonestAgain);
    EXPECT_EQ(again(milliseconds(-5)), kSoonestAgain);
    EXPECT_EQ(again(seconds(30)), seconds(30));
    EXPECT_EQ(again(hours(100'000)), kLatestAgain);
}

TEST(OpeningTest, WhatCanNotBeProvedWithinMaxAgeIsADeadLetterThatSaysWhy) {
    RetryOptions options;
    options.max_age = hours(72);
    EXPECT_EQ(
        settle_unopened(waits("tokens_null"), ticket(hours(72)), options, kNow, hours(1)).as,
        store::SettleAs::Release
    );
    const auto dead = settle_unopened(
        waits("tokens_null"), ticket(hours(72) + milliseconds(1)), options, kNow, hours(1)
    );
    EXPECT_EQ(dead.as, store::SettleAs::Dead);
    EXPECT_EQ(
        settle_unopened(
            waits("keys_missing"), ticket(hours(100)), options, kNow,
            kLeastPatience - milliseconds(1)
        )
            .as,
        store::SettleAs::Release
    ) << "after a start keys may only just be on their way";
    EXPECT_EQ(dead.used, 1u);
    EXPECT_EQ(dead.reason, "tokens_null: so it is; not proved within max_age");
}

TEST(OpeningTest, WhatIsProvedFalseGoesToTheQuarantineUnderItsLabelHoweverOldItIs) {
    const auto settlement = settle_unopened(
        disproved("token_signature", "by no key\nof v2"), ticket(hours(100)), {}, kNow, hours(1)
    );
    EXPECT_EQ(settlement.as, store::SettleAs::Quarantine);
    EXPECT_EQ(settlement.reason, "token_signature: by no key\\x0aof v2");
    EXPECT_EQ(
        settle_unopened(disproved("data_key", ""), ticket(), {}, kNow, hours(1)).reason, "data_key"
    );
}

TEST(OpeningTest, OneAnswerForEachWhateverTheOpenerDoes) {
    const std::vector<store::Delivery> batch = {delivery(1), delivery(2)};
    const auto none = ask_opener(nullptr, batch, true, {});
    ASSERT_EQ(none.size(), 2u);
    EXPECT_EQ(none[1].is, Opened::Is::Waits);
    EXPECT_EQ(none[1].reason, kNothingOpens);

    FakeOpener opener;
    opener.answer_at_most(1);
    const auto few = ask_opener(&opener, batch, true, {});
    ASSERT_EQ(few.size(), 2u);
    EXPECT_EQ(few[0].is, Opened::Is::Proved);
    EXPECT_EQ(few[1].is, Opened::Is::Waits);
    EXPECT_EQ(few[1].reason, kOpeningFailed);

    FakeOpener broken([](const auto&) -> Opened { throw std::runtime_error("no luck"); });
    const auto thrown = ask_opener(&broken, batch, true, {});
    ASSERT_EQ(thrown.size(), 2u);
    EXPECT_EQ(thrown[0].is, Opened::Is::Waits);
    EXPECT_EQ(thrown[0].reason, kOpeningFailed);
    EXPECT_EQ(thrown[0].detail, "no luck");

    class Chatty final : public Opener {
        std::vector<Opened> open(std::span<const store::Delivery>, bool, std::stop_token) override {
            return std::vector<Opened>(5, proved("{}"));
        }
    } chatty;
    EXPECT_EQ(ask_opener(&chatty, batch, true, {}).size(), 2u);
}

TEST(OpeningTest, LabelsAreFitForAMetric) {
    const std::vector<store::Delivery> batch = {delivery(1)};
    FakeOpener opener;
    const auto label = [&](const std::string& reason) {
        opener.answer_with([&](const auto&) { return disproved(reason, "x"); });
        return ask_opener(&opener, batch, false, {})[0].reason;
    };
    EXPECT_EQ(label("token_signature"), "token_signature");
    EXPECT_EQ(label(""), "other");
    EXPECT_EQ(label("Token: \"x\""), "other");
    EXPECT_EQ(label(std::string(41, 'a')), "other");
}

TEST(OpeningTest, DataThatNobodyWantsOrThatIsNotProvedGoesNoFurther) {
    const std::vector<store::Delivery> batch = {delivery(1)};
    FakeOpener opener([](const auto&) { return proved(R"({"subject":"s"})"); });
    EXPECT_EQ(ask_opener(&opener, batch, true, {})[0].data, R"({"subject":"s"})");
    EXPECT_EQ(ask_opener(&opener, batch, false, {})[0].data, "");
    opener.answer_with([](const auto&) {
        auto opened = disproved("data_json", "no object");
        opened.data = "secret";
        return opened;
    });
    EXPECT_EQ(ask_opener(&opener, batch, true, {})[0].data, "");
}

TEST(OpeningTest, EncryptedContentIsStrippedAndAllElseStaysAsItWas) {
    const auto check = [](std::string_view item, std::string_view stripped) {
        EXPECT_EQ(without_encrypted_content(item), stripped) << item;
    };
    check(
        R"({"n":12345678901234567890123,"encryptedContent":{"data":"a,}\"]","o":[{}]},"d":1.50,"n":-0})",
        R"({"n":12345678901234567890123,"d":1.50,"n":-0})"
    );
    check(R"({"encryptedContent":{},"a":1})", R"({"a":1})");
    check(R"({"a":1,"EncryptedContent":[1,[2]]})", R"({"a":1})");
    check(
        R"({"a":1,"ENCRYPTEDCONTENT":null,"encryptedContent":"x","b":"\\"})", R"({"a":1,"b":"\\"})"
    );
    check(R"({"encryptedContent":7})", "{}");
    check("{}", "{}");
    check(
        R"({"resourceData":{"encryptedContent":1},"encryptedContents":2,"x":"\"encryptedContent\":3"})",
        R"({"resourceData":{"encryptedContent":1},"encryptedContents":2,"x":"\"encryptedContent\":3"})"
    );
    check(
        R"({"k\"encryptedContent":1,"encryptedContent":true,"é\n":[]})",
        R"({"k\"encryptedContent":1,"é\n":[]})"
    );
}

TEST(OpeningTest, OfWhatIsNoItemNothingIsShown) {
    for (const char* item :
         {"", "{", "}", "[]", "1", R"({"a")", R"({"a":})", R"({"a":1]})", R"({"a":"})", R"({a:1})",
          R"({"a":1}})", R"({"a":"\)", R"({"a" :1})", R"({"a":[1})", "{}}"})
        EXPECT_EQ(without_encrypted_content(item), "") << item;
}

TEST(OpeningTest, HandlersSeeNeitherTokensNorEncryptedContent) {
    auto from = delivery(7);
    from.stream = stream_of();
    from.body = R"({"id":"1","encryptedContent":{"data":"QUJD"},"clientId":"c"})";
    auto basic = from;
    basic.proof = nullptr;
    EXPECT_EQ(to_delivery(std::move(from)).item, R"({"id":"1","clientId":"c"})");
    EXPECT_NE(to_delivery(std::move(basic)).item.find("QUJD"), std::string::npos)
        << "what has nothing to prove is handed over as it is";
}

TEST(OpeningTest, WipedTextLeavesNothingInItsMemory) {
    for (const std::size_t length : {5u, 500u}) {
        std::string text(length, 's');
        text.resize(3);  // what was longer once is wiped as a whole
        const char* const memory = text.data();
        wipe(text);
        EXPECT_TRUE(text.empty());
        ASSERT_EQ(text.data(), memory);
        EXPECT_EQ(std::string_view(memory, length).find('s'), std::string_view::npos);
    }
}

}  // namespace
}  // namespace graphhook::handlers
