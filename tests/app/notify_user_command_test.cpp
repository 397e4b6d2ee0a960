// `graphhook notify-user` as its user has it: against a service and an identity platform on
// loopback.

#include "subscriptions/credentials/sign_in_file.hpp"
#include "tests/app/tls_stub.hpp"
#include "tests/app/unsids_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <mutex>

namespace graphhook::app {
namespace {

using test::Program;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kUnsid = "1c6ae8a5-5d0d-4d6b-8f0e-1fdc6a2a9d01";

class NotifyUserCommandTest : public test::ServiceFixture {
  protected:
    NotifyUserCommandTest() { use(R"(credential: {client_secret: "the client secret"})"); }

    /// `handler`: a line below `handlers`.
    void use(const std::string& credential, const std::string& handler = "") const {
        write_config(config_text(
            handler +
            fmt::format(
                "tenants:\n  contoso:\n    tenant_id: {}\n    client_id: {}\n    cloud: {{graph: "
                "\"{}\", login: \"{}\", ca_file: \"{}\"}}\n    {}\n",
                kTenantId, kClientId, stub.url(), stub.url(), dir.file("trusted.crt"), credential
            )
        ));
    }

    Program graphhook(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"-c", config_path, "notify-user"});
        return Program(dir.path().string(), arguments);
    }
    Program to_unsid(std::vector<std::string> more = {}) {
        more.insert(
            more.begin(),
            {"--unsid", kUnsid, "--host", "notify.example.com", "--title", "Order shipped"}
        );
        return graphhook(more);
    }

    std::string answer(const std::string& request) {
        const std::lock_guard lock(mutex);
        if (request.find("/oauth2/v2.0/token") != std::string::npos) {
            ++tokens;
            if (refuse_tokens)
                return http_reply(
                    401, "Content-Type: application/json\r\n",
                    R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid )"
                    R"(client secret provided.","error_codes":[7000215]})"
                );
            return http_reply(
                200, "Content-Type: application/json\r\n",
                fmt::format(
                    R"({{"token_type":"Bearer","expires_in":3599,"access_token":"token-{}",)"
                    R"("refresh_token":"refresh-{}"}})",
                    tokens, tokens
                )
            );
        }
        posts.push_back(request);
        if (replies.empty())
            return http_reply(
                201,
                "Content-Type: application/json\r\nrequest-id: r-1\r\n"
                "Location: https://localhost/beta/me/activities/n-1\r\n",
                R"({"id":"n-1"})"
            );
        const auto reply = replies.front();
        replies.erase(replies.begin());
        return reply;
    }
    std::vector<std::string> posted() {
        const std::lock_guard lock(mutex);
        return posts;
    }
    static boost::json::value body_of(const std::string& request) {
        return boost::json::parse(request.substr(request.find("\r\n\r\n") + 4));
    }

    test::CertificateText certificate = test::make_certificate();
    test::CertificateFiles files = test::write_certificate(dir.path(), certificate, "trusted");
    std::mutex mutex;
    std::vector<std::string> posts, replies;  // guarded by mutex
    int tokens = 0;                           // guarded by mutex
    bool refuse_tokens = false;               // guarded by mutex
    TlsStub stub{certificate, [this](const std::string& request) { return answer(request); }};
};

TEST_F(NotifyUserCommandTest, OneIsPostedWithTheTenantsTokenAndTheReplyIsPrinted) {
    auto program = to_unsid({"--id", "order-4711", "--priority", "low", "--output", "json"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    const auto said = boost::json::parse(program.out());
    EXPECT_EQ(said.at("outcome").as_string(), "done");
    EXPECT_EQ(said.at("status").to_number<int>(), 201);
    EXPECT_EQ(said.at("id").as_string(), "n-1");
    EXPECT_EQ(said.at("location").as_string(), "https://localhost/beta/me/activities/n-1");
    EXPECT_EQ(said.at("request_id").as_string(), "r-1");
    EXPECT_EQ(said.at("app_notification_id").as_string(), "order-4711");
    const auto sent = posted();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_THAT(sent[0], HasSubstr("POST /beta/me/notifications/ "));
    EXPECT_THAT(sent[0], HasSubstr("Authorization: Bearer token-1"));
    EXPECT_THAT(sent[0], HasSubstr(kUnsid));
    const auto body = body_of(sent[0]);
    EXPECT_EQ(body.at("targetHostName").as_string(), "notify.example.com");
    EXPECT_EQ(body.at("appNotificationId").as_string(), "order-4711");
    EXPECT_EQ(body.at("priority").as_string(), "Low");
    EXPECT_EQ(body.at("payload").at("visualContent").at("title").as_string(), "Order shipped");
    EXPECT_THAT(program.out() + program.err(), Not(HasSubstr("token-1")));
}

TEST_F(NotifyUserCommandTest, AFreshIdIsPrintedWhereNoneIsGiven) {
    auto program = to_unsid();
    ASSERT_EQ(program.wait(), 0) << program.err();
    const auto sent = posted();
    ASSERT_EQ(sent.size(), 1U);
    const auto id = std::string(body_of(sent[0]).at("appNotificationId").as_string());
    EXPECT_EQ(id.size(), 36U);
    EXPECT_THAT(program.out(), HasSubstr(id));
    EXPECT_THAT(program.out(), HasSubstr("done"));
}

TEST_F(NotifyUserCommandTest, ADryRunPrintsTheRequestAndSendsNothing) {
    auto program = to_unsid({"--dry-run", "--content-coding", "gzip", "--wrapped"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    EXPECT_THAT(program.out(), HasSubstr("POST " + stub.url() + "/beta/me/notifications/\n"));
    EXPECT_THAT(program.out(), HasSubstr(kUnsid));
    EXPECT_THAT(program.out(), HasSubstr("gzip"));
    EXPECT_THAT(program.out(), HasSubstr(R"({"notification":{"targetHostName":"notify.)"));
    EXPECT_THAT(posted(), IsEmpty());
    auto again = to_unsid({"--dry-run", "--output", "json"});
    ASSERT_EQ(again.wait(), 0) << again.err();
    const auto said = boost::json::parse(again.out());
    EXPECT_EQ(said.at("method").as_string(), "POST");
    EXPECT_EQ(
        said.at("body").at("payload").at("visualContent").at("title").as_string(), "Order shipped"
    );
    const std::lock_guard lock(mutex);
    EXPECT_EQ(tokens, 0);
}

TEST_F(NotifyUserCommandTest, BadInputIsRefusedBeforeAnythingIsSentWithEveryFieldNamed) {
    auto program = graphhook(
        {"--unsid", "a b", "--title", "", "--priority", "urgent", "--expires-at",
         "2020-01-01T00:00:00Z", "--platform", "amiga"}
    );
    EXPECT_EQ(program.wait(), 2);
    EXPECT_EQ(program.out(), "");
    for (const auto* name :
         {"--unsid", "targetHostName", "payload.visualContent.title", "priority",
          "expirationDateTime", "targetPolicy.platformTypes"}) {
        EXPECT_THAT(program.err(), HasSubstr(name));
    }
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"--host", "h.example.com", "--title", "t"},
             {"--unsid", kUnsid, "--user", kUserId, "--title", "t"},
             {"--unsid", kUnsid, "--raw", "x", "--raw-file", "y"},
             {"--unsid", kUnsid, "--file", "x", "--title", "t"},
             {"--unsid", kUnsid, "--file", dir.file("none.json")},
             {"--unsid", kUnsid, "--tenant", "nobody"},
             {"--unsid", kUnsid, "--handler", "nobody"},
             {"--unsid", kUnsid, "--handler", "audit"},
             {"--unsid", kUnsid, "--retry", "11"},
             {"--unsid", kUnsid, "--content-coding", "br"},
             {"--unsid", kUnsid, "--expires-in", "7d", "--expires-at", "2030-01-01T00:00:00Z"}
         }) {
        auto wrong = graphhook(arguments);
        EXPECT_EQ(wrong.wait(), 2) << ::testing::PrintToString(arguments) << wrong.err();
        EXPECT_FALSE(wrong.err().empty());
    }
    EXPECT_THAT(posted(), IsEmpty());
}

TEST_F(NotifyUserCommandTest, AFileHoldsTheWholeNotification) {
    std::ofstream(dir.file("n.json"))
        << R"({"targetHostName":"notify.example.com","payload":{"rawContent":"4711"}})";
    auto program = graphhook({"--unsid", kUnsid, "--file", dir.file("n.json")});
    ASSERT_EQ(program.wait(), 0) << program.err();
    EXPECT_EQ(body_of(posted().at(0)).at("payload").at("rawContent").as_string(), "4711");
    std::ofstream(dir.file("n.json"))
        << R"({"targetHostName":"notify.example.com","colour":"red","payload":{"rawContent":7}})";
    auto wrong = graphhook({"--unsid", kUnsid, "--file", dir.file("n.json")});
    EXPECT_EQ(wrong.wait(), 2);
    EXPECT_THAT(wrong.err(), HasSubstr("colour"));
    EXPECT_THAT(wrong.err(), HasSubstr("payload.rawContent"));
}

TEST_F(NotifyUserCommandTest, AConfiguredHandlerSaysWhereToAndInWhichForm) {
    use(R"(credential: {client_secret: "the client secret"})",
        fmt::format(
            "  phones: {{type: user_notification, target_host_name: handler.example.com, title: "
            "Mail, url: \"{}/elsewhere\", wrapped: true}}\n",
            stub.url()
        ));
    auto program = graphhook({"--unsid", kUnsid, "--handler", "phones", "--title", "By hand"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    const auto sent = posted().at(0);
    EXPECT_THAT(sent, HasSubstr("POST /elsewhere "));
    const auto notification = body_of(sent).at("notification");
    EXPECT_EQ(notification.at("targetHostName").as_string(), "handler.example.com");
    EXPECT_EQ(notification.at("payload").at("visualContent").at("title").as_string(), "By hand");
}

TEST_F(NotifyUserCommandTest, WhatIsRefusedForGoodIsDeadAndExits1) {
    replies = {http_reply(
        400, "Content-Type: application/json\r\nrequest-id: r-2\r\n",
        R"({"error":{"code":"BadRequest","message":"no"}})"
    )};
    auto program = to_unsid({"--retry", "3", "--output", "json"});
    EXPECT_EQ(program.wait(), 1);
    const auto said = boost::json::parse(program.out());
    EXPECT_EQ(said.at("outcome").as_string(), "dead");
    EXPECT_EQ(said.at("status").to_number<int>(), 400);
    EXPECT_EQ(said.at("request_id").as_string(), "r-2");
    EXPECT_THAT(std::string(said.at("reason").as_string()), HasSubstr("400"));
    EXPECT_THAT(program.err(), HasSubstr("dead: "));
    EXPECT_EQ(posted().size(), 1U);
}

TEST_F(NotifyUserCommandTest, WhatIsThrottledSaysWhenToTryAgain) {
    replies = {http_reply(406, "Retry-After: 900\r\n", "")};
    auto program = to_unsid({"--id", "order-4711", "--retry", "3"});
    EXPECT_EQ(program.wait(), 1);
    EXPECT_THAT(program.out(), HasSubstr("retry"));
    EXPECT_THAT(program.err(), HasSubstr("retry: the same may be taken later, in 15m"));
    EXPECT_THAT(program.err(), HasSubstr("--id 'order-4711'"));
    // Nobody waits that long at a prompt.
    EXPECT_EQ(posted().size(), 1U);
}

TEST_F(NotifyUserCommandTest, ARetryCarriesTheSameIdAndExpiry) {
    replies = {
        http_reply(503, "Retry-After: 0\r\n", ""), http_reply(406, "Retry-After: 0\r\n", "")
    };
    auto program = to_unsid({"--retry", "2", "--expires-in", "7d", "--output", "json"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    const auto sent = posted();
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_EQ(boost::json::serialize(body_of(sent[0])), boost::json::serialize(body_of(sent[2])));
    EXPECT_TRUE(body_of(sent[0]).as_object().contains("expirationDateTime"));
    EXPECT_EQ(boost::json::parse(program.out()).at("attempts").to_number<int>(), 3);
}

TEST_F(NotifyUserCommandTest, ARefusedTokenIsReplacedOnce) {
    replies = {http_reply(
        401, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n",
        R"({"error":{"code":"InvalidAuthenticationToken","message":"expired"}})"
    )};
    auto program = to_unsid();
    ASSERT_EQ(program.wait(), 0) << program.err();
    const auto sent = posted();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_THAT(sent[1], HasSubstr("Authorization: Bearer token-2"));
}

TEST_F(NotifyUserCommandTest, WithoutATokenItSaysWhatIsWrongWithTheCredential) {
    {
        const std::lock_guard lock(mutex);
        refuse_tokens = true;
    }
    auto program = to_unsid({"--retry", "3"});
    EXPECT_EQ(program.wait(), 1);
    EXPECT_THAT(program.err(), HasSubstr("no token"));
    EXPECT_THAT(program.err(), HasSubstr("secret"));
    EXPECT_THAT(program.err(), Not(HasSubstr("once more in")));
    EXPECT_THAT(posted(), IsEmpty());
}

TEST_F(NotifyUserCommandTest, TheUnsidOfAUserIsLookedUpInTheStoreWhileServeIsDown) {
    {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        put(*store, an_unsid("from-the-store"));
        put(*store, an_unsid("expired", "ios", std::chrono::seconds(-5)));
    }
    auto program = graphhook(
        {"--user", "3F0C8A52-9D0E-4B52-8A3E-2F5F0C3F7A10", "--host", "h.example.com", "--raw", "x"}
    );
    ASSERT_EQ(program.wait(), 0) << program.err();
    EXPECT_THAT(posted().at(0), HasSubstr("from-the-store"));
    auto nobody = graphhook({"--user", kClientId, "--host", "h.example.com", "--raw", "x"});
    EXPECT_EQ(nobody.wait(), 1);
    EXPECT_THAT(nobody.err(), HasSubstr("has no live UNSID"));
}

TEST_F(NotifyUserCommandTest, TheUnsidOfAUserIsAskedOfARunningServe) {
    AdminBeside serve(dir.file("admin.sock"));
    put(*serve.store, an_unsid("from-serve"));
    auto program = graphhook({"--user", kUserId, "--host", "h.example.com", "--raw", "x"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    EXPECT_THAT(posted().at(0), HasSubstr("from-serve"));
    auto nobody = graphhook({"--user", kClientId, "--host", "h.example.com", "--raw", "x"});
    EXPECT_EQ(nobody.wait(), 1);
    EXPECT_THAT(nobody.err(), HasSubstr("has no live UNSID"));
}

TEST_F(NotifyUserCommandTest, ASignedInUserIsToldWithoutAnUnsidAndTheRenewedSignInIsStored) {
    const auto token_file = dir.file("refresh");
    use(fmt::format("credential: {{refresh_token_file: \"{}\"}}", token_file));
    ASSERT_TRUE(subscriptions::store_sign_in(
        token_file, {Secret("refresh-0"), kClientId, "Notifications.ReadWrite.CreatedByApp"}
    ));
    auto program = graphhook({"--host", "h.example.com", "--title", "t"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    const auto sent = posted();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_THAT(sent[0], Not(HasSubstr("X-UNS-ID")));
    const auto stored = subscriptions::read_sign_in(token_file);
    ASSERT_TRUE(stored);
    EXPECT_TRUE(stored->refresh_token.equals("refresh-1"));
    auto wrong = graphhook({"--unsid", kUnsid, "--host", "h.example.com", "--title", "t"});
    EXPECT_EQ(wrong.wait(), 2);
    EXPECT_THAT(wrong.err(), HasSubstr("--unsid is not taken"));
}

TEST_F(NotifyUserCommandTest, MicrosoftsUrlIsWarnedOfAndTheHelpSaysSo) {
    auto warned =
        to_unsid({"--dry-run", "--url", "https://graph.microsoft.com/beta/me/notifications/"});
    EXPECT_EQ(warned.wait(), 0) << warned.err();
    EXPECT_THAT(warned.err(), HasSubstr("retired in January 2022"));
    auto quiet = to_unsid({"--dry-run"});
    EXPECT_EQ(quiet.wait(), 0);
    EXPECT_EQ(quiet.err(), "");
    auto help = graphhook({"--help"});
    EXPECT_EQ(help.wait(), 0);
    EXPECT_THAT(help.out(), HasSubstr("retired this service in January 2022"));
    EXPECT_THAT(help.out(), HasSubstr("Examples:"));
}

}  // namespace
}  // namespace graphhook::app
