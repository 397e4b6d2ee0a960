// Tokens for managed identities (protocol 9.6).
#include "tests/emulator/identity_fixture.hpp"

namespace graphhook::emulator {
namespace {

constexpr std::string_view kMachine = "/metadata/identity/oauth2/token?api-version=2018-02-01";
constexpr std::string_view kResource = "&resource=https%3A%2F%2Fgraph.microsoft.com";

class ManagedIdentityTest : public test::IdentityFixture {
  protected:
    void SetUp() override { start(); }
    using Headers = std::vector<std::pair<std::string, std::string>>;
    Response get(const std::string& target, const Headers& headers) {
        Request request;
        request.method = "GET";
        request.target = target;
        request.base = "http://127.0.0.1:1";
        request.headers = headers;
        return identity_->handle_managed(request).value();
    }
    Response machine(const std::string& selector = {}) {
        return get(std::string(kMachine) + std::string(kResource) + selector, metadata_);
    }
    /// "400 invalid_request Identity not found"
    static std::string trouble(const Response& response) {
        const auto body = json(response);
        return std::to_string(response.status) + " " + std::string(body.at("error").as_string()) +
               " " + std::string(body.at("error_description").as_string());
    }
    void add_two() {
        add(R"({"managedIdentities":[
            {"clientId":"c-1","objectId":"o-1","resourceId":"/subscriptions/s/one"},
            {"clientId":"c-2","objectId":"o-2","resourceId":"/subscriptions/s/two","tenant":"t-2"}]})"
        );
    }
    const Headers metadata_{{"metadata", "true"}};
};

TEST_F(ManagedIdentityTest, TheMachineGivesItsIdentityATokenWithNumbersAsTexts) {
    const auto response = machine();
    ASSERT_EQ(response.status, 200);
    const auto body = json(response);
    EXPECT_EQ(body.at("expires_in"), "3599");
    EXPECT_EQ(body.at("not_before"), "1795248000");
    EXPECT_EQ(body.at("expires_on"), "1795251599");
    EXPECT_EQ(body.at("refresh_token"), "");
    EXPECT_EQ(body.at("resource"), "https://graph.microsoft.com");
    EXPECT_EQ(body.at("token_type"), "Bearer");
    const auto caller = read(response).caller.value();
    EXPECT_FALSE(caller.delegated);
    EXPECT_EQ(caller.tenant, kHomeTenant);
}

TEST_F(ManagedIdentityTest, TheMetadataHeaderIsRequiredAndProxiesAreRefused) {
    const auto target = std::string(kMachine) + std::string(kResource);
    EXPECT_EQ(
        trouble(get(target, {})), "400 invalid_request Required metadata header not specified"
    );
    EXPECT_EQ(get(target, {{"metadata", "false"}}).status, 400);
    EXPECT_EQ(get(target, {{"metadata", "true"}, {"x-forwarded-for", "10.0.0.1"}}).status, 400);
    Request post;
    post.method = "POST";
    post.target = target;
    EXPECT_EQ(identity_->handle_managed(post)->status, 405);
    post.target = "/metadata/instance";
    EXPECT_FALSE(identity_->handle_managed(post));
}

TEST_F(ManagedIdentityTest, AnIdentityIsChosenByAnyOfItsNames) {
    add_two();
    for (const auto* selector :
         {"&client_id=c-2", "&object_id=o-2", "&msi_res_id=%2Fsubscriptions%2Fs%2Ftwo"}) {
        const auto response = machine(selector);
        ASSERT_EQ(response.status, 200) << selector;
        EXPECT_EQ(read(response).caller->app, "c-2");
        EXPECT_EQ(read(response).caller->tenant, "t-2");
    }
    EXPECT_EQ(trouble(machine("&client_id=c-3")), "400 invalid_request Identity not found");
    EXPECT_EQ(machine().status, 400) << "which of the two?";
    add(R"({"managedIdentities":[{"clientId":"own"}]})");
    EXPECT_EQ(read(machine()).caller->app, "own") << "the machine's own comes first";
}

TEST_F(ManagedIdentityTest, ARequestThatIsNotInOrderIsNamed) {
    const auto error = [this](const std::string& query) {
        return text(get("/metadata/identity/oauth2/token?" + query, metadata_), "error");
    };
    EXPECT_EQ(error("resource=https://graph.microsoft.com"), "bad_request");
    EXPECT_EQ(error("api-version=2017-01-01&resource=https://graph.microsoft.com"), "bad_request");
    EXPECT_EQ(error("api-version=2018-02-01"), "invalid_request");
    EXPECT_EQ(error("api-version=2018-02-01&resource=https://vault.azure.net"), "invalid_resource");
}

TEST_F(ManagedIdentityTest, TheEndpointIsUnavailableOnDemand) {
    const auto struck = [this](int status) {
        const boost::json::object fault{{"fault", "managed-identity-error"}, {"status", status}};
        EXPECT_TRUE(identity_->faults().set(fault));
        return machine();
    };
    for (const int status : {404, 410, 500, 503}) EXPECT_EQ(struck(status).status, status);
    const auto throttled = struck(429);
    EXPECT_EQ(throttled.status, 429);
    EXPECT_EQ(throttled.headers.front().first, "Retry-After");
    EXPECT_EQ(text(struck(400), "error"), "unauthorized_client");
    EXPECT_EQ(machine().status, 200);
}

TEST_F(ManagedIdentityTest, AppServiceWantsItsHeader) {
    const std::string target = "/msi/token?api-version=2019-08-01" + std::string(kResource);
    EXPECT_EQ(get(target, {}).status, 400);
    EXPECT_EQ(get(target, {{"x-identity-header", "wrong"}}).status, 401);
    const Headers good{{"x-identity-header", "emulator-identity-header"}};
    const auto response = get(target, good);
    ASSERT_EQ(response.status, 200);
    const auto body = json(response);
    EXPECT_EQ(body.at("expires_on"), "1795251599");
    EXPECT_FALSE(body.contains("expires_in"));
    EXPECT_TRUE(read(response).caller);
    EXPECT_EQ(get("/msi/token?api-version=2018-02-01" + std::string(kResource), good).status, 400);
}

TEST_F(ManagedIdentityTest, PermissionsAndRevocationsReachManagedIdentities) {
    add_two();
    add(R"({"permissions":[{"clientId":"c-1","roles":["Mail.Read"]}]})");
    const auto before = machine("&client_id=c-1");
    EXPECT_EQ(read(before).caller->roles, std::vector<std::string>{"Mail.Read"});
    identity_->access_tokens().revoke("", "c-1");
    EXPECT_FALSE(read(before).challenge.empty());
    EXPECT_TRUE(read(machine("&client_id=c-1")).challenge.empty())
        << "the endpoint takes no claims, so a new token counts";
}

TEST_F(ManagedIdentityTest, ItsRequestsAreCounted) {
    add_two();
    machine("&client_id=c-1");
    const auto counts = identity_->counts().to_json();
    ASSERT_EQ(counts.size(), 1U);
    EXPECT_EQ(counts.at(0).at("grant"), "managed_identity");
    EXPECT_EQ(counts.at(0).at("clientId"), "c-1");
}

}  // namespace
}  // namespace graphhook::emulator
