#include "tests/store/fault_vfs.hpp"
#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Proving : public StoreFixture {
  protected:
    Proving() { EXPECT_TRUE(call.attach("h").has_value()); }
    void reopen() {
        opened.reopen();
        ASSERT_TRUE(call.attach("h").has_value());
    }
    void handle(std::size_t limit) {
        std::vector<Settlement> settlements;
        for (const auto& delivery : call.lease("h", limit))
            settlements.push_back(settlement(delivery));
        EXPECT_THAT(settlements, SizeIs(limit));
        ASSERT_TRUE(call.settle("h", settlements).has_value());
    }
    template <class Wanted>
    bool eventually(Wanted wanted) {
        for (int round = 0; round < 500; ++round) {
            if (wanted()) return true;
            clock.advance(1s);
            static_cast<void>(call.stats());
        }
        return false;
    }
    const TokensPtr tokens = std::make_shared<const std::string>(R"(["one","two"])");
};

TEST_F(Proving, ARichItemComesWithTheTokensOfItsPostAndABasicOneWithNone) {
    ASSERT_TRUE(append({rich("a", tokens), item("b"), rich("c", tokens)}).has_value());
    ASSERT_TRUE(append({rich("d", R"(["other"])")}).has_value());
    for (const bool again : {false, true}) {
        if (again) reopen();
        const auto leased = call.lease("h");
        EXPECT_THAT(resources(leased), ElementsAre("a", "b", "c", "d"));
        ASSERT_NE(leased[0].proof, nullptr);
        EXPECT_EQ(leased[0].proof->tokens, *tokens);
        EXPECT_EQ(leased[0].proof->verdict, "");
        EXPECT_EQ(leased[0].body, item("a").body);
        EXPECT_EQ(leased[0].subscription_id, item("a").subscription_id);
        EXPECT_EQ(leased[1].proof, nullptr);
        ASSERT_NE(leased[2].proof, nullptr);
        EXPECT_EQ(leased[2].proof->number, leased[0].proof->number);
        ASSERT_NE(leased[3].proof, nullptr);
        EXPECT_EQ(leased[3].proof->tokens, R"(["other"])");
    }
}

TEST_F(Proving, AMemberThatIsAbsentIsNotTheSameAsABasicItem) {
    ASSERT_TRUE(append({rich("a", "")}).has_value());
    reopen();
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    ASSERT_NE(leased[0].proof, nullptr);
    EXPECT_EQ(leased[0].proof->tokens, "");
}

TEST_F(Proving, TheSameTextIsStoredOnceHoweverOftenItComes) {
    for (int i = 0; i < 3; ++i) {
        // Another string each time, as another POST brings it.
        ASSERT_TRUE(append({rich("a", *tokens), rich("b", std::string(*tokens))}).has_value());
    }
    EXPECT_EQ(in_file("SELECT count(*) FROM proof"), 1);
    reopen();
    ASSERT_TRUE(append({rich("a", *tokens)}).has_value());
    EXPECT_EQ(in_file("SELECT count(*) FROM proof"), 1);
    EXPECT_EQ(in_file("SELECT count(*) FROM head"), 4);
}

TEST_F(Proving, AHundredThousandRichItemsWithOneTextStoreItOnce) {
    const std::string text(4'000, 't');
    const auto fill = [&](bool with_tokens) {
        test::OpenStore other(clock);
        Caller of_other(other);
        for (int call_number = 0; call_number < 50; ++call_number) {
            std::vector<Item> items;
            const auto shared = std::make_shared<const std::string>(text);
            for (int i = 0; i < 2'000; ++i) {
                items.push_back(item("r" + std::to_string(i)));
                if (with_tokens) items.back().tokens = shared;
            }
            EXPECT_TRUE(of_other.append(std::move(items), clock.system_now()).has_value());
        }
        other.close();
        return std::filesystem::file_size(other.dir.file("store.db"));
    };
    const auto basic = fill(false);
    const auto with_tokens = fill(true);
    RecordProperty("basic_bytes", std::to_string(basic));
    RecordProperty("rich_bytes", std::to_string(with_tokens));
    // Twelve bytes each, and the text.
    EXPECT_LT(with_tokens - basic, 100'000 * 14 + 64'000);
    EXPECT_GT(with_tokens - basic, 100'000 * 11);
}

TEST_F(Proving, PagesWithoutRichItemsAreByteForByteAsEver) {
    Item one = identified("a", "1");
    ASSERT_TRUE(append({one}).has_value());
    ASSERT_TRUE(append({rich("a", tokens)}).has_value());
    const auto size = static_cast<std::int64_t>(
        8 + 8 + one.subscription_id.size() + one.resource.size() + one.body.size()
    );
    EXPECT_EQ(in_file("SELECT length(data) FROM body WHERE page = 1"), size);
    EXPECT_EQ(in_file("SELECT length(heads) FROM head WHERE page = 1"), 8 + 40);
    // The flags: has an identity; is rich.
    EXPECT_EQ(in_file("SELECT hex(substr(heads, 13, 1)) = '01' FROM head WHERE page = 1"), 1);
    EXPECT_EQ(in_file("SELECT hex(substr(heads, 13, 1)) = '02' FROM head WHERE page = 2"), 1);
    const auto rich_size = static_cast<std::int64_t>(
        8 + 8 + 12 + one.subscription_id.size() + 1 + item("a").body.size()
    );
    EXPECT_EQ(in_file("SELECT length(data) FROM body WHERE page = 2"), rich_size);
}

TEST_F(Proving, AVerdictComesWithEveryLaterLeaseAlsoAfterARestart) {
    ASSERT_TRUE(append({rich("a", tokens), rich("b", tokens), rich("c", tokens)}).has_value());
    const auto first = call.lease("h", 1);
    ASSERT_THAT(first, SizeIs(1));
    ASSERT_TRUE(call.put_verdict(first[0].proof->number, "good").has_value());
    EXPECT_EQ(first[0].proof->verdict, "") << "what was handed over does not change";
    const auto second = call.lease("h", 1);
    ASSERT_THAT(second, SizeIs(1));
    EXPECT_EQ(second[0].proof->verdict, "good");
    EXPECT_EQ(second[0].proof->tokens, *tokens);
    reopen();
    for (const auto& delivery : call.lease("h")) EXPECT_EQ(delivery.proof->verdict, "good");
    EXPECT_TRUE(call.put_verdict(4711, "of nothing").has_value());
    EXPECT_EQ(in_file("SELECT count(*) FROM proof"), 1);
}

TEST_F(Proving, ShowTellsWhatWasFound) {
    ASSERT_TRUE(append({rich("a", tokens), item("b")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2));
    EXPECT_TRUE(call.show(leased[0].id)->rich);
    EXPECT_EQ(call.show(leased[0].id)->verdict, "");
    ASSERT_TRUE(call.put_verdict(leased[0].proof->number, "good").has_value());
    EXPECT_EQ(call.show(leased[0].id)->verdict, "good");
    EXPECT_FALSE(call.show(leased[1].id)->rich);
}

TEST_F(Proving, WhatBringsItsResourceNeverFolds) {
    Item one = folding("a");
    one.tokens = tokens;
    EXPECT_EQ(append({one, one})->stored, 2u);
    EXPECT_EQ(append({one})->stored, 1u);
    EXPECT_EQ(append({folding("a")})->stored, 1u) << "nor does another fold into it";
}

TEST_F(Proving, TokensThatAreDamagedMakeADeadLetterAndNeverABasicItem) {
    ASSERT_TRUE(append({rich("a", tokens), item("b")}).has_value());
    opened.close();
    static_cast<void>(in_file("UPDATE proof SET tokens = 'forged'"));
    reopen();
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("b"));
    EXPECT_EQ(call.stats("h").dead, 1u);
    static_cast<void>(in_file("DELETE FROM proof"));
    EXPECT_EQ(*call.replay_dead({"h", {}, {}, {}}), 1u);
    EXPECT_THAT(call.lease("h"), IsEmpty());
    EXPECT_EQ(call.stats("h").dead, 1u);
}

TEST_F(Proving, TokensGoWhenNothingStoredNeedsThem) {
    ASSERT_TRUE(append({rich("early", "early")}).has_value());
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(append({item("a", std::to_string(i))}).has_value());
    ASSERT_TRUE(append({rich("late", "late")}).has_value());
    for (int i = 0; i < 302; ++i) handle(1);
    EXPECT_EQ(in_file("SELECT count(*) FROM proof"), 2);
    clock.advance(73h);
    EXPECT_TRUE(eventually([&] { return in_file("SELECT count(*) FROM proof") == 1; }));
    EXPECT_EQ(in_file("SELECT tokens = CAST('late' AS BLOB) FROM proof"), 1);
    EXPECT_EQ(call.stats().notifications, 1u);
    // Come again they are stored again, by a number that nothing had.
    ASSERT_TRUE(append({rich("again", "early")}).has_value());
    EXPECT_EQ(in_file("SELECT max(number) FROM proof"), 3);
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_EQ(leased[0].proof->tokens, "early");
}

TEST_F(Proving, TokensStayAsLongAsAnythingNeedsThemAlsoAcrossARestart) {
    constexpr int kPages = 700;
    for (int i = 0; i < kPages; ++i) {
        if (i == kPages / 2) reopen();
        ASSERT_TRUE(append({rich("r" + std::to_string(i), *tokens)}).has_value());
    }
    for (int i = 0; i < kPages - 100; i += 50) handle(50);
    reopen();
    clock.advance(73h);
    EXPECT_TRUE(eventually([&] { return call.stats().notifications == 100; }));
    for (int i = 0; i < 10; ++i) {
        clock.advance(20s);
        static_cast<void>(call.stats());
    }
    reopen();
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(100));
    for (const auto& delivery : leased) EXPECT_EQ(delivery.proof->tokens, *tokens);
    EXPECT_EQ(in_file("SELECT count(*) FROM proof"), 1);
}

TEST_F(Proving, ADeadLetterKeepsItsTokensAndNotThoseOfOthers) {
    ASSERT_TRUE(append({rich("dead", "dead")}).has_value());
    EXPECT_EQ(call.settle("h", call.lease("h").at(0), SettleAs::Dead), 0u);
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(append({item("a", std::to_string(i))}).has_value());
    ASSERT_TRUE(append({rich("b", "others")}).has_value());
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(append({item("a", std::to_string(i))}).has_value());
    for (int i = 0; i < 601; ++i) handle(1);
    clock.advance(73h);
    EXPECT_TRUE(eventually([&] { return in_file("SELECT count(*) FROM proof") == 1; }));
    EXPECT_EQ(*call.replay_dead({"h", {}, {}, {}}), 1u);
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_EQ(leased[0].proof->tokens, "dead");
}

TEST(ProvingOnAFullDisk, WhatIsRefusedLeavesNoTokensAndTheNextGetItsOwn) {
    ManualClock clock;
    FaultDisk disk;
    test::TempDir dir;
    prometheus::Registry registry;
    Metrics metrics(registry);
    StoreOptions options;
    options.url = "sqlite:" + dir.file("store.db");
    options.vfs = disk.name();
    options.reserve = 0;
    auto opened = open_store(options, clock, metrics);
    ASSERT_TRUE(opened.has_value());
    Store& store = **opened;
    const auto append = [&](const std::string& resource, const std::string& tokens) {
        return wait_for<Appended>([&](Completion<Appended> done) {
            store.append({rich(resource, tokens)}, clock.system_now(), std::move(done));
        });
    };
    ASSERT_TRUE(append("a", "first").has_value());
    disk.arm(FaultDisk::Fault::Full, 0, 3);
    EXPECT_EQ(append("refused", "refused").error().code, Errc::Full);
    Result<Appended> again = fail(Errc::Full, "");
    for (int i = 0; i < 20 && !again; ++i) {
        clock.advance(1s);
        again = append("b", "second");
    }
    ASSERT_TRUE(again.has_value());
    ASSERT_TRUE(append("c", "refused").has_value());
    ASSERT_TRUE(wait_for<std::monostate>([&](Completion<std::monostate> done) {
                    store.attach({"h", [](const Stream&) { return true; }, {}}, std::move(done));
                }).has_value());
    const auto leased =
        wait_for<std::vector<Delivery>>([&](Completion<std::vector<Delivery>> done) {
            LeaseRequest request;
            request.handler = "h";
            store.lease(request, std::move(done));
        });
    ASSERT_TRUE(leased.has_value());
    ASSERT_THAT(*leased, SizeIs(3));
    EXPECT_EQ(leased->at(0).proof->tokens, "first");
    EXPECT_EQ(leased->at(1).proof->tokens, "second");
    EXPECT_EQ(leased->at(2).proof->tokens, "refused");
}

}  // namespace
}  // namespace graphhook::store
