#include "emulator/registry.hpp"

#include "tests/emulator/drafts.hpp"

#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using test::body_for;
using test::checked;
using test::some_time;
using test::someone;
using test::subscribe;

TEST(RegistryTest, PagesFollowOneAnotherUntilThereIsNoNext) {
    Registry registry({});
    for (int i = 0; i < 5; ++i) subscribe(registry, "users/u" + std::to_string(i) + "/messages");
    const auto first = registry.list(someone(), 0, 2);
    ASSERT_EQ(first.items.size(), 2U);
    ASSERT_TRUE(first.next);
    const auto second = registry.list(someone(), *first.next, 2);
    const auto third = registry.list(someone(), second.next.value(), 2);
    EXPECT_EQ(third.items.size(), 1U);
    EXPECT_FALSE(third.next);
    EXPECT_EQ(third.items.front()->resource_text, "users/u4/messages");
}

TEST(RegistryTest, AnAppSeesItsOwnSubscriptionsOfItsTenantOnly) {
    Registry registry({});
    const auto mine = subscribe(registry, "users");
    auto stranger = someone();
    stranger.app = "app-2";
    EXPECT_TRUE(registry.find(mine->id, someone()));
    EXPECT_FALSE(registry.find(mine->id, stranger));
    EXPECT_TRUE(registry.list(stranger, 0, 10).items.empty());
    stranger = someone();
    stranger.tenant = "other";
    EXPECT_FALSE(registry.find(mine->id, stranger));
}

TEST(RegistryTest, IdsAreComparedInAnyCase) {
    Registry registry({});
    auto id = subscribe(registry, "users")->id;
    for (char& c : id) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_TRUE(registry.find(id));
    EXPECT_TRUE(registry.remove(id));
    EXPECT_FALSE(registry.remove(id));
}

TEST(RegistryTest, SubscriptionsEndWhenTheirTimeIsOver) {
    Registry registry({});
    const auto subscription = subscribe(registry, "users");
    EXPECT_TRUE(registry.expire(subscription->expires - std::chrono::microseconds(1)).empty());
    EXPECT_EQ(registry.expire(subscription->expires).size(), 1U);
    EXPECT_FALSE(registry.find(subscription->id));
}

TEST(RegistryTest, DuplicatesAreTakenOrRefusedAsSwitched) {
    for (const auto duplicates : {Duplicates::Accept, Duplicates::Conflict}) {
        Registry registry({.duplicates = duplicates});
        subscribe(registry, "users/a/messages", "created,updated");
        const auto again =
            registry.refuses(checked(body_for("Users/A/messages", "updated,created")).value());
        if (duplicates == Duplicates::Accept) {
            EXPECT_FALSE(again);
        } else {
            ASSERT_TRUE(again);
            EXPECT_EQ(again->status, 409);
            EXPECT_NE(
                again->message.find("already exists for the requested combination"),
                std::string::npos
            );
        }
        EXPECT_FALSE(registry.refuses(checked(body_for("users/a/messages", "deleted")).value()));
    }
}

TEST(RegistryTest, AMailboxTakesSoManySubscriptionsOverAllApps) {
    Registry registry({.most_per_mailbox = 2});
    subscribe(registry, "users/a/messages");
    const auto second = subscribe(registry, "users/a/events");
    const auto third = checked(body_for("users/a/contacts")).value();
    ASSERT_TRUE(registry.refuses(third));
    EXPECT_EQ(registry.refuses(third)->status, 403);
    EXPECT_FALSE(registry.refuses(checked(body_for("users/b/contacts")).value()));
    registry.remove(second->id);
    EXPECT_FALSE(registry.refuses(third));
}

TEST(RegistryTest, TheClientStateIsInTheReplyToACreateAndNullInAList) {
    Registry registry({});
    const auto subscription = subscribe(registry, "users");
    EXPECT_EQ(
        to_json(*subscription, ClientStateIn::Reply).at("clientState"), "k3H9-example-secret"
    );
    EXPECT_TRUE(to_json(*subscription, ClientStateIn::Null).at("clientState").is_null());
}

}  // namespace
}  // namespace graphhook::emulator
