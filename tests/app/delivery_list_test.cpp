#include "app/cli/delivery_list.hpp"

#include "tests/support/open_store.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>
#include <utility>

namespace graphhook::app {
namespace {

using ::testing::SizeIs;

/// Notifications that two handlers want and nobody hands over.
class DeliveryListTest : public ::testing::Test {
  protected:
    DeliveryListTest() {
        attach("audit");
        attach("tickets");
    }

    void attach(const std::string& handler) {
        const auto attached = wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store::Attachment attachment;
            attachment.handler = handler;
            attachment.accepts = [](const store::Stream&) { return true; };
            attachment.on_work = [] {};
            store->attach(std::move(attachment), std::move(done));
        });
        EXPECT_TRUE(attached);
    }

    void put(std::size_t count) {
        std::vector<store::Item> items(count);
        const auto stream = std::make_shared<store::Stream>(
            store::Stream{store::Lane::Change, "contoso", "inbox", "message", "created"}
        );
        for (std::size_t i = 0; i < count; ++i) {
            items[i].stream = stream;
            items[i].subscription_id = "s";
            items[i].resource = fmt::format("users/x/messages/{}", i);
            items[i].body = "{}";
        }
        const auto appended = wait_for<store::Appended>([&](Completion<store::Appended> done) {
            store->append(std::move(items), real_clock().system_now(), std::move(done));
        });
        EXPECT_TRUE(appended);
    }

    DeliveryList list(std::size_t limit, store::NotificationId after = {}) {
        store::DeliveryQuery query;
        query.after = after;
        return list_all(*store, query, "", limit).value();
    }

    test::OpenStore store;
};

TEST_F(DeliveryListTest, ACutListSaysThatThereIsMoreAndPartsNoNotification) {
    put(3);
    const auto expect = [&](std::size_t limit, std::size_t rows, bool more) {
        const auto found = list(limit);
        EXPECT_THAT(found.rows, SizeIs(rows)) << limit;
        EXPECT_EQ(found.more, more) << limit;
    };
    expect(1, 2, true);
    expect(2, 2, true);
    expect(3, 2, true);
    expect(5, 4, true);
    expect(6, 6, false);
    expect(7, 6, false);
}

TEST_F(DeliveryListTest, GoingOnAfterTheLastOneFindsTheRestOnce) {
    put(7);
    std::set<std::pair<store::NotificationId, std::string>> seen;
    std::size_t rows = 0;
    store::NotificationId after;
    for (bool more = true; more;) {
        const auto found = list(3, after);
        ASSERT_FALSE(found.rows.empty());
        for (const auto& row : found.rows) seen.emplace(row.id, row.handler);
        rows += found.rows.size();
        after = found.rows.back().id;
        more = found.more;
    }
    EXPECT_EQ(rows, 14U);
    EXPECT_THAT(seen, SizeIs(14));
}

TEST_F(DeliveryListTest, WhatIsAskedForInPagesIsWhole) {
    put(800);
    EXPECT_THAT(list(10'000).rows, SizeIs(1'600));
    EXPECT_FALSE(list(10'000).more);
}

TEST_F(DeliveryListTest, ALabelIsWhatStandsBeforeTheColon) {
    EXPECT_TRUE(has_label("token_signature: by no key", "token_signature"));
    EXPECT_TRUE(has_label("token_signature", "token_signature"));
    EXPECT_FALSE(has_label("token_signature_x", "token_signature"));
    EXPECT_FALSE(has_label("", "token_signature"));
}

}  // namespace
}  // namespace graphhook::app
