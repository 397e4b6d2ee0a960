#include "app/service/notification_world.hpp"

#include "app/config/config.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "tests/support/hand_clock.hpp"
#include "tests/support/open_store.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <mutex>

namespace graphhook::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kTenantId = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
constexpr const char* kUser = "11111111-2222-3333-4444-555555555555";

/// What the world outside was asked, over all clients.
struct Outside {
    std::mutex mutex;
    std::vector<HttpClientOptions> clients;
    std::vector<HttpRequest> requests;
    int status = 200;
    std::string body = R"({"token_type":"Bearer","expires_in":3599,"access_token":"token-1"})";
};

class OutsideClient final : public HttpClient {
  public:
    explicit OutsideClient(Outside& outside) : outside_(outside) {}
    Result<HttpResponse> send(const HttpRequest& request, std::stop_token) override {
        const std::lock_guard lock(outside_.mutex);
        outside_.requests.push_back(request);
        HttpResponse response;
        response.status = outside_.status;
        response.headers = {{"content-type", "application/json"}};
        response.body = outside_.body;
        return response;
    }

  private:
    Outside& outside_;
};

class NotificationWorldTest : public ::testing::Test {
  protected:
    static subscriptions::Tenant tenant(const std::string& name) {
        subscriptions::Tenant made;
        made.name = name;
        made.tenant_id = "84BD8158-6D4D-4958-8B9F-9D6445542F95";
        made.client_id = "8e460676-ae3f-4b1e-8790-ee0fb5d6148f";
        made.cloud = {"https://graph.example", "https://login.example", "/ca.pem"};
        made.credential = subscriptions::ClientSecret{Secret("opensesame")};
        return made;
    }
    static Config config_of(std::vector<subscriptions::Tenant> tenants) {
        Config config;
        config.subscriptions.tenants = std::move(tenants);
        return config;
    }
    std::unique_ptr<TenantNotificationWorld> make(const Config& config) {
        return std::make_unique<TenantNotificationWorld>(
            config,
            TenantNotificationWorld::Parts{
                .store = *store,
                .clock = clock,
                .metrics = metrics,
                .tokens = tokens,
                .make_client =
                    [this](HttpClientOptions options) {
                        outside.clients.push_back(std::move(options));
                        return std::make_unique<OutsideClient>(outside);
                    },
            }
        );
    }
    /// Handed in now, good for an hour.
    void hand_in(
        const std::string& unsid, const std::string& user = kUser,
        const std::string& tenant_id = kTenantId
    ) {
        store::Unsid made;
        made.tenant_id = tenant_id;
        made.user_id = user;
        made.unsid = unsid;
        made.platform = "windows";
        made.registered_at = clock.system_now();
        made.expires_at = clock.system_now() + std::chrono::hours(1);
        ASSERT_TRUE(wait_for<store::UnsidPut>([&](Completion<store::UnsidPut> done) {
            store->put_unsid(made, std::move(done));
        }));
        clock.advance(std::chrono::seconds(1));
    }

    test::HandClock clock{real_clock().system_now()};
    test::OpenStore store{clock};
    prometheus::Registry registry;
    subscriptions::Metrics metrics{registry};
    std::shared_ptr<subscriptions::TokenCache> tokens =
        std::make_shared<subscriptions::TokenCache>();
    Outside outside;
};

TEST_F(NotificationWorldTest, NothingIsBuiltBeforeSomebodyPosts) {
    const auto world = make(config_of({tenant("contoso")}));
    EXPECT_THAT(outside.clients, IsEmpty());
    const auto access = world->access("contoso");
    ASSERT_NE(access, nullptr);
    EXPECT_EQ(access->graph(), "https://graph.example");
    EXPECT_FALSE(access->delegated());
    EXPECT_EQ(world->access("contoso"), access) << "built once";
    EXPECT_EQ(world->access("fabrikam"), nullptr);
    EXPECT_THAT(outside.requests, IsEmpty()) << "nobody asked for a token yet";
}

TEST_F(NotificationWorldTest, TheClientTrustsTheCloudsAuthoritiesAndKeepsItsTime) {
    auto config = config_of({tenant("contoso")});
    config.subscriptions.request_timeout = std::chrono::seconds(7);
    const auto world = make(config);
    ASSERT_NE(world->access("contoso"), nullptr);
    ASSERT_THAT(outside.clients, SizeIs(1));
    const auto& client = outside.clients.front();
    EXPECT_EQ(client.timeout, std::chrono::seconds(7)) << "posts bring their own";
    EXPECT_EQ(client.ca_file, "/ca.pem");
    EXPECT_THAT(client.user_agent, HasSubstr("graphhook/"));
}

TEST_F(NotificationWorldTest, ATokenIsSharedWithWhoeverElseAsksForTheSameOnes) {
    const auto world = make(config_of({tenant("contoso")}));
    const auto token = world->access("contoso")->token({});
    ASSERT_TRUE(token) << to_string(token.error());
    EXPECT_EQ(token->reveal(), "token-1");
    // As the subscriptions of the same tenant would.
    OutsideClient client(outside);
    const auto source = subscriptions::make_token_source(
        tenant("other-name"), {.http = client, .clock = clock, .metrics = metrics, .cache = tokens}
    );
    const auto same = source->get({});
    ASSERT_TRUE(same);
    EXPECT_EQ(same->reveal(), "token-1");
    EXPECT_THAT(outside.requests, SizeIs(1));
}

TEST_F(NotificationWorldTest, ARefusedTokenIsReplaced) {
    const auto world = make(config_of({tenant("contoso")}));
    const auto access = world->access("contoso");
    const auto first = access->token({});
    ASSERT_TRUE(first);
    outside.body = R"({"token_type":"Bearer","expires_in":3599,"access_token":"token-2"})";
    access->refused(*first, "");
    const auto second = access->token({});
    ASSERT_TRUE(second);
    EXPECT_EQ(second->reveal(), "token-2");
}

TEST_F(NotificationWorldTest, TheClaimsOfAChallengeAreAskedFor) {
    const auto world = make(config_of({tenant("contoso")}));
    const auto access = world->access("contoso");
    const auto first = access->token({});
    ASSERT_TRUE(first);
    access->refused(*first, R"({"access_token":{"nbf":{"essential":true,"value":"1"}}})");
    ASSERT_TRUE(access->token({}));
    ASSERT_THAT(outside.requests, SizeIs(2));
    EXPECT_THAT(outside.requests[1].body, HasSubstr("claims="));
}

TEST_F(NotificationWorldTest, ARefusedCredentialIsExplainedOnOneLineWithoutTheSecret) {
    outside.status = 401;
    outside.body = R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid )"
                   R"(client secret provided.\r\nTrace ID: x","error_codes":[7000215]})";
    const auto world = make(config_of({tenant("contoso")}));
    const auto token = world->access("contoso")->token({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, Errc::Credentials);
    EXPECT_THAT(
        token.error().detail,
        AllOf(
            HasSubstr("tenant contoso"), HasSubstr("the client secret is wrong"),
            HasSubstr("What to do: put the secret's value"), Not(HasSubstr("opensesame")),
            Not(HasSubstr("\n"))
        )
    );
}

TEST_F(NotificationWorldTest, PassingTroubleIsNoFaultOfTheCredential) {
    outside.status = 503;
    outside.body = "busy";
    const auto world = make(config_of({tenant("contoso")}));
    const auto token = world->access("contoso")->token({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, Errc::Unreachable);
}

TEST_F(NotificationWorldTest, ASignedInUsersTenantIsDelegated) {
    auto made = tenant("contoso");
    made.credential = subscriptions::SignedInUser{.token_file = "/nowhere"};
    const auto world = make(config_of({made}));
    EXPECT_TRUE(world->access("contoso")->delegated());
}

TEST_F(NotificationWorldTest, AReloadBuildsAnewWhatChangedAndKeepsWhatDidNot) {
    auto config = config_of({tenant("contoso"), tenant("fabrikam"), tenant("initech")});
    const auto world = make(config);
    const auto contoso = world->access("contoso");
    const auto fabrikam = world->access("fabrikam");
    const auto initech = world->access("initech");
    config.subscriptions.tenants.pop_back();
    config.subscriptions.tenants[1].cloud.graph = "https://elsewhere.example";
    world->take(config);
    EXPECT_EQ(world->access("contoso"), contoso);
    EXPECT_NE(world->access("fabrikam"), fabrikam);
    EXPECT_EQ(world->access("fabrikam")->graph(), "https://elsewhere.example");
    EXPECT_EQ(world->access("initech"), nullptr);
    EXPECT_TRUE(initech->token({})) << "who holds the old one may finish with it";
    config.subscriptions.request_timeout = std::chrono::seconds(55);
    world->take(config);
    EXPECT_NE(world->access("contoso"), contoso) << "its time has changed";
}

TEST_F(NotificationWorldTest, TheUnsidHandedInLastIsTheUsers) {
    const auto world = make(config_of({tenant("contoso")}));
    const auto now = [&] { return clock.system_now(); };
    auto found = world->unsid_of("contoso", kUser, now());
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, std::nullopt);
    hand_in("first");
    hand_in("second");
    hand_in("somebody-elses", "99999999-2222-3333-4444-555555555555");
    hand_in("elsewhere", kUser, "00000000-0000-0000-0000-000000000001");
    found = world->unsid_of("contoso", kUser, now());
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, "second");
    hand_in("first");
    EXPECT_EQ(world->unsid_of("contoso", kUser, now()).value(), "first") << "handed in again";
    EXPECT_EQ(
        world->unsid_of("contoso", kUser, now() + std::chrono::hours(2)).value(), std::nullopt
    ) << "all have expired";
}

TEST_F(NotificationWorldTest, AnUnsidIsNeverLookedUpForNobodyInParticular) {
    const auto world = make(config_of({tenant("contoso")}));
    hand_in("first");
    const auto nobody = world->unsid_of("contoso", "", clock.system_now());
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().code, Errc::BadInput);
    const auto nowhere = world->unsid_of("fabrikam", kUser, clock.system_now());
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::NotFound);
}

TEST_F(NotificationWorldTest, RequestIdsAreFreshGuids) {
    const auto world = make(config_of({}));
    const auto first = world->new_guid();
    EXPECT_THAT(
        first, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    );
    EXPECT_NE(first, world->new_guid());
}

}  // namespace
}  // namespace graphhook::app
