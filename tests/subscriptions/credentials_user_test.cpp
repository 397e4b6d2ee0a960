// A signed-in user's tokens, and the file that they come from.
#include "subscriptions/credentials/sign_in_file.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using test::text_of;
using ::testing::HasSubstr;
using ::testing::Not;

class CredentialsUserTest : public test::CredentialsTest {
  protected:
    CredentialsUserTest() {
        use({.token_file = file_, .scopes = {"Mail.Read", "Calendars.Read"}});
        sign_in("rt-1");
    }
    void use(SignedInUser user) { tenant_.credential = std::move(user); }
    void sign_in(const std::string& token) {
        SignIn made;
        made.refresh_token = Secret(token);
        made.client_id = tenant_.client_id;
        made.scope = "https://graph.example/User.Read offline_access";
        ASSERT_TRUE(store_sign_in(file_, made));
    }
    [[nodiscard]] std::string stored() const {
        const auto found = read_sign_in(file_);
        return found ? std::string(found->refresh_token.reveal()) : found.error().detail;
    }

    test::TestFolder folder_;
    std::string file_ = folder_.file("user.json");
};

TEST_F(CredentialsUserTest, AsksWithTheRefreshTokenAndTheScopes) {
    say_token("tok1");
    ASSERT_EQ(text_of(make()->get({})), "tok1");
    EXPECT_EQ(form()["grant_type"], "refresh_token");
    EXPECT_EQ(form()["refresh_token"], "rt-1");
    EXPECT_EQ(form()["client_id"], tenant_.client_id);
    EXPECT_EQ(
        form()["scope"],
        "https://graph.example/Mail.Read https://graph.example/Calendars.Read offline_access"
    );
    EXPECT_FALSE(form().contains("client_secret"));
    EXPECT_EQ(stored(), "rt-1") << "no new one was given";
}

TEST_F(CredentialsUserTest, WithoutScopesThoseOfTheLoginAreAskedFor) {
    use({.token_file = file_});
    say_token("tok1");
    ASSERT_TRUE(make()->get({}));
    EXPECT_EQ(form()["scope"], "https://graph.example/User.Read offline_access");
}

TEST_F(CredentialsUserTest, AConfidentialClientProvesItself) {
    SignedInUser user{.token_file = file_};
    user.secret = ClientSecret{Secret("s-1")};
    use(user);
    say_token("tok1");
    ASSERT_TRUE(make()->get({}));
    EXPECT_EQ(form()["client_secret"], "s-1");
    const auto made = test::make_certificate(test::kStart - 1h, test::kStart + 1h);
    test::write_file(folder_.file("both.pem"), made.certificate + made.key);
    SignedInUser other{.token_file = file_};
    other.certificate = ClientCertificate{.certificate_file = folder_.file("both.pem")};
    use(other);
    ASSERT_TRUE(make()->get({}));
    EXPECT_TRUE(form().contains("client_assertion"));
}

TEST_F(CredentialsUserTest, ARotatedTokenIsStoredBeforeTheAccessTokenIsUsed) {
    say_token("tok1", 3600, R"(,"refresh_token":"rt-2")");
    const auto tokens = make();
    ASSERT_EQ(text_of(tokens->get({})), "tok1");
    EXPECT_EQ(stored(), "rt-2");
    struct stat status{};
    ASSERT_EQ(::stat(file_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
    clock_.advance(50min);
    say_token("tok2", 3600, R"(,"refresh_token":"rt-3")");
    ASSERT_EQ(text_of(tokens->get({})), "tok2");
    EXPECT_EQ(form()["refresh_token"], "rt-2");
    EXPECT_EQ(stored(), "rt-3");
}

TEST_F(CredentialsUserTest, IfItCannotBeStoredTheAccessTokenIsNotUsed) {
    // A folder in the way of the new file: it cannot be removed or written.
    std::filesystem::create_directories(file_ + ".new/x");
    say_token("tok1", 3600, R"(,"refresh_token":"rt-2")");
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, Next::RetryLater);
    EXPECT_THAT(token.error().message, HasSubstr(file_));
    EXPECT_THAT(token.error().message, Not(HasSubstr("rt-2")));
    EXPECT_EQ(stored(), "rt-1") << "what was there stays whole";
}

TEST_F(CredentialsUserTest, AFileThatOthersMayReadIsRefused) {
    for (const unsigned mode : {0644U, 0640U, 0604U, 0620U}) {
        cache_ = std::make_shared<TokenCache>();
        ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
        const auto token = make()->get({});
        ASSERT_FALSE(token);
        EXPECT_EQ(token.error().next, Next::Credentials);
        EXPECT_THAT(token.error().message, HasSubstr("chmod 600"));
    }
    EXPECT_EQ(asked(), 0u);
}

TEST_F(CredentialsUserTest, WhatIsNoSignInIsRefused) {
    for (const char* text : {"", "{}", "[]", "{\"refresh_token\":7}", "rt-1"}) {
        cache_ = std::make_shared<TokenCache>();
        test::write_file(file_, text);
        const auto token = make()->get({});
        ASSERT_FALSE(token);
        EXPECT_THAT(token.error().message, HasSubstr("graphhook login"));
    }
    std::filesystem::remove(file_);
    std::filesystem::create_symlink(folder_.file("elsewhere"), file_);
    cache_ = std::make_shared<TokenCache>();
    EXPECT_THAT(text_of(make()->get({})), HasSubstr("symbolic link"));
    EXPECT_EQ(asked(), 0u);
}

TEST_F(CredentialsUserTest, ASignInToAnotherAppIsRefused) {
    tenant_.client_id = "another";
    EXPECT_THAT(text_of(make()->get({})), HasSubstr("another app"));
    EXPECT_EQ(asked(), 0u);
}

TEST_F(CredentialsUserTest, AnEndedSignInIsNotAskedAboutUntilSomeoneLogsIn) {
    say(400, R"({"error":"invalid_grant","error_description":"AADSTS50173: revoked"})");
    const auto tokens = make();
    const auto ended = tokens->get({});
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().next, Next::Credentials);
    EXPECT_THAT(ended.error().message, HasSubstr("graphhook login"));
    for (int day = 0; day < 10; ++day) {
        clock_.advance(24h);
        ASSERT_FALSE(tokens->get({}));
    }
    EXPECT_EQ(asked(), 1u);
    sign_in("rt-new");
    say_token("tok1");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
    EXPECT_EQ(form()["refresh_token"], "rt-new");
}

TEST_F(CredentialsUserTest, NobodySignedInYetIsNoticedWhenSomeoneDoes) {
    std::filesystem::remove(file_);
    const auto tokens = make();
    EXPECT_THAT(text_of(tokens->get({})), HasSubstr("nobody has signed in: run graphhook login"));
    clock_.advance(24h);
    ASSERT_FALSE(tokens->get({}));
    EXPECT_EQ(asked(), 0u);
    sign_in("rt-9");
    say_token("tok1");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
}

TEST_F(CredentialsUserTest, ARefusedSignInIsSeenToBeMendedByItsFile) {
    say(400, R"({"error":"invalid_grant","error_description":"AADSTS50173: x"})");
    const auto tokens = make();
    EXPECT_EQ(tokens->state(), CredentialState::Fine) << "nobody asked yet";
    ASSERT_FALSE(tokens->get({}));
    EXPECT_EQ(tokens->state(), CredentialState::Refused);
    ASSERT_FALSE(tokens->get({}));
    EXPECT_EQ(tokens->state(), CredentialState::Refused);
    sign_in("rt-9");
    EXPECT_EQ(tokens->state(), CredentialState::Mended);
    say_token("tok1");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
    EXPECT_EQ(tokens->state(), CredentialState::Fine);
}

TEST_F(CredentialsUserTest, AWrongSecretIsNotTheUsersFault) {
    say(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: x"})");
    const auto tokens = make();
    ASSERT_FALSE(tokens->get({}));
    clock_.advance(61s);
    ASSERT_FALSE(tokens->get({}));
    EXPECT_EQ(asked(), 2u) << "slowly, but again";
}

/// The platform that takes every refresh token once, and says who brought an old one.
TEST_F(CredentialsUserTest, TwoProcessesNeverLoseARotation) {
    std::mutex mutex;
    std::string current = "rt-1";
    int count = 0;
    int refused = 0;
    Imposter platform([&](const Imposter::Request& request) {
        const std::lock_guard lock(mutex);
        if (test::read_form(request.body)["refresh_token"] != current) {
            ++refused;
            return Imposter::Reply{.status = 400, .body = R"({"error":"invalid_grant"})"};
        }
        current = "rt-" + std::to_string(++count + 1);
        return Imposter::Reply{
            .body = R"({"expires_in":3600,"access_token":"tok","refresh_token":")" + current + "\"}"
        };
    });
    tenant_.cloud.login = platform.url();
    std::vector<std::unique_ptr<TokenSource>> processes;
    for (int i = 0; i < 4; ++i) {
        processes.push_back(make_token_source(
            tenant_, {.http = *http_, .clock = clock_, .metrics = metrics_}  // no shared cache
        ));
    }
    std::vector<std::future<int>> all;
    for (auto& one : processes) {
        all.push_back(std::async(std::launch::async, [this, &one] {
            int good = 0;
            for (int round = 0; round < 5; ++round) {
                const auto token = one->get({});
                if (!token) continue;
                ++good;
                clock_.advance(11s);
                one->drop(*token, "");
            }
            return good;
        }));
    }
    for (auto& one : all) EXPECT_EQ(one.get(), 5);
    EXPECT_EQ(refused, 0);
    EXPECT_EQ(count, 20);
    EXPECT_EQ(stored(), "rt-21");
}

TEST_F(CredentialsUserTest, ALockThatIsHeldIsWaitedForAndTheWaitingEnds) {
    const auto wait = [this](std::chrono::milliseconds how_long, std::stop_token stop) {
        waits_.push_back(how_long);
        return !stop.stop_requested();
    };
    auto held = SignInLock::take(file_, wait, {});
    ASSERT_TRUE(held);
    const auto second = SignInLock::take(file_, wait, {}, 1s);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::Locked);
    EXPECT_EQ(waits_.size(), 20u);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(SignInLock::take(file_, wait, stop.get_token()).error().code, Errc::Aborted);
    {
        const auto gone = std::move(*held);
    }
    EXPECT_TRUE(SignInLock::take(file_, wait, {}));
}

}  // namespace
}  // namespace graphhook::subscriptions
