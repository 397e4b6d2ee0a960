// The sweeps' table over the real store: what the two promise each other.
#include "store/identity.hpp"
#include "subscriptions/sync/store_sync_table.hpp"
#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <memory>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

class StoreSyncTableTest : public store::StoreFixture {
  protected:
    store::Item found(const std::string& id, const std::string& etag) {
        auto item = store::item(id);
        auto stream = std::make_shared<store::Stream>(*item.stream);
        stream->source = store::Source::Sweep;
        item.stream = std::move(stream);
        item.version = store::version_key("inbox", id, etag, false);
        return item;
    }
    StoreSyncTable table{*opened, clock};
};

TEST_F(StoreSyncTableTest, WhatWasChangedIsThereWhenTheCallReturns) {
    const store::SyncKey key{"contoso", "inbox", ""};
    store::SyncChange change;
    change.state.key = key;
    change.state.found = 7;
    change.put = {{"folder", "https://graph.microsoft.com/v1.0/delta", clock.system_now(), true}};
    ASSERT_TRUE(table.change(change).has_value());
    const auto states = table.states();
    ASSERT_TRUE(states.has_value());
    ASSERT_THAT(*states, SizeIs(1));
    EXPECT_EQ(states->front().found, 7u);
    const auto marks = table.watermarks(key);
    ASSERT_TRUE(marks.has_value());
    ASSERT_THAT(*marks, SizeIs(1));
    EXPECT_TRUE(marks->front().partial);
    EXPECT_EQ(*table.note("quota"), "");
    ASSERT_TRUE(table.put_note("quota", "3 left").has_value());
    EXPECT_EQ(*table.note("quota"), "3 left");
}

TEST_F(StoreSyncTableTest, WhatASweepFindsIsStoredOnceAndWasReceivedWhenItWasFound) {
    ASSERT_TRUE(call.attach("h").has_value());
    clock.advance(90min);
    const auto first = table.append({found("a", "1"), found("b", "1")});
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->stored, 2u);
    const auto again = table.append({found("a", "1"), found("b", "2")});
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->stored, 1u);
    EXPECT_EQ(again->repeated, 1u);
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2)) << "the newer b waits for the older";
    EXPECT_EQ(leased[0].received_at, clock.system_now());
    EXPECT_EQ(leased[0].stream->source, store::Source::Sweep);
}

}  // namespace
}  // namespace graphhook::subscriptions
