// Changes change the data, and notification, ledger and delta tell the same story.
#include "emulator/changes.hpp"
#include "tests/emulator/data_fixture.hpp"

#include <gmock/gmock.h>

namespace graphhook::emulator {
namespace {

using test::body_for;
using test::checked;

class DataChangesTest : public test::DataTest {
  protected:
    std::shared_ptr<ChangeJob> make(const boost::json::object& json) {
        const auto request = read_change_request(json);
        EXPECT_TRUE(request) << request.error().detail;
        auto job = maker_.start(*request);
        EXPECT_TRUE(job) << job.error().detail;
        while (maker_.step()) {
        }
        return *job;
    }
    Errc refused(const boost::json::object& json) {
        const auto request = read_change_request(json);
        if (!request) return request.error().code;
        return maker_.start(*request).error().code;
    }
    SubscriptionPtr subscribe(
        const std::string& resource, const std::string& changes = "created,updated,deleted"
    ) {
        return registry_.add(checked(body_for(resource, changes), ApiVersion::Beta).value());
    }
    /// The items that are sent next.
    boost::json::array items() {
        boost::json::array all;
        while (const auto post =
                   outbox_.take("https://hooks.example.com:443", clock_.steady_now())) {
            const auto body = boost::json::parse(post->body);
            for (const auto& item : body.at("value").as_array()) all.push_back(item);
        }
        return all;
    }
    boost::json::array ledger() { return ledger_.page(0, 1'000).at("changes").as_array(); }

    Registry registry_{{}};
    Ledger ledger_{1'000};
    Stats stats_;
    Outbox outbox_{
        {}, faults_, {[](const Item&, Settlement, int) {}, [](const std::string&) {}, {}, {}}, 1
    };
    ChangeMaker maker_{registry_, world_, outbox_, ledger_, faults_, stats_, clock_};
};

TEST_F(DataChangesTest, ANotificationNamesWhatTheDeltaTells) {
    subscribe("users/a/messages");
    std::string link;
    all("users/a/mailFolders/inbox/messages/delta", &link);
    make({{"kind", "message"}, {"change", "created"}, {"count", 3}});
    const auto sent = items();
    const auto told = all(link);
    ASSERT_EQ(sent.size(), 3U);
    ASSERT_EQ(told.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(sent[i].at("resourceData").at("id"), told[i].at("id"));
        EXPECT_EQ(sent[i].at("resourceData").at("@odata.etag"), told[i].at("@odata.etag"));
        EXPECT_EQ(ledger()[i].at("id"), told[i].at("id"));
    }
}

TEST_F(DataChangesTest, ASilentChangeIsInTheDataAndTheLedgerAndNotSent) {
    subscribe("users/a/messages");
    const auto job =
        make({{"resource", "users/a/messages"}, {"change", "created"}, {"silent", true}});
    EXPECT_EQ(job->items, 0U);
    EXPECT_TRUE(job->settled());
    EXPECT_TRUE(items().empty());
    EXPECT_EQ(get("users/a/messages").value().size(), 1U);
    ASSERT_EQ(ledger().size(), 1U);
    EXPECT_TRUE(ledger()[0].at("items").as_array().empty());
}

TEST_F(DataChangesTest, WithATenantAChangeNeedsNobodyWhoWatches) {
    EXPECT_EQ(refused({{"resource", "users/a/messages"}}), Errc::NotFound);
    make({{"resource", "users/a/messages"}, {"tenant", kTenant}});
    EXPECT_EQ(get("users/a/messages").value().size(), 1U);
    // One tenant is known: it is meant.
    make({{"resource", "users/b/messages"}, {"silent", true}});
    EXPECT_EQ(get("users/b/messages").value().size(), 1U);
    world_.tenant("other");
    EXPECT_EQ(refused({{"resource", "users/b/messages"}, {"silent", true}}), Errc::BadInput);
}

TEST_F(DataChangesTest, AFolderSeesItsOwnMessagesAndTheMailboxAll) {
    const auto mailbox = subscribe("users/a/messages");
    const auto archive = subscribe("users/a/mailFolders('archive')/messages");
    make({{"resource", "users/a/mailFolders/archive/messages"}, {"change", "created"}});
    EXPECT_EQ(items().size(), 2U);
    make({{"resource", "users/a/messages"}, {"change", "created"}});
    const auto sent = items();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].at("subscriptionId").as_string(), mailbox->id);
}

TEST_F(DataChangesTest, AMoveIsDeletedThereAndCreatedHere) {
    const auto inbox = subscribe("users/a/mailFolders('inbox')/messages");
    const auto archive = subscribe("users/a/mailFolders('archive')/messages");
    make({{"resource", "users/a/messages"}, {"change", "created"}});
    items();
    make(
        {{"resource", "users/a/messages"},
         {"change", "moved"},
         {"to", "archive"},
         {"existing", true}}
    );
    const auto sent = items();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].at("subscriptionId").as_string(), inbox->id);
    EXPECT_EQ(sent[0].at("changeType"), "deleted");
    EXPECT_EQ(sent[1].at("subscriptionId").as_string(), archive->id);
    EXPECT_EQ(sent[1].at("changeType"), "created");
    EXPECT_TRUE(get("users/a/mailFolders/inbox/messages").value().empty());
    EXPECT_EQ(get("users/a/mailFolders/archive/messages").value().size(), 1U);
    EXPECT_EQ(refused({{"resource", "users/a/messages"}, {"change", "moved"}}), Errc::BadInput);
    EXPECT_EQ(
        refused({{"resource", "users/a/events"}, {"change", "moved"}, {"to", "x"}, {"tenant", "t"}}
        ),
        Errc::BadInput
    );
}

TEST_F(DataChangesTest, ExistingObjectsAreTakenInTurnOrByTheirId) {
    subscribe("users/a/events");
    fill({{"resource", "users/a/events"}, {"objects", 3}});
    make({{"resource", "users/a/events"}, {"existing", true}, {"count", 6}});
    std::set<std::string> seen;
    const auto sent = items();
    EXPECT_EQ(sent.size(), 6U);
    for (const auto& item : sent) seen.emplace(item.at("resourceData").at("id").as_string());
    EXPECT_EQ(seen, ids(get("users/a/events").value()));
    make({{"resource", "users/a/events"}, {"change", "deleted"}, {"object", *seen.begin()}});
    EXPECT_EQ(get("users/a/events").value().size(), 2U);
    const auto job =
        make({{"resource", "users/b/events"}, {"tenant", kTenant}, {"existing", true}});
    EXPECT_FALSE(job->trouble.empty()) << "there is nothing to change";
}

// protocol 3.4
TEST_F(DataChangesTest, WhateverHappensInADriveIsNotifiedAsUpdated) {
    subscribe("users/a/drive/root", "updated");
    make({{"kind", "drive"}, {"change", "created"}});
    make({{"kind", "drive"}, {"change", "deleted"}, {"existing", true}});
    const auto sent = items();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].at("changeType"), "updated");
    EXPECT_EQ(sent[1].at("changeType"), "updated");
    EXPECT_EQ(ledger()[1].at("happened"), "deleted");
    EXPECT_EQ(ledger()[0].at("item"), ledger()[1].at("item"));
}

// protocol 3.8
TEST_F(DataChangesTest, UsersComeAndGoSoftlyAsUpdatedAndForGoodAsDeleted) {
    subscribe("users", "updated,deleted");
    make({{"resource", "users"}, {"change", "created"}});
    const auto created = items();
    ASSERT_EQ(created.size(), 1U);
    EXPECT_EQ(created[0].at("changeType"), "updated");
    const std::string id(created[0].at("resourceData").at("id").as_string());
    EXPECT_EQ(get("users/" + id).status, 200);
    make({{"resource", "users"}, {"change", "deleted"}, {"object", id}, {"soft", true}});
    EXPECT_EQ(items()[0].at("changeType"), "updated");
    make({{"resource", "users"}, {"change", "deleted"}, {"object", id}});
    EXPECT_EQ(items()[0].at("changeType"), "deleted");
    EXPECT_EQ(get("users/" + id).status, 404);
}

TEST_F(DataChangesTest, WhoWatchesOneUserSeesItsChangesAmongAll) {
    const std::string id(fill({{"users", 2}}).at("users").at(1).as_string());
    const auto everybody = subscribe("users", "updated");
    const auto one = subscribe("users/" + id, "updated");
    make({{"resource", "users"}, {"object", id}});
    EXPECT_EQ(items().size(), 2U);
    make({{"resource", "users/" + id}});
    EXPECT_EQ(items().size(), 2U);
    make({{"resource", "users"}, {"change", "created"}});
    EXPECT_EQ(items().size(), 1U);
}

// protocol 3.9
TEST_F(DataChangesTest, JoinersAndLeaversAreChangesOfTheGroup) {
    const auto made = fill({{"users", 2}, {"groups", 1}, {"groupMembers", 1}});
    const std::string group(made.at("groups").at(0).as_string());
    const std::string user(made.at("users").at(1).as_string());
    subscribe("groups", "updated");
    subscribe("groups/" + group + "/members", "updated");
    make({{"resource", "groups/" + group + "/members"}, {"change", "created"}, {"object", user}});
    auto sent = items();
    ASSERT_EQ(sent.size(), 2U);
    for (const auto& item : sent) {
        EXPECT_EQ(item.at("changeType"), "updated");
        EXPECT_EQ(item.at("resourceData").at("id").as_string(), group);
        EXPECT_EQ(item.at("resourceData").at("members@delta").at(0).at("id").as_string(), user);
    }
    EXPECT_EQ(get("groups/" + group + "/members").value().size(), 2U);
    make({{"resource", "groups/" + group + "/members"}, {"change", "deleted"}, {"object", user}});
    sent = items();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].at("resourceData").at("members@delta").at(0).at("@removed"), "deleted");
    EXPECT_EQ(get("groups/" + group + "/members").value().size(), 1U);
    make({{"resource", "groups/" + group + "/members"}, {"change", "created"}});
    EXPECT_EQ(get("users").value().size(), 3U) << "who joins is a user";
}

TEST_F(DataChangesTest, LostNotificationsAreInTheDataAndTheLedger) {
    subscribe("users/a/messages");
    faults_.set(FaultKind::Lose, {.count = 2});
    const auto job = make({{"kind", "message"}, {"change", "created"}, {"count", 5}});
    EXPECT_EQ(job->lost, 2U);
    EXPECT_EQ(items().size(), 3U);
    EXPECT_EQ(get("users/a/messages").value().size(), 5U);
    EXPECT_EQ(ledger()[0].at("items").at(0).at("state"), "lost");
}

TEST_F(DataChangesTest, AShareOfTheNotificationsOfATenantIsLostAndAlwaysTheSame) {
    subscribe("users/a/messages");
    const auto lost = [&](std::uint64_t seed) {
        faults_ = Faults(seed);
        faults_.set(FaultKind::Lose, {.count = 0, .share = 0.3, .tenant = kTenant});
        return make({{"kind", "message"}, {"count", 1'000}})->lost;
    };
    const auto first = lost(7);
    EXPECT_GT(first, 200U);
    EXPECT_LT(first, 400U);
    EXPECT_EQ(lost(7), first);
    faults_.clear();
    faults_.set(FaultKind::Lose, {.count = 0, .tenant = "other"});
    EXPECT_EQ(make({{"kind", "message"}, {"count", 10}})->lost, 0U);
}

TEST_F(DataChangesTest, OneMailboxUnderItsNameAndItsIdIsTheSame) {
    const std::string id(fill({{"users", 1}}).at("users").at(0).as_string());
    const auto upn = get("users/" + id).text("userPrincipalName");
    subscribe("users/" + upn + "/messages");
    make({{"resource", "users/" + id + "/messages"}, {"change", "created"}});
    EXPECT_EQ(items().size(), 1U);
    EXPECT_EQ(get("users/" + upn + "/messages").value().size(), 1U);
}

TEST_F(DataChangesTest, RequestsThatMakeNoSenseAreRefused) {
    const std::vector<boost::json::object> requests{
        {{"kind", "message"}, {"object", "x"}},
        {{"resource", "users"}, {"silent", "yes"}},
        {{"resource", "users"}, {"start", "soon"}},
        {{"resource", "users/a/messages"}, {"change", "created"}, {"to", "archive"}},
    };
    for (const auto& request : requests)
        EXPECT_EQ(read_change_request(request).error().code, Errc::BadInput);
}

}  // namespace
}  // namespace graphhook::emulator
