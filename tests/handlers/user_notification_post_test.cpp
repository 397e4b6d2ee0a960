// Posting over real HTTP: headers, codings, tokens, and that what is refused is never sent.

#include "core/base64.hpp"
#include "handlers/user_notification/coding.hpp"
#include "handlers/user_notification/poster.hpp"
#include "tests/handlers/fake_notification_world.hpp"
#include "tests/handlers/small_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <future>
#include <set>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using Answer = SmallServer::Answer;
using Kind = Outcome::Kind;

const SystemTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
const std::string kUnsid = "1c6ae8a5-5d0d-4d6b-8f0e-1fdc6a2a9d01";

/// Inflates what is in the format that `window` names (zlib's windowBits); empty: it is not.
std::string decoded(const std::string& text, int window) {
    z_stream stream{};
    if (inflateInit2(&stream, window) != Z_OK) return {};
    std::string input = text;
    std::array<char, 65'536> out{};
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int state = ::inflate(&stream, Z_FINISH);
    const auto size = out.size() - stream.avail_out;
    ::inflateEnd(&stream);
    return state == Z_STREAM_END ? std::string(out.data(), size) : std::string();
}

std::string base_of(const SmallServer& server) {
    return server.url().substr(0, server.url().rfind('/'));
}

class UserNotificationPostTest : public ::testing::Test {
  protected:
    UserNotificationPostTest() {
        notification_.target_host_name = "notify.example.com";
        notification_.app_notification_id = "order-4711";
        notification_.visual_content = VisualContent{"Order shipped", "It arrives tomorrow."};
        notification_.expires_at = kNow + hours(24);
    }
    Outcome post(SmallServer& server, const PostOptions& options = {}) {
        access_ = std::make_unique<FakeNotificationAccess>(base_of(server) + "/");
        return post_again(options);
    }
    Outcome post_again(const PostOptions& options = {}) {
        if (set_up) set_up(*access_);
        return post_notification(
            notification_, unsid_, *access_, options, new_guid_, kNow, stop_.get_token()
        );
    }

    UserNotification notification_;
    std::string unsid_ = kUnsid;
    FakeNotificationWorld world_;
    const NewGuid new_guid_ = [this] { return world_.new_guid(); };
    std::unique_ptr<FakeNotificationAccess> access_;
    std::function<void(FakeNotificationAccess&)> set_up;
    std::stop_source stop_;
};

TEST_F(UserNotificationPostTest, PostsWithTheHeadersOfTheProtocolAndKeepsTheReceipt) {
    SmallServer server([](const auto&) {
        return Answer{
            201,
            {{"Location", "https://graph.example/beta/me/activities/0f6f"}, {"request-id", "943d"}},
            false,
            R"({"id":"0f6f"})"
        };
    });
    const auto outcome = post(server);
    EXPECT_EQ(outcome.kind, Kind::Done);
    EXPECT_EQ(
        outcome.receipt,
        R"({"status":201,"id":"0f6f","location":"https://graph.example/beta/me/activities/0f6f",)"
        R"("requestId":"943d","clientRequestId":"00000000-0000-4000-8000-000000000001"})"
    );
    ASSERT_EQ(server.requests().size(), 1U);
    const auto request = server.requests()[0];
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/beta/me/notifications/");
    EXPECT_EQ(request.body, to_json(notification_));
    auto headers = request.headers;
    EXPECT_EQ(headers["authorization"], "Bearer token-1");
    EXPECT_EQ(headers["x-uns-id"], kUnsid);
    EXPECT_EQ(headers["content-type"], "application/json");
    EXPECT_EQ(headers["client-request-id"], "00000000-0000-4000-8000-000000000001");
    for (const std::string absent : {"content-encoding", "if-modified-since", "if-range"}) {
        EXPECT_FALSE(headers.contains(absent)) << absent;
    }
}

TEST_F(UserNotificationPostTest, GzipAndDeflateAreNamedAndDecodeToTheSameBody) {
    SmallServer server([](const auto&) { return Answer{201, {}, false, "{}"}; });
    for (const auto& [coding, name, window] :
         {std::tuple{ContentCoding::Gzip, "gzip", 15 + 16},
          std::tuple{ContentCoding::Deflate, "deflate", 15}}) {
        PostOptions options;
        options.coding = coding;
        EXPECT_EQ(post(server, options).kind, Kind::Done);
        auto request = server.requests().back();
        EXPECT_EQ(request.headers["content-encoding"], name);
        EXPECT_EQ(decoded(request.body, window), to_json(notification_));
        EXPECT_EQ(request.headers["content-length"], std::to_string(request.body.size()));
    }
}

TEST_F(UserNotificationPostTest, CodedBodiesOfAnySizeDecodeAgain) {
    for (const std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(60'000)}) {
        std::string body;
        for (std::size_t i = 0; i < size; ++i) body += static_cast<char>('a' + i * i % 23);
        EXPECT_EQ(decoded(coded(body, ContentCoding::Gzip), 15 + 16), body);
        EXPECT_EQ(decoded(coded(body, ContentCoding::Deflate), 15), body);
        EXPECT_EQ(coded(body, ContentCoding::Identity), body);
    }
}

TEST_F(UserNotificationPostTest, GoesToAnotherUrlAndWrappedWhereTold) {
    SmallServer server([](const auto&) { return Answer{200, {}, false, "{}"}; });
    PostOptions options;
    options.url = server.url();
    options.wrapped = true;
    EXPECT_EQ(post(server, options).kind, Kind::Done);
    EXPECT_EQ(server.requests()[0].path, "/graph");
    EXPECT_THAT(server.requests()[0].body, StartsWith(R"({"notification":{"targetHostName")"));
}

TEST_F(UserNotificationPostTest, DelegatedTenantNeedsNoUnsid) {
    SmallServer server([](const auto&) { return Answer{201, {}, false, "{}"}; });
    unsid_.clear();
    set_up = [](auto& access) { access.is_delegated = true; };
    EXPECT_EQ(post(server).kind, Kind::Done);
    EXPECT_FALSE(server.requests()[0].headers.contains("x-uns-id"));
}

TEST_F(UserNotificationPostTest, NothingIsSentOfWhatIsRefusedAndNoTokenAskedFor) {
    SmallServer server([](const auto&) { return Answer{201, {}, false, "{}"}; });
    const std::vector<std::pair<std::function<void(UserNotification&)>, std::string>> cases = {
        {[](auto& one) { one.target_host_name = "https://x.example"; },
         "targetHostName must be a domain without a scheme"},
        {[](auto& one) { one.expires_at = kNow; }, "expirationDateTime is past"},
        {[](auto& one) { one.visual_content.reset(); }, "payload needs rawContent or visualContent"
        },
        {[](auto& one) { one.visual_content->title = std::string(4'097, 'x'); },
         "payload.visualContent.title is longer than 4096 bytes"},
        {[](auto& one) { one.platforms = {"palm"}; },
         "targetPolicy.platformTypes[0] is unknown; known are Windows, iOS, Android and WebPush"},
    };
    const auto good = notification_;
    for (const auto& [spoil, reason] : cases) {
        notification_ = good;
        spoil(notification_);
        const auto outcome = post(server);
        EXPECT_EQ(outcome.kind, Kind::Dead);
        EXPECT_EQ(outcome.reason, reason);
        EXPECT_EQ(access_->asked, 0);
    }
    notification_ = good;
    for (const std::string& bad :
         {std::string(), std::string("a\r\nX-Evil: 1"), std::string(129, 'a')}) {
        unsid_ = bad;
        const auto outcome = post(server);
        EXPECT_EQ(outcome.kind, Kind::Dead);
        EXPECT_THAT(outcome.reason, StartsWith("no_unsid: "));
    }
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(UserNotificationPostTest, RefusedTokenIsReplacedOnceAndThePostRepeatedAtOnce) {
    SmallServer server([](const auto& request) {
        if (request.headers.at("authorization") == "Bearer token-1")
            return Answer{401, {{"WWW-Authenticate", "Bearer error=\"invalid_token\""}}};
        return Answer{201, {}, false, "{}"};
    });
    EXPECT_EQ(post(server).kind, Kind::Done);
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0].body, requests[1].body);
    EXPECT_EQ(requests[1].headers.at("authorization"), "Bearer token-2");
    EXPECT_NE(
        requests[0].headers.at("client-request-id"), requests[1].headers.at("client-request-id")
    );
    EXPECT_EQ(
        access_->refusals, (std::vector<std::pair<std::string, std::string>>{{"token-1", ""}})
    );
}

TEST_F(UserNotificationPostTest, TokenThatIsRefusedAgainIsARetryBlamedOnTheTarget) {
    SmallServer server([](const auto&) {
        return Answer{401, {{"WWW-Authenticate", "Bearer"}, {"request-id", "r2"}}};
    });
    const auto outcome = post(server);
    EXPECT_EQ(outcome.kind, Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    EXPECT_EQ(outcome.reason, "HTTP 401; the token was refused");
    EXPECT_THAT(outcome.receipt, HasSubstr(R"("requestId":"r2")"));
    EXPECT_EQ(server.requests().size(), 2U);
    EXPECT_EQ(access_->refusals.size(), 2U);
}

TEST_F(UserNotificationPostTest, SameTokenIsNotTriedTwice) {
    SmallServer server([](const auto&) { return Answer{401, {{"WWW-Authenticate", "Bearer"}}}; });
    set_up = [](auto& access) { access.same_token = true; };
    EXPECT_EQ(post(server).reason, "HTTP 401; the token was refused");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(UserNotificationPostTest, OtherRepliesCostNoSecondToken) {
    for (const int status : {400, 401, 403, 405, 406, 415, 429, 500, 503}) {
        SmallServer server([status](const auto&) { return Answer{status, {}}; });
        const auto outcome = post(server);
        EXPECT_NE(outcome.kind, Kind::Done) << status;
        EXPECT_EQ(server.requests().size(), 1U) << status;
        EXPECT_EQ(access_->asked, 1) << status;
        EXPECT_TRUE(access_->refusals.empty()) << status;
        EXPECT_THAT(outcome.receipt, StartsWith(R"({"status":)" + std::to_string(status)));
    }
}

TEST_F(UserNotificationPostTest, ClaimsOfAForbiddenPostGoToTheTokenSource) {
    const std::string claims = R"({"access_token":{}})";
    SmallServer server([&](const auto& request) {
        if (request.headers.at("authorization") == "Bearer token-1")
            return Answer{
                403, {{"WWW-Authenticate", "Bearer claims=\"" + to_base64(claims) + "\""}}
            };
        return Answer{201, {}, false, "{}"};
    });
    EXPECT_EQ(post(server).kind, Kind::Done);
    EXPECT_EQ(
        access_->refusals, (std::vector<std::pair<std::string, std::string>>{{"token-1", claims}})
    );
}

TEST_F(UserNotificationPostTest, NoTokenIsARetryThatSaysWhy) {
    SmallServer server([](const auto&) { return Answer{201, {}, false, "{}"}; });
    set_up = [](auto& access) {
        access.no_token = Error{Errc::Credentials, "AADSTS7000215: invalid client secret"};
    };
    const auto outcome = post(server);
    EXPECT_EQ(outcome.kind, Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    EXPECT_THAT(outcome.reason, StartsWith("no token: "));
    EXPECT_THAT(outcome.reason, HasSubstr("AADSTS7000215"));
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(UserNotificationPostTest, NoTokenIsSaidOnce) {
    SmallServer server([](const auto&) { return Answer{201, {}, false, "{}"}; });
    set_up = [](auto& access) {
        access.no_token = Error{Errc::Unreachable, "no token for tenant contoso: AADSTS90033"};
    };
    EXPECT_EQ(post(server).reason, "unreachable: no token for tenant contoso: AADSTS90033");
}

TEST_F(UserNotificationPostTest, RetryCarriesTheSameNotificationWithAFreshRequestId) {
    int count = 0;
    SmallServer server([&count](const auto&) {
        ++count;
        if (count == 1) return Answer{201, {}, true};  // taken, and the reply lost
        if (count == 2) return Answer{503, {{"Retry-After", "7"}}};
        return Answer{201, {}, false, "{}"};
    });
    auto outcome = post(server);
    EXPECT_EQ(outcome.kind, Kind::RetryAfter);
    EXPECT_THAT(outcome.reason, StartsWith("unreachable: "));
    EXPECT_EQ(outcome.receipt, "");
    outcome = post_again();
    EXPECT_EQ(outcome.delay, seconds(7));
    EXPECT_EQ(post_again().kind, Kind::Done);
    std::set<std::string> bodies, ids;
    for (const auto& request : server.requests()) {
        bodies.insert(request.body);
        ids.insert(request.headers.at("client-request-id"));
    }
    EXPECT_EQ(bodies.size(), 1U);
    EXPECT_EQ(ids.size(), 3U);
}

TEST_F(UserNotificationPostTest, ReasonsNeverHoldTheContentTheUnsidOrTheToken) {
    notification_.raw_content = "raw-secret-content";
    notification_.group_name = "group of Mallory";
    for (const std::string echoed :
         {"Order shipped", "It arrives tomorrow.", "raw-secret-content", "group of Mallory",
          "order-4711", "token-1", kUnsid.c_str()}) {
        SmallServer server([&](const auto&) {
            return Answer{
                400, {}, false, R"({"error":{"code":"C","message":"No: )" + echoed + R"("}})"
            };
        });
        EXPECT_EQ(post(server).reason, "HTTP 400 C") << echoed;
    }
}

TEST_F(UserNotificationPostTest, StopBeforeOrDuringAPostEndsItAsARetry) {
    std::promise<void> test_over, asked;
    SmallServer silent([&, released = test_over.get_future().share()](const auto&) {
        asked.set_value();
        released.wait();
        return Answer{201, {}, false, "{}"};
    });
    auto outcome = std::async(std::launch::async, [&] { return post(silent); });
    asked.get_future().wait();
    stop_.request_stop();
    ASSERT_EQ(outcome.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(outcome.get().blame, Outcome::Blame::Target);
    test_over.set_value();
    EXPECT_EQ(post_again().reason, "stopped before it was posted");
}

TEST_F(UserNotificationPostTest, SilentServiceIsGivenUpAfterTheTimeOfAPost) {
    std::promise<void> test_over;
    SmallServer silent([released = test_over.get_future().share()](const auto&) {
        released.wait();
        return Answer{201, {}, false, "{}"};
    });
    FakeNotificationAccess access(base_of(silent));
    PostOptions options;
    options.timeout = milliseconds(50);
    const auto outcome =
        post_notification(notification_, kUnsid, access, options, new_guid_, kNow, {});
    EXPECT_EQ(outcome.kind, Outcome::Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    // Not the client's half a minute.
    EXPECT_THAT(outcome.reason, MatchesRegex("unreachable: .*timed out after [0-9]{2,4} m.*"));
    test_over.set_value();
}

TEST(UserOfResourceTest, IsTheGuidOfUsersInLowerCaseAndNothingElse) {
    const std::string id = "8A1b2c3d-0000-4111-8222-abcdefABCDEF";
    const std::string low = "8a1b2c3d-0000-4111-8222-abcdefabcdef";
    for (const std::string& good :
         {"Users/" + id + "/Messages/AAMk", "users/" + id, "/users/" + id + "/events",
          "users('" + id + "')/messages('x')", "USERS/" + id + "?$select=mail"}) {
        EXPECT_EQ(user_of_resource(good), low) << good;
    }
    for (const std::string& bad :
         {std::string(), std::string("users"), std::string("users/"), std::string("users('"),
          "users/" + id + "x", "users/" + id.substr(1), "users('" + id + "/messages", "user/" + id,
          "groups/" + id, std::string("me/messages"),
          std::string("users/support@contoso.com/messages"),
          std::string("users('support@contoso.com')"), "chats/users/" + id,
          "users/" + id.substr(0, 35) + "g", "users//" + id}) {
        EXPECT_FALSE(user_of_resource(bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace graphhook::handlers
