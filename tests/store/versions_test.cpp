#include "store/identity.hpp"
#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class Versions : public StoreFixture {
  protected:
    static Item from(
        Source source, const std::string& object, const std::string& etag, bool removed = false
    ) {
        Item made = item(object, etag);
        auto stream = std::make_shared<Stream>(*made.stream);
        stream->source = source;
        stream->change = removed ? "deleted" : "updated";
        made.stream = std::move(stream);
        made.version = version_key("inbox", object, etag, removed);
        return made;
    }
    static Item told(const std::string& object, const std::string& etag) {
        return from(Source::Notification, object, etag);
    }
    static Item swept(const std::string& object, const std::string& etag) {
        return from(Source::Sweep, object, etag);
    }
    std::uint32_t stored(std::vector<Item> items) {
        const auto count = static_cast<std::uint32_t>(items.size());
        const auto appended = append(std::move(items));
        EXPECT_TRUE(appended.has_value());
        if (!appended) return 0;
        EXPECT_EQ(appended->stored + appended->repeated, count) << "and nothing folds";
        return appended->stored;
    }
};

TEST_F(Versions, ASweepDoesNotHandOverWhatGraphTold) {
    EXPECT_EQ(stored({told("a", "1")}), 1u);
    EXPECT_EQ(stored({swept("a", "1")}), 0u);
    EXPECT_EQ(stored({swept("b", "1")}), 1u) << "another object";
    EXPECT_EQ(stored({from(Source::Poll, "a", "1")}), 0u) << "nor does a poll";
}

TEST_F(Versions, ASweepHandsOverWhatGraphDidNotTellOnce) {
    EXPECT_EQ(stored({told("a", "1")}), 1u);
    EXPECT_EQ(stored({swept("a", "2")}), 1u);
    EXPECT_EQ(stored({swept("a", "2")}), 0u);
}

TEST_F(Versions, ANotificationIsNeverDroppedBecauseOfAVersion) {
    EXPECT_EQ(stored({swept("a", "1")}), 1u);
    EXPECT_EQ(stored({told("a", "1")}), 1u);
    EXPECT_EQ(stored({told("a", "1"), told("a", "1")}), 2u);
}

TEST_F(Versions, OnlyTheLastStateOfAnObjectCounts) {
    EXPECT_EQ(stored({told("a", "1")}), 1u);
    EXPECT_EQ(stored({told("a", "2")}), 1u);
    EXPECT_EQ(stored({swept("a", "1")}), 1u) << "it went back";
    EXPECT_EQ(stored({swept("a", "2")}), 1u);
    EXPECT_EQ(stored({from(Source::Sweep, "a", "", true)}), 1u) << "removed";
    EXPECT_EQ(stored({from(Source::Sweep, "a", "other", true)}), 0u) << "an etag says nothing then";
    EXPECT_EQ(stored({swept("a", "2")}), 1u) << "restored";
}

TEST_F(Versions, OfTwoEqualOnesInOneAppendTheSecondIsARepeat) {
    EXPECT_EQ(stored({swept("a", "1"), swept("a", "1"), swept("a", "2"), swept("a", "1")}), 3u);
    EXPECT_EQ(stored({told("b", "1"), swept("b", "1")}), 1u);
}

TEST_F(Versions, WithoutAVersionAllThatASweepFindsIsStored) {
    Item unversioned = swept("a", "1");
    unversioned.version.reset();
    EXPECT_EQ(stored({unversioned, unversioned}), 2u);
}

TEST_F(Versions, WhatHasAVersionNeverFolds) {
    Item first = swept("a", "1");
    first.fold = key128("equal");
    Item second = swept("a", "2");
    second.fold = first.fold;
    EXPECT_EQ(stored({first}), 1u);
    EXPECT_EQ(stored({second, first}), 2u);
}

TEST_F(Versions, AreKnownAfterARestart) {
    EXPECT_EQ(stored({told("a", "1"), item("plain"), swept("b", "1")}), 3u);
    EXPECT_EQ(stored({told("a", "2")}), 1u);
    opened.reopen();
    EXPECT_EQ(stored({swept("a", "2"), swept("b", "1")}), 0u);
    EXPECT_EQ(stored({swept("a", "1")}), 1u);
}

TEST_F(Versions, AreForgottenAfterTheirTimeWhichIsNotThatOfIdentities) {
    Item identified = told("a", "1");
    identified.identity = key128("a1");
    EXPECT_EQ(stored({identified}), 1u);
    clock.advance(25h);
    static_cast<void>(call.stats());
    EXPECT_EQ(stored({identified}), 1u) << "its identity was forgotten";
    clock.advance(2h);
    opened.reopen();
    EXPECT_EQ(stored({swept("a", "1")}), 0u);
    clock.advance(30h);
    static_cast<void>(call.stats());
    EXPECT_EQ(stored({swept("a", "1")}), 1u);
}

TEST_F(Versions, AreBoundedByCountBesideIdentities) {
    opened.options.repeat_keys = 64;
    opened.reopen();
    Item identified = item("a");
    identified.identity = key128("a1");
    EXPECT_EQ(stored({identified}), 1u);
    for (int i = 0; i < 300; ++i) EXPECT_EQ(stored({swept(std::to_string(i), "1")}), 1u);
    EXPECT_EQ(stored({swept("299", "1")}), 0u);
    EXPECT_EQ(stored({swept("0", "1")}), 1u) << "the oldest went";
    EXPECT_EQ(stored({identified}), 0u) << "they did not push identities out";
}

TEST_F(Versions, ANotificationKeepsWhatItIsBesideItsVersion) {
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_EQ(stored({swept("a", "1"), told("b", "1"), from(Source::Poll, "c", "1")}), 3u);
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    const auto leased = call.lease("h");
    EXPECT_THAT(resources(leased), ElementsAre("a", "b", "c"));
    ASSERT_THAT(leased, SizeIs(3));
    EXPECT_EQ(leased[0].stream->source, Source::Sweep);
    EXPECT_EQ(leased[1].stream->source, Source::Notification);
    EXPECT_EQ(leased[2].stream->source, Source::Poll);
    EXPECT_EQ(leased[0].body, swept("a", "1").body);
    EXPECT_EQ(call.show(leased[2].id)->stream.source, Source::Poll);
}

TEST_F(Versions, CostNothingWhereThereAreNone) {
    EXPECT_EQ(stored({item("a"), item("b")}), 2u);
    EXPECT_EQ(stored({told("a", "1"), item("b")}), 2u);
    opened.close();
    EXPECT_EQ(in_file("SELECT length(heads) FROM head WHERE page = 1"), 8 + 2 * 40);
    EXPECT_EQ(in_file("SELECT length(heads) FROM head WHERE page = 2"), 8 + 2 * 40 + 16);
}

}  // namespace
}  // namespace graphhook::store
