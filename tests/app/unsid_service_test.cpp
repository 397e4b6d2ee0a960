// UNSIDs through the whole application: a client app hands one in over HTTPS with an access token
// of its user. Without a network: the key set that was kept from before is enough.

#include "app/application.hpp"
#include "app/config/config_file.hpp"
#include "app/service/proving_keys.hpp"
#include "core/time_text.hpp"
#include "tests/app/rich_maker.hpp"
#include "tests/app/service_fixture.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// Nobody listens there.
constexpr const char* kNowhere = "https://127.0.0.1:1";
constexpr const char* kUser = "11111111-2222-3333-4444-555555555555";
constexpr const char* kUnsid = "1c6ae8a5-5d0d-4d6b-8f0e-1fdc6a2a9d01";

class UnsidServiceTest : public test::ServiceFixture {
  protected:
    static const test::TokenSigner& signer() {
        static const test::TokenSigner made;
        return made;
    }

    UnsidServiceTest() {
        test_store([](store::Store& store) {
            // What an earlier process fetched.
            auto set = authenticity::parse_key_set(
                           signer().jwks(""), kNowhere, authenticity::Version::V2,
                           std::string(kNowhere) + "/{tenantid}/v2.0", real_clock().system_now()
            )
                           .value();
            ASSERT_TRUE(NoteShelf(store).write(
                authenticity::shelf_name(kNowhere, authenticity::Version::V2),
                authenticity::to_text(set)
            ));
        });
    }

    /// While no application runs.
    template <class Use>
    void test_store(Use&& use) const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        use(*store);
    }
    [[nodiscard]] std::vector<store::Unsid> stored() const {
        std::vector<store::Unsid> found;
        test_store([&found](store::Store& store) {
            using Unsids = std::vector<store::Unsid>;
            found = wait_for<Unsids>([&](Completion<Unsids> done) {
                        store.unsids({}, std::move(done));
                    }).value();
        });
        return found;
    }

    [[nodiscard]] Config config(const std::string& unsids, const std::string& handler = "") const {
        const auto text = config_text(fmt::format(
            R"({4}
tenants:
  contoso:
    tenant_id: {1}
    client_id: {2}
    cloud: {{graph: "{3}", login: "{3}"}}
    credential: {{client_secret: x}}
{0})",
            unsids, test::kTenantId, test::kClientId, kNowhere, handler
        ));
        auto parsed = parse_config(text, process_environment(), file_system());
        EXPECT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "config");
        return std::move(*parsed.config);
    }
    [[nodiscard]] std::unique_ptr<Application> start(const std::string& unsids) const {
        auto application = std::make_unique<Application>(
            config(unsids),
            Application::Surroundings{
                .clock = real_clock(),
                .on_store_failed = [](const Error& error) { ADD_FAILURE() << to_string(error); }
            }
        );
        const auto started = application->start();
        EXPECT_TRUE(started) << to_string(started.error());
        return application;
    }

    static std::string token(const std::string& scopes = "Unsids.Register") {
        auto claims = test::genuine_claims(real_clock().system_now());
        claims["iss"] = fmt::format("{}/{}/v2.0", kNowhere, test::kTenantId);
        claims["aud"] = fmt::format("api://{}", test::kClientId);
        claims["azp"] = "aaaaaaaa-2222-3333-4444-555555555555";
        claims["oid"] = kUser;
        claims["scp"] = scopes;
        return signer().token(claims);
    }
    static std::string form() {
        return json::serialize(json::object{
            {"unsid", kUnsid},
            {"platform", "Windows"},
            {"expirationDateTime", to_text(real_clock().system_now() + std::chrono::hours(24))}
        });
    }
    [[nodiscard]] HttpResponse send(
        const Application& application, const std::string& method, const std::string& path,
        const std::string& bearer, const std::string& body = ""
    ) const {
        HttpClientOptions options;
        options.ca_file = dir.file("server.crt");
        const auto client = make_http_client(options);
        HttpRequest request;
        request.method = method;
        request.url = fmt::format("https://localhost:{}/graph{}", application.port(), path);
        if (!body.empty()) request.headers = {{"Content-Type", "application/json"}};
        if (!bearer.empty()) request.bearer = Secret(bearer);
        request.body = body;
        const auto response = client->send(request, {});
        EXPECT_TRUE(response) << to_string(response.error());
        return response ? *response : HttpResponse{};
    }
};

TEST_F(UnsidServiceTest, AClientAppHandsInAnUnsidRenewsAndWithdrawsIt) {
    auto application = start("unsids: {enabled: true, scope: Unsids.Register}");
    EXPECT_EQ(send(*application, "POST", "/unsids", token(), form()).status, 201);
    EXPECT_EQ(send(*application, "POST", "/unsids", token(), form()).status, 200);
    application.reset();
    const auto found = stored();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].unsid, kUnsid);
    EXPECT_EQ(found[0].platform, "windows");
    EXPECT_EQ(found[0].tenant_id, test::kTenantId);
    EXPECT_EQ(found[0].user_id, kUser) << "the token's, not the body's";

    application = start("unsids: {enabled: true, scope: Unsids.Register}");
    const auto path = std::string("/unsids/") + kUnsid;
    EXPECT_EQ(send(*application, "DELETE", path, token()).status, 204);
    EXPECT_EQ(send(*application, "DELETE", path, token()).status, 204);
    application.reset();
    EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(UnsidServiceTest, NobodyIsServedWithoutATokenOfOurAppAndItsScope) {
    auto application = start("unsids: {enabled: true, scope: Unsids.Register}");
    const auto nobody = send(*application, "POST", "/unsids", "", form());
    EXPECT_EQ(nobody.status, 401);
    EXPECT_THAT(std::string(nobody.header("www-authenticate").value_or("")), HasSubstr("Bearer"));
    auto forged = token();
    forged[forged.size() - 5] = forged[forged.size() - 5] == 'A' ? 'B' : 'A';
    const auto refused = send(*application, "POST", "/unsids", forged, form());
    EXPECT_EQ(refused.status, 401);
    EXPECT_THAT(
        std::string(refused.header("www-authenticate").value_or("")), HasSubstr("invalid_token")
    );
    EXPECT_EQ(send(*application, "POST", "/unsids", token("User.Read"), form()).status, 403);
    const auto metrics = application->metrics_text();
    EXPECT_THAT(metrics, Not(HasSubstr(kUser)));
    EXPECT_THAT(metrics, Not(HasSubstr(kUnsid)));
    application.reset();
    EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(UnsidServiceTest, WhereItIsNotWantedThereIsNoSuchPath) {
    const auto application = start("unsids: {enabled: false}");
    EXPECT_EQ(send(*application, "POST", "/unsids", token(), form()).status, 404);
}

TEST_F(UnsidServiceTest, AReloadTakesOtherApplicationsAndNeverTheEndpointItself) {
    auto application = start("unsids: {enabled: true}");
    EXPECT_EQ(send(*application, "POST", "/unsids", token(), form()).status, 201);
    auto other = config("unsids: {enabled: true}");
    other.subscriptions.tenants[0].client_id = "00000000-0000-0000-0000-000000000001";
    ASSERT_TRUE(application->reload(std::move(other)));
    EXPECT_EQ(send(*application, "POST", "/unsids", token(), form()).status, 401);
    const auto refused = application->reload(config("unsids: {enabled: false}"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("unsids.enabled"));
}

}  // namespace
}  // namespace graphhook::app
