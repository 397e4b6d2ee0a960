// Users: device codes, refresh tokens, consent (protocol 9.4; RFC 8628).
#include "tests/emulator/identity_fixture.hpp"

namespace graphhook::emulator {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Form;
using test::kTenant;

constexpr std::string_view kPending = "400 authorization_pending 70016";

class SignInTest : public test::IdentityFixture {
  protected:
    void SetUp() override { start(); }
    void start_with(bool rotate, bool keep_used) {
        IdentityOptions options;
        options.sign_ins.rotate = rotate;
        options.sign_ins.keep_used = keep_used;
        start(options);
    }
    Response ask(
        const std::string& scope = "offline_access https://graph.microsoft.com/Mail.Read",
        std::string_view tenant = kTenant
    ) {
        return post(
            "/" + std::string(tenant) + "/oauth2/v2.0/devicecode",
            text_of({{"client_id", "app-1"}, {"scope", scope}})
        );
    }
    Response poll(const Response& asked, std::string_view tenant = kTenant) {
        return token(
            {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
             {"client_id", "app-1"},
             {"device_code", text(asked, "device_code")}},
            tenant
        );
    }
    Response signed_in(
        const std::string& user = "ann@contoso.com",
        const std::string& scope = "offline_access https://graph.microsoft.com/Mail.Read",
        std::string_view tenant = kTenant
    ) {
        const auto asked = ask(scope, tenant);
        const auto decided = identity_->decide(text(asked, "user_code"), user);
        EXPECT_TRUE(decided) << decided.error().detail;
        return poll(asked, tenant);
    }
    static Form refreshing(const std::string& refresh_token) {
        return {
            {"grant_type", "refresh_token"},
            {"client_id", "app-1"},
            {"refresh_token", refresh_token}
        };
    }
    Response refresh(const Response& response, std::string_view tenant = kTenant) {
        return token(refreshing(text(response, "refresh_token")), tenant);
    }
};

// RFC 8628 3.2
TEST_F(SignInTest, ADeviceCodeComesWithWhatToShow) {
    const auto asked = json(ask());
    EXPECT_EQ(asked.at("expires_in"), 900);
    EXPECT_EQ(asked.at("interval"), 5);
    EXPECT_EQ(asked.at("verification_uri"), "https://localhost:1/devicelogin");
    EXPECT_EQ(asked.at("user_code").as_string().size(), 9U);
    EXPECT_NE(
        std::string(asked.at("message").as_string())
            .find(std::string(asked.at("user_code").as_string())),
        std::string::npos
    );
}

TEST_F(SignInTest, TheDevicePollsUntilTheUserSaysYes) {
    const auto asked = ask();
    EXPECT_EQ(verdict(poll(asked)), kPending);
    clock_.advance(seconds(5));
    EXPECT_EQ(verdict(poll(asked)), kPending);
    const auto code = text(asked, "user_code");
    ASSERT_TRUE(identity_->decide(code, "ann@contoso.com"));
    EXPECT_EQ(identity_->decide(code, "bob@contoso.com").error().code, Errc::Conflict);
    clock_.advance(seconds(5));
    const auto response = poll(asked);
    ASSERT_EQ(response.status, 200);
    EXPECT_EQ(text(response, "scope"), "Mail.Read");
    EXPECT_TRUE(json(response).contains("refresh_token"));
    EXPECT_FALSE(json(response).contains("id_token"));
    const auto caller = read(response).caller.value();
    EXPECT_TRUE(caller.delegated);
    EXPECT_EQ(caller.user_name, "ann@contoso.com");
    EXPECT_EQ(caller.tenant, kTenant);
    EXPECT_EQ(caller.scopes, std::vector<std::string>{"Mail.Read"});
    EXPECT_TRUE(caller.roles.empty());
    EXPECT_FALSE(caller.personal);
    clock_.advance(seconds(5));
    EXPECT_EQ(verdict(poll(asked)), "400 bad_verification_code 70018") << "a code works once";
}

TEST_F(SignInTest, APollThatComesTooSoonIsToldToSlowDown) {
    const auto asked = ask();
    EXPECT_EQ(verdict(poll(asked)), kPending);
    clock_.advance(seconds(4));
    EXPECT_EQ(verdict(poll(asked)), "400 slow_down 70016");
    clock_.advance(seconds(9));
    EXPECT_EQ(verdict(poll(asked)), "400 slow_down 70016") << "ten seconds now";
    clock_.advance(seconds(15));
    EXPECT_EQ(verdict(poll(asked)), kPending);
}

TEST_F(SignInTest, ADeviceCodeEnds) {
    const auto asked = ask();
    clock_.advance(minutes(15));
    EXPECT_EQ(verdict(poll(asked)), "400 expired_token 70020");
    EXPECT_EQ(
        identity_->decide(text(asked, "user_code"), "ann@contoso.com").error().code, Errc::Conflict
    );
}

TEST_F(SignInTest, AUserMaySayNo) {
    const auto asked = ask();
    ASSERT_TRUE(identity_->decide(text(asked, "user_code"), ""));
    EXPECT_EQ(verdict(poll(asked)), "400 access_denied 65004");
}

TEST_F(SignInTest, ACodeBelongsToTheAppThatAskedForIt) {
    const auto asked = ask();
    EXPECT_EQ(
        verdict(token(
            {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
             {"client_id", "app-2"},
             {"device_code", text(asked, "device_code")}}
        )),
        "400 bad_verification_code 70018"
    );
    EXPECT_EQ(identity_->decide("XXXXXXXXX", "ann@contoso.com").error().code, Errc::NotFound);
    EXPECT_EQ(
        identity_->decide(text(asked, "user_code"), "no-such-id").error().code, Errc::NotFound
    );
}

TEST_F(SignInTest, TheTenantOfTheRequestDecidesWhoMaySignIn) {
    add(R"({"users":[{"userPrincipalName":"ann@contoso.com","tenant":"contoso","id":"u-1"},
        {"userPrincipalName":"ben@outlook.com","personal":true}]})");
    const auto signs_in = [this](std::string_view tenant, std::string_view user) {
        const auto asked = ask("User.Read", tenant);
        return identity_->decide(text(asked, "user_code"), user).has_value();
    };
    EXPECT_TRUE(signs_in("contoso", "u-1"));
    EXPECT_TRUE(signs_in("common", "ANN@contoso.com"));
    EXPECT_TRUE(signs_in("organizations", "u-1"));
    EXPECT_FALSE(signs_in("consumers", "u-1"));
    EXPECT_FALSE(signs_in("fabrikam", "u-1"));
    EXPECT_TRUE(signs_in("consumers", "ben@outlook.com"));
    EXPECT_TRUE(signs_in("common", "ben@outlook.com"));
    EXPECT_FALSE(signs_in("organizations", "ben@outlook.com"));
}

TEST_F(SignInTest, PersonalAccountsHaveATenantOfTheirOwn) {
    const auto response =
        signed_in("ben@outlook.com", "offline_access openid Mail.Read", "consumers");
    const auto caller = read(response).caller.value();
    EXPECT_EQ(caller.tenant, "9188040d-6c67-4c5b-b112-36a304b66dad");
    EXPECT_TRUE(caller.personal);
    EXPECT_TRUE(json(response).contains("id_token"));
    EXPECT_FALSE(identity_->read_token(text(response, "id_token")).caller)
        << "an id_token is no access token";
    EXPECT_EQ(refresh(response, "consumers").status, 200);
    EXPECT_EQ(verdict(refresh(response, "organizations")), "400 invalid_grant 70000");
}

TEST_F(SignInTest, WithoutOfflineAccessThereIsNoRefreshToken) {
    EXPECT_FALSE(json(signed_in("ann@contoso.com", "Mail.Read")).contains("refresh_token"));
}

// protocol 9.4
TEST_F(SignInTest, EveryUseGivesANewRefreshTokenAndTheOldOneWorksOn) {
    const auto first = signed_in();
    const auto second = refresh(first);
    ASSERT_EQ(second.status, 200);
    EXPECT_NE(text(first, "refresh_token"), text(second, "refresh_token"));
    EXPECT_EQ(text(second, "scope"), "Mail.Read");
    EXPECT_EQ(read(second).caller->user, read(first).caller->user);
    EXPECT_EQ(refresh(first).status, 200);
    EXPECT_EQ(refresh(second).status, 200);
}

TEST_F(SignInTest, WhereReuseIsRefusedAReplacedRefreshTokenIsInvalid) {
    start_with(true, false);
    const auto first = signed_in();
    const auto second = refresh(first);
    EXPECT_EQ(verdict(refresh(first)), "400 invalid_grant 70000");
    EXPECT_EQ(refresh(second).status, 200);
}

TEST_F(SignInTest, WithoutRotationTheRefreshTokenStays) {
    start_with(false, false);
    const auto first = signed_in();
    for (int i = 0; i < 3; ++i) {
        const auto again = refresh(first);
        EXPECT_EQ(again.status, 200);
        EXPECT_FALSE(json(again).contains("refresh_token"));
    }
}

TEST_F(SignInTest, ARevokedRefreshTokenNeedsTheUser) {
    const auto ann = signed_in();
    const auto bob = signed_in("bob@contoso.com");
    const auto id = read(ann).caller->user;
    EXPECT_EQ(identity_->sign_ins().end("", "", id, SignIns::Ending::Revoked), 1U);
    EXPECT_EQ(verdict(refresh(ann)), "400 invalid_grant 50173");
    EXPECT_EQ(refresh(bob).status, 200);
    identity_->sign_ins().end("", "", "", SignIns::Ending::Expired);
    EXPECT_EQ(verdict(refresh(bob)), "400 invalid_grant 700082");
}

TEST_F(SignInTest, ARefreshTokenEndsNinetyDaysAfterItsLastUse) {
    start_with(false, true);
    const auto response = signed_in();
    clock_.advance(hours(24 * 89));
    EXPECT_EQ(refresh(response).status, 200);
    clock_.advance(hours(24 * 89));
    EXPECT_EQ(refresh(response).status, 200);
    clock_.advance(hours(24 * 90));
    EXPECT_EQ(verdict(refresh(response)), "400 invalid_grant 700082");
}

TEST_F(SignInTest, ARefreshTokenBelongsToItsAppAndTenant) {
    const auto response = signed_in();
    auto form = refreshing(text(response, "refresh_token"));
    form["client_id"] = "app-2";
    EXPECT_EQ(verdict(token(form)), "400 invalid_grant 70000");
    EXPECT_EQ(verdict(refresh(response, "other")), "400 invalid_grant 70000");
    EXPECT_EQ(refresh(response, "common").status, 200);
    EXPECT_EQ(verdict(token(refreshing("0.Anonsense"))), "400 invalid_grant 70000");
    EXPECT_EQ(verdict(token(refreshing(""))), "400 invalid_request 900144");
}

TEST_F(SignInTest, AConfidentialAppNeedsItsCredentialToRefresh) {
    add(R"({"apps":[{"clientId":"app-1","secrets":[{"secret":"s"}]}]})");
    const auto asked = ask();
    ASSERT_TRUE(identity_->decide(text(asked, "user_code"), "ann@contoso.com"));
    EXPECT_EQ(verdict(poll(asked)), "401 invalid_client 7000218");
    const auto response = token(
        {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
         {"client_id", "app-1"},
         {"client_secret", "s"},
         {"device_code", text(asked, "device_code")}}
    );
    ASSERT_EQ(response.status, 200);
    EXPECT_EQ(verdict(refresh(response)), "401 invalid_client 7000218");
    auto form = refreshing(text(response, "refresh_token"));
    form["client_secret"] = "s";
    EXPECT_EQ(verdict(token(form)), "200");
    add(R"({"apps":[{"clientId":"app-1","public":true,"secrets":[{"secret":"s"}]}]})");
    EXPECT_EQ(refresh(response).status, 200) << "a public app has no credential to show";
}

TEST_F(SignInTest, OnlyWhatIsConsentedToIsGranted) {
    add(R"({"permissions":[{"clientId":"app-1","scopes":["Mail.Read","User.Read"]}]})");
    const auto response = signed_in();
    ASSERT_EQ(response.status, 200);
    auto form = refreshing(text(response, "refresh_token"));
    form["scope"] = "https://graph.microsoft.com/Calendars.Read offline_access";
    EXPECT_EQ(verdict(token(form)), "400 invalid_grant 65001");
    form["scope"] = "https://graph.microsoft.com/.default";
    EXPECT_EQ(text(token(form), "scope"), "Mail.Read User.Read");
    add(R"({"permissions":[{"clientId":"app-1","scopes":[]}]})");
    EXPECT_EQ(verdict(refresh(response)), "400 invalid_grant 65001") << "consent was withdrawn";
}

TEST_F(SignInTest, ADelegatedTokenIsChallengedToo) {
    const auto response = signed_in();
    identity_->access_tokens().revoke(kTenant, "");
    const auto challenge = read(response).challenge;
    ASSERT_FALSE(challenge.empty());
    EXPECT_FALSE(read(refresh(response)).challenge.empty());
    auto form = refreshing(text(response, "refresh_token"));
    form["claims"] = from_base64url(challenge).value();
    EXPECT_TRUE(read(token(form)).challenge.empty());
}

TEST_F(SignInTest, AResetEndsSignInsUnlessTheyAreKept) {
    const auto response = signed_in();
    identity_->reset(true);
    EXPECT_EQ(refresh(response).status, 200);
    identity_->reset(false);
    EXPECT_EQ(verdict(refresh(response)), "400 invalid_grant 70000");
    EXPECT_EQ(identity_->counts().to_json().size(), 1U);
}

}  // namespace
}  // namespace graphhook::emulator
