#include "app/service/proving_keys.hpp"

#include "core/http_client.hpp"
#include "tests/app/rich_maker.hpp"
#include "tests/support/open_store.hpp"

#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

subscriptions::Tenant tenant(const std::string& name, const std::string& login) {
    subscriptions::Tenant made;
    made.name = name;
    made.tenant_id = "84BD8158-6D4D-4958-8B9F-9D6445542F95";
    made.client_id = "8E460676-AE3F-4B1E-8790-EE0FB5D6148F";
    made.cloud.login = login;
    return made;
}

subscriptions::WantedSubscription wanted(const std::string& tenant, bool rich) {
    subscriptions::WantedSubscription made;
    made.name = tenant + "-inbox";
    made.tenant = tenant;
    made.resource_data = rich;
    return made;
}

subscriptions::SubscriptionsOptions options() {
    subscriptions::SubscriptionsOptions made;
    made.tenants = {
        tenant("contoso", "https://login.one"), tenant("fabrikam", "https://login.one"),
        tenant("initech", "https://login.two")
    };
    return made;
}

TEST(ProvingKeysTest, WhatATenantHasToProveIsInLowerCase) {
    const auto tenants = proven_tenants(options());
    ASSERT_THAT(tenants, SizeIs(3));
    EXPECT_EQ(tenants[0].name, "contoso");
    EXPECT_EQ(tenants[0].expected.tenant_id, test::kTenantId);
    EXPECT_EQ(tenants[0].expected.client_id, test::kClientId);
    EXPECT_EQ(tenants[2].expected.login, "https://login.two");
}

TEST(ProvingKeysTest, NobodyIsAskedForKeysWhereNothingIsRich) {
    auto given = options();
    given.wanted = {wanted("contoso", false), wanted("initech", false)};
    EXPECT_THAT(needed_authorities(given, {}), IsEmpty());
}

TEST(ProvingKeysTest, TheAuthorityOfEachTenantWithARichSubscriptionIsAskedOnce) {
    auto given = options();
    given.wanted = {wanted("contoso", true), wanted("fabrikam", true), wanted("initech", false)};
    EXPECT_THAT(
        needed_authorities(given, {}),
        ElementsAre(Field(&authenticity::Authority::login, "https://login.one"))
    );
    EXPECT_THAT(needed_authorities(given, {"https://login.two"}), SizeIs(2))
        << "what came of a tenant that is no longer rich is to be proved too";
    EXPECT_THAT(needed_authorities(given, {"https://login.three"}), SizeIs(1));
}

TEST(ProvingKeysTest, WhereUsersTokensAreJudgedTheKeysOfAllTenantsAreThere) {
    auto given = options();
    EXPECT_THAT(
        needed_authorities(given, {}, Judged::ItemsAndUsers),
        ElementsAre(
            Field(&authenticity::Authority::login, "https://login.one"),
            Field(&authenticity::Authority::login, "https://login.two")
        )
    );
    given.tenants[2].tenant_id.clear();
    EXPECT_THAT(needed_authorities(given, {}, Judged::ItemsAndUsers), SizeIs(1))
        << "whose users they are can not be told";
}

/// Answers with the two documents of an authority.
class Platform final : public HttpClient {
  public:
    Result<HttpResponse> send(const HttpRequest& request, std::stop_token) override {
        HttpResponse response;
        response.status = 200;
        const bool v2 = request.url.find("v2.0") != std::string::npos;
        if (request.url.find(".well-known") != std::string::npos) {
            response.body = std::string(R"({"issuer":"https://login.one/{tenantid}/)") +
                            (v2 ? "v2.0" : "") + R"(","jwks_uri":"https://login.one/common/)" +
                            (v2 ? "v2.0/" : "") + R"(keys"})";
        } else {
            static const test::TokenSigner signer;
            response.body = signer.jwks("");
        }
        return response;
    }
};

TEST(ProvingKeysTest, WhatTheKeeperKeptIsFoundWithoutIt) {
    test::OpenStore store;
    NoteShelf shelf(*store);
    {
        prometheus::Registry registry;
        authenticity::KeySetKeeper keeper(
            {{"https://login.one", ""}},
            {.shelf = shelf,
             .clock = real_clock(),
             .registry = registry,
             .make_client =
                 [](const authenticity::Authority&) { return std::make_unique<Platform>(); }}
        );
        keeper.step();
        ASSERT_THAT(keeper.sets()->sets, SizeIs(2));
    }
    store.reopen();
    NoteShelf reopened(*store);
    const auto sets = stored_key_sets(reopened, {"https://login.one", "https://login.two"});
    ASSERT_THAT(sets.sets, SizeIs(2));
    EXPECT_EQ(sets.sets[0].version, authenticity::Version::V1);
    EXPECT_EQ(sets.sets[1].issuer, "https://login.one/{tenantid}/v2.0");
    EXPECT_THAT(sets.sets[1].keys, SizeIs(1));
}

TEST(ProvingKeysTest, AKeySetThatIsTooLargeForANoteIsRefused) {
    test::OpenStore store;
    NoteShelf shelf(*store);
    const auto refused = shelf.write("key_set", std::string(64u << 10, 'x'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Full);
    EXPECT_TRUE(shelf.write("key_set", std::string((64u << 10) - 1, 'x')));
    EXPECT_THAT(shelf.read("key_set").value(), SizeIs((64u << 10) - 1));
    EXPECT_EQ(shelf.read("another").value(), "");
}

}  // namespace
}  // namespace graphhook::app
