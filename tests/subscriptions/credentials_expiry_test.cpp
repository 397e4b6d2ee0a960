#include "core/base64.hpp"
#include "core/time_text.hpp"
#include "subscriptions/credentials/certificate.hpp"
#include "subscriptions/credentials/expiry.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Answers one question, and remembers it.
class OneObject final : public GraphData {
  public:
    explicit OneObject(GraphResult<boost::json::object> answer) : answer_(std::move(answer)) {}
    GraphResult<DataPage> page(const DataRequest&, std::stop_token) override {
        return GraphError{.next = Next::Refused, .message = "no pages"};
    }
    GraphResult<boost::json::object> object(const DataRequest& request, std::stop_token) override {
        asked = request.target;
        return answer_;
    }
    std::string asked;

  private:
    GraphResult<boost::json::object> answer_;
};

boost::json::object application(const std::string& secrets) {
    return boost::json::parse(R"({"passwordCredentials":[)" + secrets + "]}").as_object();
}

TEST(CredentialExpiryTest, ASecretIsFoundByItsFirstThreeCharacters) {
    const Secret secret("q~8abcdef");
    const auto end = secret_expiry(
        application(R"({"hint":"zzz","endDateTime":"2027-01-01T00:00:00Z"},)"
                    R"({"hint":"q~8","endDateTime":"2026-12-01T00:00:00Z"},)"
                    R"({"hint":"q~8","endDateTime":"2026-12-24T00:00:00Z"})"),
        secret
    );
    ASSERT_TRUE(end);
    EXPECT_EQ(to_text(*end), "2026-12-24T00:00:00Z");
}

TEST(CredentialExpiryTest, WhatIsNotToldIsNotGuessed) {
    const Secret secret("q~8abcdef");
    for (const char* secrets :
         {"", R"({"hint":null,"endDateTime":"2027-01-01T00:00:00Z"})",
          R"({"hint":"abc","endDateTime":"2027-01-01T00:00:00Z"})",
          R"({"hint":"q~8","endDateTime":"soon"})", R"({"hint":"q~8"})", "7", "null"})
        EXPECT_FALSE(secret_expiry(application(secrets), secret)) << secrets;
    EXPECT_FALSE(secret_expiry(boost::json::object(), secret));
    EXPECT_FALSE(secret_expiry(application(""), Secret()));
}

TEST(CredentialExpiryTest, GraphIsAskedForASecretsEnd) {
    Tenant tenant;
    tenant.client_id = "11111111-2222-3333-4444-555555555555";
    tenant.credential = ClientSecret{Secret("q~8abcdef")};
    OneObject data(application(R"({"hint":"q~8","endDateTime":"2026-12-01T00:00:00Z"})"));
    const auto known = credential_expiry(tenant, data, {});
    ASSERT_TRUE(known && known->has_value());
    EXPECT_EQ((*known)->which, "client_secret");
    EXPECT_EQ(to_text((*known)->at), "2026-12-01T00:00:00Z");
    EXPECT_EQ(
        data.asked,
        "applications(appId='11111111-2222-3333-4444-555555555555')?$select=passwordCredentials"
    );
    OneObject refusing(GraphError{.next = Next::Refused, .status = 403});
    EXPECT_EQ(credential_expiry(tenant, refusing, {}).error().next, Next::Refused);
    EXPECT_FALSE(credential_expiry(tenant));
}

TEST(CredentialExpiryTest, ACertificatesEndIsReadFromItsFile) {
    const test::TestFolder folder;
    const auto made = test::make_certificate(test::kStart, test::kStart + 48h);
    test::write_file(folder.file("both.pem"), made.certificate + made.key);
    Tenant tenant;
    tenant.credential = ClientCertificate{.certificate_file = folder.file("both.pem")};
    const auto known = credential_expiry(tenant);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->which, "certificate");
    EXPECT_EQ(known->at, test::kStart + 48h);
    OneObject data(application(""));
    ASSERT_TRUE(credential_expiry(tenant, data, {}));
    EXPECT_THAT(data.asked, IsEmpty());
    tenant.credential = ClientCertificate{.certificate_file = folder.file("missing.pem")};
    EXPECT_FALSE(credential_expiry(tenant));
}

Secret token_with(const std::string& payload) {
    return Secret("e30." + to_base64url(payload) + ".c2ln");
}

TEST(GrantedPermissionsTest, ReadsRolesOfAnAppAndScopesOfAUser) {
    auto granted = granted_permissions(token_with(R"({"roles":["User.Read.All","Mail.Read"]})"));
    EXPECT_TRUE(granted.readable);
    EXPECT_TRUE(granted.application);
    EXPECT_THAT(granted.names, ElementsAre("Mail.Read", "User.Read.All"));
    granted =
        granted_permissions(token_with(R"({"scp":"profile Mail.Read","roles":["directory-role"]})")
        );
    EXPECT_FALSE(granted.application);
    EXPECT_THAT(granted.names, ElementsAre("Mail.Read", "profile"));
    granted = granted_permissions(token_with("{}"));
    EXPECT_TRUE(granted.readable);
    EXPECT_THAT(granted.names, IsEmpty());
}

TEST(GrantedPermissionsTest, AnOpaqueTokenIsNoFault) {
    for (const char* text : {"", "opaque", "a.b", "a.!!.c", "a.e30", "EwB4A8l6BAAU.WyJhIl0.x"})
        EXPECT_FALSE(granted_permissions(Secret(text)).readable) << text;
}

}  // namespace
}  // namespace graphhook::subscriptions
