#include "receiver/judge.hpp"

#include "store/identity.hpp"
#include "tests/receiver/fake_journal.hpp"

#include <gtest/gtest.h>

namespace graphhook::receiver {
namespace {

class JudgeTest : public testing::Test {
  protected:
    PayloadItem item(const std::string& json) {
        EXPECT_EQ(parser_.parse(R"({"value":[)" + json + "]}"), PayloadFault::None) << json;
        return parser_.items()[0];
    }
    /// An item of ours with these further members.
    PayloadItem ours(const std::string& members) {
        return item(
            R"({"subscriptionId":")" + std::string(kSubscription) + R"(","clientState":")" +
            std::string(kState) + R"(",)" + members + "}"
        );
    }
    /// Of the subscription if it is swept, or only tells that something changed.
    store::Item made(const std::string& members, store::Sync sync) {
        auto record = known_record();
        record.sync = sync;
        picture_ = store::KnownSubscriptions({record});
        return made(members);
    }
    /// `tokens`: what the POST brought besides.
    store::Item made(const std::string& members, std::string tokens = {}) {
        auto one = ours(members);
        const auto found = look_up(one, picture_, tenants_);
        EXPECT_NE(found.known, nullptr) << members;
        PostTokens post(std::move(tokens));
        return make_item(one, *found.known, post);
    }
    std::optional<Refusal> refusal(const PayloadItem& one) {
        return look_up(one, picture_, tenants_).refused;
    }

    PayloadParser parser_{10, 32};
    store::KnownSubscriptions picture_{{known_record()}};
    TenantIds tenants_{{"contoso", std::string(kTenantId)}};
};

TEST_F(JudgeTest, ItemIsKnownByItsSubscriptionInAnyCaseOfLetters) {
    std::string id(kSubscription);
    for (char& c : id) c = static_cast<char>(std::toupper(c));
    const auto found = look_up(
        item(R"({"subscriptionId":")" + id + R"(","clientState":"k3H9-example-secret"})"), picture_,
        tenants_
    );
    ASSERT_NE(found.known, nullptr);
    EXPECT_EQ(found.known->family->name, "inbox");
}

TEST_F(JudgeTest, NewcomerIsKnownByItsClientState) {
    const auto found = look_up(
        item(R"({"subscriptionId":"new","clientState":"k3H9-example-secret"})"), picture_, tenants_
    );
    EXPECT_NE(found.known, nullptr);
}

TEST_F(JudgeTest, UnknownIsNotSaidBeforeTheStoreWasAsked) {
    const auto stranger = item(R"({"subscriptionId":"new","clientState":"other"})");
    const auto found = look_up(stranger, picture_, tenants_);
    EXPECT_EQ(found.known, nullptr);
    EXPECT_EQ(found.refused, std::nullopt);
    EXPECT_EQ(look_up_asked(stranger, nullptr, tenants_).refused, Refusal::UnknownSubscription);
}

TEST_F(JudgeTest, WrongOrMissingClientStateIsRefused) {
    const std::string id(kSubscription);
    EXPECT_EQ(
        refusal(item(R"({"subscriptionId":")" + id + R"(","clientState":"wrong"})")),
        Refusal::ClientState
    );
    EXPECT_EQ(refusal(item(R"({"subscriptionId":")" + id + R"("})")), Refusal::ClientState);
    EXPECT_EQ(
        refusal(item(R"({"subscriptionId":")" + id + R"(","clientState":null})")),
        Refusal::ClientState
    );
    EXPECT_EQ(
        refusal(item(R"({"subscriptionId":")" + id + R"(","clientState":["k3H9-example-secret"]})")
        ),
        Refusal::ClientState
    );
    const auto wrong = item(R"({"subscriptionId":"new","clientState":"wrong"})");
    const auto answer = store::make_known(known_record("new"));
    EXPECT_EQ(look_up_asked(wrong, answer, tenants_).refused, Refusal::ClientState);
}

TEST_F(JudgeTest, ItemsWithoutAnUsableSubscriptionAreRefusedByReason) {
    EXPECT_EQ(refusal(item("1")), Refusal::NotAnObject);
    EXPECT_EQ(refusal(item("{}")), Refusal::NoSubscriptionId);
    EXPECT_EQ(refusal(item(R"({"subscriptionId":7})")), Refusal::NoSubscriptionId);
    EXPECT_EQ(
        refusal(item(R"({"subscriptionId":"NA","clientState":"NA"})")), Refusal::ValidationMessage
    );
    EXPECT_EQ(refusal(ours(R"("clientState":"again")")), Refusal::Ambiguous);
}

TEST_F(JudgeTest, ForeignTenantIsRefused) {
    const std::string foreign = "11111111-0000-4000-8000-00000000c0de";
    EXPECT_EQ(refusal(ours(R"("tenantId":")" + foreign + '"')), Refusal::ForeignTenant);
    EXPECT_EQ(refusal(ours(R"("organizationId":")" + foreign + '"')), Refusal::ForeignTenant);
    EXPECT_EQ(refusal(ours(R"("tenantId":"C0FFEE00-0000-4000-8000-00000000C0DE")")), std::nullopt);
    EXPECT_EQ(refusal(ours(R"("changeType":"updated")")), std::nullopt);
    tenants_.clear();
    EXPECT_EQ(refusal(ours(R"("tenantId":")" + foreign + '"')), std::nullopt);
}

TEST_F(JudgeTest, StreamComesFromTheKnownSubscription) {
    const auto one = made(
        R"("changeType":"Created","resource":"Users/a","resourceData":{"@odata.type":"#Microsoft.Graph.Event"})"
    );
    EXPECT_EQ(one.stream->kind, "message");
    EXPECT_EQ(one.stream->tenant, "contoso");
    EXPECT_EQ(one.stream->subscription, "inbox");
    EXPECT_EQ(one.stream->change, "created");
    EXPECT_EQ(one.stream->lane, store::Lane::Change);
    EXPECT_EQ(one.body.find("example-secret"), std::string::npos);
    EXPECT_EQ(made(R"("changeType":"Moved")").stream->change, "moved");
}

TEST_F(JudgeTest, ItemOfASweptSubscriptionSaysWhichStateOfWhichObject) {
    const auto version = [this](const std::string& members) {
        return made(members, store::Sync::Versions).version;
    };
    const std::string data = R"("resource":"Users/a/Messages/B","resourceData":)";
    const auto first =
        version(R"("changeType":"updated",)" + data + R"({"id":"B","@odata.etag":"1"})");
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(*first, store::version_key("inbox", "B", "1", false)) << "as a sweep makes it";
    EXPECT_EQ(
        version(R"("changeType":"created",)" + data + R"({"id":"B","@odata.etag":"1"})"), first
    ) << "the change does not matter";
    EXPECT_NE(
        version(R"("changeType":"updated",)" + data + R"({"id":"B","@odata.etag":"2"})"), first
    );
    EXPECT_EQ(
        version(R"("changeType":"deleted",)" + data + R"({"id":"B"})"),
        store::version_key("inbox", "B", "", true)
    );
    EXPECT_EQ(
        version(R"("changeType":"Deleted",)" + data + R"({"id":"B","@odata.etag":"3"})"),
        store::version_key("inbox", "B", "", true)
    ) << "an etag of what is gone says nothing";
}

TEST_F(JudgeTest, WhatDoesNotSayWhichStateHasNoVersion) {
    const std::string full =
        R"("changeType":"updated","resource":"a","resourceData":{"id":"B","@odata.etag":"1"})";
    EXPECT_TRUE(made(full, store::Sync::Versions).version.has_value());
    EXPECT_EQ(made(full, store::Sync::None).version, std::nullopt) << "nobody asks for it";
    EXPECT_EQ(made(full, store::Sync::Signal).version, std::nullopt);
    for (const auto* members :
         {R"("changeType":"updated","resource":"a","resourceData":{"id":"B"})",
          R"("changeType":"updated","resource":"a","resourceData":{"@odata.etag":"1"})",
          R"("changeType":"deleted","resource":"a")",
          R"("lifecycleEvent":"missed","resource":"a","resourceData":{"id":"B","@odata.etag":"1"})"
         }) {
        EXPECT_EQ(made(members, store::Sync::Versions).version, std::nullopt) << members;
    }
}

TEST_F(JudgeTest, SignalsGoToTheSubscriptionsOnTheLaneOfLifecycleNotifications) {
    const auto one =
        made(R"("changeType":"Updated","resource":"drives/b/root")", store::Sync::Signal);
    EXPECT_EQ(one.stream->lane, store::Lane::Lifecycle);
    EXPECT_EQ(one.stream->change, "updated");
    EXPECT_TRUE(store::is_signal(*one.stream));
    EXPECT_TRUE(one.fold.has_value()) << "many of them are one";
    const auto event = made(R"("lifecycleEvent":"missed","resource":"a")", store::Sync::Signal);
    EXPECT_EQ(event.stream->lane, store::Lane::Lifecycle);
    EXPECT_EQ(event.stream->change, "missed");
    EXPECT_FALSE(store::is_signal(*event.stream));
    EXPECT_FALSE(store::is_signal(*made(R"("changeType":"updated")", store::Sync::None).stream));
}

TEST_F(JudgeTest, UsualChangesAndEventsShareOneStream) {
    for (const auto* members :
         {R"("changeType":"created")", R"("changeType":"deleted")",
          R"("lifecycleEvent":"reauthorizationRequired")",
          R"("lifecycleEvent":"subscriptionRemoved")"}) {
        EXPECT_EQ(made(members).stream, made(members).stream) << members;
    }
}

TEST_F(JudgeTest, LifecycleItemTakesItsOwnLane) {
    const auto one = made(R"("lifecycleEvent":"Missed","changeType":"updated","resource":"x")");
    EXPECT_EQ(one.stream->lane, store::Lane::Lifecycle);
    EXPECT_EQ(one.stream->change, "missed");
    EXPECT_EQ(one.fold, std::nullopt);
}

TEST_F(JudgeTest, RepeatIsKnownByItsIdElseByWhatIdentifiesTheChange) {
    const auto same = [this](const std::string& a, const std::string& b) {
        const auto first = made(a).identity;
        return first.has_value() && first == made(b).identity;
    };
    EXPECT_TRUE(same(R"("id":"n1","resource":"a")", R"("id":"n1","resource":"b")"));
    EXPECT_FALSE(same(R"("id":"n1")", R"("id":"n2")"));
    const std::string data = R"(,"resourceData":{"id":"d","@odata.etag":"e1"})";
    EXPECT_TRUE(same(
        R"j("changeType":"updated","resource":"Users('x')")j" + data,
        R"("changeType":"Updated","resource":"users/X")" + data
    ));
    EXPECT_FALSE(same(
        R"("changeType":"updated","resource":"a")" + data,
        R"("changeType":"deleted","resource":"a")" + data
    ));
    EXPECT_FALSE(same(
        R"("resource":"a","resourceData":{"id":"d","@odata.etag":"e1"})",
        R"("resource":"a","resourceData":{"id":"d","@odata.etag":"e2"})"
    ));
    EXPECT_FALSE(same(
        R"("resource":"a","resourceData":{"id":"d","sequenceNumber":636784480202455823})",
        R"("resource":"a","resourceData":{"id":"d","sequenceNumber":636784480202455824})"
    ));
    // Made of content, it counts only as long as it is the newest of its order key.
    const auto by_content = made(R"("resource":"a")" + data);
    EXPECT_EQ(first64(*by_content.identity), by_content.order_key);
    const auto by_id = made(R"("id":"n1","resource":"a")" + data);
    EXPECT_NE(first64(*by_id.identity), by_id.order_key);
    // Nothing that tells one change of the resource from the next: never a repeat.
    EXPECT_EQ(made(R"("resource":"a","resourceData":{"id":"d"})").identity, std::nullopt);
    EXPECT_EQ(made(R"("resource":"a","resourceData":{"@odata.etag":"e"})").identity, std::nullopt);
}

TEST_F(JudgeTest, IdsThatDifferInCaseOnlyAreTwoIdentitiesAndTwoFolds) {
    const auto a = made(
        R"("resource":"users/u/messages/AAMkA","resourceData":{"id":"AAMkA","@odata.etag":"e"})"
    );
    const auto b = made(
        R"("resource":"users/u/messages/AAMka","resourceData":{"id":"AAMka","@odata.etag":"e"})"
    );
    EXPECT_NE(a.identity, b.identity);
    EXPECT_EQ(a.order_key, b.order_key) << "sharing an order key only makes one wait for the other";
    EXPECT_NE(
        made(R"("resource":"drives/b!A/root")").fold, made(R"("resource":"drives/b!a/root")").fold
    );
}

TEST_F(JudgeTest, OnlyItemsThatSayNothingOfTheirOwnFold) {
    const auto drive =
        made(R"("changeType":"updated","resource":"drives/d/root","resourceData":null)");
    ASSERT_TRUE(drive.fold);
    EXPECT_EQ(
        drive.fold,
        made(
            R"("changeType":"updated","resource":"/v1.0/drives('d')/root","resourceData":{"@odata.type":"#Microsoft.Graph.DriveItem"})"
        )
            .fold
    );
    EXPECT_NE(drive.fold, made(R"("changeType":"deleted","resource":"drives/d/root")").fold);
    EXPECT_NE(drive.fold, made(R"("changeType":"updated","resource":"drives/e/root")").fold);
    EXPECT_NE(
        drive.fold, made(R"("changeType":"updated","resource":"drives/d/root","siteUrl":"u")").fold
    );
    EXPECT_EQ(made(R"("resource":"drives/d/root","resourceData":{"id":"1"})").fold, std::nullopt);
    EXPECT_EQ(made(R"("resource":"drives/d/root","encryptedContent":{})").fold, std::nullopt);
}

TEST_F(JudgeTest, IdentityAndFoldBelongToOneSubscription) {
    const std::string members = R"("id":"n","resource":"a")";
    auto here = ours(members);
    auto there =
        item(R"({"subscriptionId":"other","clientState":"k3H9-example-secret",)" + members + "}");
    const auto known = *picture_.by_id(kSubscription);
    PostTokens none;
    const auto a = make_item(here, known, none);
    const auto b = make_item(there, known, none);
    EXPECT_NE(a.identity, b.identity);
    EXPECT_NE(a.fold, b.fold);
    EXPECT_EQ(a.order_key, b.order_key) << "stable when the subscription is replaced";
}

constexpr const char* kTokens = R"(["a.b.c"])";
constexpr const char* kRich = R"("encryptedContent":{"data":"QUJD","dataKey":"RA=="})";

TEST_F(JudgeTest, RichItemsOfAPostShareItsTokensAndBasicOnesHaveNone) {
    const auto known = *picture_.by_id(kSubscription);
    PostTokens tokens(kTokens);
    auto one = ours(std::string(R"("id":"1",)") + kRich);
    auto basic = ours(R"("id":"2")");
    auto other = ours(std::string(R"("id":"3",)") + kRich);
    const auto first = make_item(one, known, tokens);
    EXPECT_EQ(make_item(basic, known, tokens).tokens, nullptr);
    const auto second = make_item(other, known, tokens);
    ASSERT_NE(first.tokens, nullptr);
    EXPECT_EQ(*first.tokens, kTokens);
    EXPECT_EQ(first.tokens, second.tokens);
    const auto without = made(kRich);
    ASSERT_NE(without.tokens, nullptr) << "what came without tokens is rich all the same";
    EXPECT_EQ(*without.tokens, "");
}

TEST_F(JudgeTest, ForgedCopyOfARichItemThatComesFirstMakesNoRepeatOfTheGenuineOne) {
    const std::string by_id = R"("id":"n1","resource":"a",)";
    const std::string by_content =
        R"("resource":"a","resourceData":{"id":"d","@odata.etag":"e1"},)";
    for (const auto& members : {by_id, by_content}) {
        const auto genuine = made(members + kRich, kTokens).identity;
        ASSERT_TRUE(genuine.has_value());
        EXPECT_EQ(made(members + kRich, kTokens).identity, genuine) << "a repeat is a repeat";
        EXPECT_NE(made(members + kRich, R"(["x.y.z"])").identity, genuine);
        EXPECT_NE(made(members + kRich, "").identity, genuine);
        EXPECT_NE(made(members + kRich, "null").identity, genuine);
        EXPECT_NE(
            made(members + R"("encryptedContent":{"data":"QUJE","dataKey":"RA=="})", kTokens)
                .identity,
            genuine
        );
        EXPECT_NE(made(members + R"("encryptedContent":null)", kTokens).identity, genuine);
    }
    // What stands twice counts as a whole.
    EXPECT_NE(
        made(by_id + kRich + ",\"encryptedContent\":1", kTokens).identity,
        made(by_id + kRich + ",\"encryptedContent\":2", kTokens).identity
    );
    const auto content = made(by_content + kRich, kTokens);
    EXPECT_EQ(first64(*content.identity), content.order_key)
        << "made of content, it counts only as long as it is the newest of its order key";
}

TEST_F(JudgeTest, TokensDoNotMatterToABasicItem) {
    const std::string members = R"("id":"n1","resource":"a")";
    EXPECT_EQ(made(members, kTokens).identity, made(members).identity);
    EXPECT_EQ(made(members, kTokens).fold, made(members).fold);
}

TEST_F(JudgeTest, RichItemNeitherFoldsNorKeepsASweepFromHandingOver) {
    EXPECT_EQ(made(R"("resource":"drives/d/root","encryptedContent":1)").fold, std::nullopt);
    const std::string full =
        R"("changeType":"updated","resource":"a","resourceData":{"id":"B","@odata.etag":"1"},)";
    EXPECT_TRUE(made(full + R"("encryptedContent":null)", store::Sync::Versions).version);
    EXPECT_EQ(made(full + kRich, store::Sync::Versions).version, std::nullopt);
}

TEST_F(JudgeTest, OnlyAnEarlierExpiryIsAHint) {
    const auto known = *picture_.by_id(kSubscription);  // 2026-11-30T00:53:20Z
    EXPECT_TRUE(
        ends_earlier(ours(R"("subscriptionExpirationDateTime":"2026-11-30T00:00:00Z")"), known)
    );
    EXPECT_FALSE(ends_earlier(
        ours(R"("subscriptionExpirationDateTime":"2026-11-30T00:53:19.9999999Z")"), known
    ));
    EXPECT_FALSE(
        ends_earlier(ours(R"("subscriptionExpirationDateTime":"2027-01-01T00:00:00+05:30")"), known)
    );
    EXPECT_FALSE(ends_earlier(ours(R"("subscriptionExpirationDateTime":"NA")"), known));
}

}  // namespace
}  // namespace graphhook::receiver
