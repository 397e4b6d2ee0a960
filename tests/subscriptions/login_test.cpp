#include "subscriptions/credentials/login.hpp"

#include "subscriptions/credentials/sign_in_file.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using test::kStart;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LoginTest : public test::CredentialsTest {
  protected:
    LoginTest() {
        tenant_.cloud.login = platform_.url();
        tenant_.credential = SignedInUser{.token_file = file_, .scopes = {"Mail.Read"}};
        start_ = {
            .body = R"({"device_code":"dc-1","user_code":"ABCD1234","verification_uri":)"
                    R"("https://microsoft.com/devicelogin","expires_in":900,"interval":5,)"
                    R"("message":"To sign in, use a web browser"})"
        };
    }
    void poll(int status, std::string body) {
        const std::lock_guard lock(mutex_);
        polls_.push_back({.status = status, .body = std::move(body)});
    }
    void pending() { poll(400, R"({"error":"authorization_pending"})"); }
    void done() {
        poll(
            200, R"({"expires_in":3600,"access_token":"tok","refresh_token":"rt-1","scope":)"
                 R"("https://graph.example/Mail.Read profile"})"
        );
    }
    Result<LoginDone> run() {
        return login(
            tenant_, *http_, clock_,
            {.show =
                 [this](const std::string& uri, const std::string& code, SystemTime expires) {
                     shown_ = uri + " " + code;
                     shown_until_ = expires;
                 },
             .wait =
                 [this](std::chrono::milliseconds how_long) {
                     waits_.push_back(how_long);
                     clock_.advance(how_long);
                     return !gave_up_;
                 }},
            {}
        );
    }
    Imposter::Reply answer(const Imposter::Request& request) {
        const std::lock_guard lock(mutex_);
        if (request.target.ends_with("/devicecode")) return start_;
        if (polls_.empty()) return {.status = 400, .body = R"({"error":"authorization_pending"})"};
        auto reply = polls_.front();
        polls_.pop_front();
        return reply;
    }

    std::mutex mutex_;
    std::deque<Imposter::Reply> polls_;
    Imposter::Reply start_;
    Imposter platform_{[this](const Imposter::Request& request) { return answer(request); }};
    test::TestFolder folder_;
    std::string file_ = folder_.file("user.json");
    std::string shown_;
    SystemTime shown_until_;
    bool gave_up_ = false;
};

TEST_F(LoginTest, ShowsTheCodePollsAndStoresTheSignIn) {
    pending();
    pending();
    done();
    const auto result = run();
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(shown_, "https://microsoft.com/devicelogin ABCD1234");
    EXPECT_EQ(shown_until_, kStart + 900s);
    EXPECT_THAT(waits_, ElementsAre(5s, 5s, 5s));
    EXPECT_THAT(result->missing, IsEmpty());
    const auto requests = platform_.requests();
    auto first = test::read_form(requests.at(0).body);
    EXPECT_EQ(requests[0].target, "/84bd8158-6d4d-4958-8b9f-9d6445542f95/oauth2/v2.0/devicecode");
    EXPECT_EQ(first["scope"], "https://graph.example/Mail.Read offline_access");
    auto second = test::read_form(requests.at(1).body);
    EXPECT_EQ(second["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    EXPECT_EQ(second["device_code"], "dc-1");
    const auto stored = read_sign_in(file_);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->refresh_token.reveal(), "rt-1");
    EXPECT_EQ(stored->client_id, tenant_.client_id);
}

TEST_F(LoginTest, WhatItLeavesIsWhatATokenSourceTakes) {
    done();
    ASSERT_TRUE(run());
    poll(200, R"({"expires_in":3600,"access_token":"tok-2"})");
    EXPECT_EQ(test::text_of(make()->get({})), "tok-2");
}

TEST_F(LoginTest, SlowDownAddsFiveSecondsForGood) {
    poll(400, R"({"error":"slow_down"})");
    pending();
    done();
    ASSERT_TRUE(run());
    EXPECT_THAT(waits_, ElementsAre(5s, 10s, 10s));
}

TEST_F(LoginTest, APlatformInTroubleIsAskedLessOften) {
    poll(503, "");
    done();
    ASSERT_TRUE(run());
    EXPECT_THAT(waits_, ElementsAre(5s, 10s));
}

TEST_F(LoginTest, ACodeThatNobodyEntersRunsOut) {
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::NotFound);
    EXPECT_EQ(clock_.system_now(), kStart + 900s) << "and is not waited for longer";
    EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(LoginTest, ThePlatformMaySayThatItRanOut) {
    poll(400, R"({"error":"expired_token"})");
    EXPECT_EQ(run().error().code, Errc::NotFound);
}

TEST_F(LoginTest, AUserWhoDeclinesIsBelieved) {
    for (const char* name : {"authorization_declined", "access_denied"}) {
        poll(400, std::string(R"({"error":")") + name + "\"}");
        const auto result = run();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::Refused);
        EXPECT_THAT(result.error().detail, HasSubstr("declined"));
    }
}

TEST_F(LoginTest, ARefusalSaysWhatToDo) {
    poll(
        401, R"({"error":"invalid_client","error_description":"AADSTS7000218: The request body )"
             R"(must contain client_secret","trace_id":"t-9"})"
    );
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::Refused);
    EXPECT_THAT(result.error().detail, HasSubstr("allow public client flows"));
    EXPECT_THAT(result.error().detail, HasSubstr("t-9"));
}

TEST_F(LoginTest, GivingUpStoresNothing) {
    gave_up_ = true;
    EXPECT_EQ(run().error().code, Errc::Aborted);
    EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(LoginTest, WhatIsShownOnATerminalCannotSteerIt) {
    start_.body =
        R"({"device_code":"d","user_code":"A\u001b[2JB","verification_uri":"https://x\u0007y"})";
    done();
    ASSERT_TRUE(run());
    EXPECT_THAT(shown_, Not(HasSubstr("\x1b")));
    EXPECT_THAT(shown_, Not(HasSubstr("\x07")));
}

TEST_F(LoginTest, AnAnswerThatIsNoneEndsIt) {
    for (const char* body :
         {"<html>", "{}", R"({"device_code":"d","user_code":"u"})",
          R"({"device_code":"d","user_code":"u","verification_uri":"javascript:alert"})"}) {
        start_.body = body;
        const auto result = run();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::Refused);
        EXPECT_THAT(shown_, IsEmpty());
    }
}

TEST_F(LoginTest, WithoutARefreshTokenItIsNoSignIn) {
    poll(200, R"({"expires_in":3600,"access_token":"tok"})");
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().detail, HasSubstr("offline_access"));
}

TEST_F(LoginTest, SaysWhichPermissionsWereNotGranted) {
    tenant_.credential =
        SignedInUser{.token_file = file_, .scopes = {"Mail.Read", "Calendars.Read"}};
    done();
    const auto result = run();
    ASSERT_TRUE(result);
    EXPECT_THAT(result->missing, ElementsAre("Calendars.Read"));
}

TEST_F(LoginTest, AFolderThatCannotBeWrittenIsFoundBeforeTheUserIsAsked) {
    tenant_.credential = SignedInUser{.token_file = folder_.file("missing/user.json")};
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().detail, HasSubstr("missing/user.json"));
    EXPECT_THAT(platform_.requests(), IsEmpty());
}

TEST_F(LoginTest, ATenantWithAnotherCredentialHasNobodyToSignIn) {
    tenant_.credential = ClientSecret{Secret("s")};
    EXPECT_EQ(run().error().code, Errc::BadInput);
}

}  // namespace
}  // namespace graphhook::subscriptions
