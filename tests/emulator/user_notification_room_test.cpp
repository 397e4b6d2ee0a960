// User notifications over real sockets: the service, the endpoints' own API, faults and commands
// (protocol 10).
#include "emulator/url.hpp"
#include "tests/emulator/packed.hpp"
#include "tests/emulator/running_emulator.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using test::packed;
using test::Packing;
using test::RunningEmulator;
using testing::EndsWith;
using testing::HasSubstr;

constexpr std::string_view kBody =
    R"({"targetHostName":"notify.example.com","appNotificationId":"order-4711",)"
    R"("payload":{"visualContent":{"title":"Order shipped","body":"Tomorrow."}},)"
    R"("priority":"High","groupName":"orders","displayTimeToLive":"60"})";

class UserNotificationRoomTest : public testing::Test {
  protected:
    void start(Options options = {}) {
        emulator_ = std::make_unique<RunningEmulator>(std::move(options));
        app_token_ = service_token();
    }
    /// Of the app service in the users' tenant.
    Secret service_token() {
        return Secret(form(
            "token",
            "grant_type=client_credentials&client_id=service-1&client_secret=emulator-secret&"
            "scope=" +
                form_encode("https://graph.microsoft.com/.default"),
            "access_token"
        ));
    }
    std::string form(const std::string& path, const std::string& body, const char* member) {
        HttpRequest request;
        request.method = "POST";
        request.url = "/contoso/oauth2/v2.0/" + path;
        request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        request.body = body;
        const auto answer = emulator_->raw(std::move(request));
        EXPECT_EQ(answer.status(), 200) << answer.response.body;
        return answer.status() == 200 ? std::string(answer.json.at(member).as_string()) : "";
    }
    /// The token of a user who signed in to a client app by a device code.
    Secret signed_in(
        const std::string& user, const std::string& client = "client-1",
        const std::string& scope = "UserActivity.ReadWrite.CreatedByApp"
    ) {
        HttpRequest request;
        request.method = "POST";
        request.url = "/contoso/oauth2/v2.0/devicecode";
        request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        request.body = "client_id=" + client + "&scope=" + form_encode(scope);
        const auto asked = emulator_->raw(std::move(request));
        EXPECT_EQ(
            control(
                "POST", "identity/approve",
                {{"userCode", asked.json.at("user_code")}, {"user", user}}
            ).status(),
            200
        );
        return Secret(form(
            "token",
            "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=" + client +
                "&device_code=" + form_encode(asked.json.at("device_code").as_string()),
            "access_token"
        ));
    }
    RunningEmulator::Answer control(
        std::string_view method, const std::string& path, const object& body = {}
    ) {
        return emulator_->call(method, "/emulator/" + path, body);
    }
    RunningEmulator::Answer as(
        const Secret& token, std::string_view method, const std::string& path,
        const object& body = {}
    ) {
        HttpRequest request;
        request.method = std::string(method);
        request.url = "/emulator/user-notifications/me/" + path;
        request.bearer = token;
        if (method == "POST" || method == "PATCH") {
            request.headers.emplace_back("Content-Type", "application/json");
            request.body = boost::json::serialize(body);
        }
        return emulator_->raw(std::move(request));
    }
    using Headers = std::vector<std::pair<std::string, std::string>>;
    RunningEmulator::Answer post(
        const std::string& unsid, std::string body = std::string(kBody), Headers headers = {},
        std::string_view path = "/beta/me/notifications/"
    ) {
        HttpRequest request;
        request.method = "POST";
        request.url = std::string(path);
        request.bearer = app_token_;
        request.headers = std::move(headers);
        request.headers.emplace_back("Content-Type", "application/json");
        if (!unsid.empty()) request.headers.emplace_back("X-UNS-ID", unsid);
        request.body = std::move(body);
        return emulator_->raw(std::move(request));
    }
    /// An endpoint by the control API.
    object endpoint(const std::string& user, const std::string& platform) {
        const auto made = control(
            "POST", "user-notifications/endpoints",
            {{"user", user}, {"tenant", "contoso"}, {"appId", "service-1"}, {"platform", platform}}
        );
        EXPECT_EQ(made.status(), 201) << made.response.body;
        return made.json;
    }
    static std::string text(const object& json, std::string_view member) {
        return std::string(json.at(member).as_string());
    }
    static std::string unsid(const object& endpoint) {
        return text(endpoint, "userNotificationSubscriptionId");
    }
    static std::string header(const RunningEmulator::Answer& answer, std::string_view name) {
        return std::string(answer.response.header(name).value_or(""));
    }
    std::unique_ptr<RunningEmulator> emulator_;
    Secret app_token_;
};

TEST_F(UserNotificationRoomTest, AClientAppRegistersAndTheAppServicesPostReachesIt) {
    start();
    const auto token = signed_in("ann@contoso.com");
    const auto registered = as(
        token, "POST", "endpoints",
        {{"platform", "windows"}, {"name", "desk"}, {"lifeSeconds", 3'600}, {"appId", "service-1"}}
    );
    ASSERT_EQ(registered.status(), 201) << registered.response.body;
    const auto id = text(registered.json, "endpointId");
    const auto other =
        as(token, "POST", "endpoints", {{"platform", "iOS"}, {"appId", "service-1"}});
    EXPECT_EQ(unsid(other.json), unsid(registered.json));

    const auto created = post(unsid(registered.json));
    ASSERT_EQ(created.status(), 201) << created.response.body;
    const auto feed = as(token, "GET", "endpoints/" + id + "/feed?after=0");
    const auto& told = feed.json.at("notifications").at(0).as_object();
    EXPECT_EQ(text(told, "id"), text(created.json, "id"));
    EXPECT_EQ(text(told, "appNotificationId"), "order-4711");
    EXPECT_EQ(told.at("visualContent").at("title").as_string(), "Order shipped");
    EXPECT_EQ(text(told, "status"), "Active");

    const auto dismissed =
        as(token, "PATCH", "endpoints/" + id + "/notifications/" + text(told, "id"),
           {{"readState", "Read"}, {"userActionState", "Dismissed"}});
    EXPECT_EQ(dismissed.status(), 200);
    const auto second = "endpoints/" + text(other.json, "endpointId");
    const auto synced = as(token, "GET", second + "/feed");
    EXPECT_EQ(
        text(synced.json.at("notifications").at(0).as_object(), "userActionState"), "Dismissed"
    );
    EXPECT_EQ(as(token, "PATCH", second, {{"lifeSeconds", 60}}).status(), 200);
    EXPECT_EQ(as(token, "DELETE", second).status(), 200);
    EXPECT_EQ(as(token, "GET", second + "/feed").status(), 404);
    EXPECT_EQ(as(token, "GET", "endpoints").json.at("endpoints").as_array().size(), 1U);
}

TEST_F(UserNotificationRoomTest, TheReplyIsTheServices) {
    start();
    const auto made = endpoint("ann@contoso.com", "windows");
    const auto created = post(unsid(made), std::string(kBody), {{"client-request-id", "mine"}});
    ASSERT_EQ(created.status(), 201);
    const auto id = text(created.json, "id");
    EXPECT_EQ(header(created, "location"), emulator_->base() + "/beta/me/activities/" + id);
    EXPECT_EQ(header(created, "client-request-id"), "mine");
    EXPECT_EQ(header(created, "odata-version"), "4.0");
    EXPECT_EQ(header(created, "cache-control"), "private");
    EXPECT_FALSE(header(created, "request-id").empty());
    EXPECT_THAT(header(created, "content-type"), HasSubstr("odata.metadata=minimal"));
    EXPECT_EQ(created.json.at("displayTimeToLive"), 59);
    EXPECT_THAT(
        text(created.json, "@odata.context"),
        EndsWith("/beta/$metadata#users('ann%40contoso.com')/notifications/$entity")
    );
    EXPECT_FALSE(created.json.contains("targetHostName"));
    EXPECT_FALSE(created.json.contains("appNotificationId"));
    const auto silent =
        post(unsid(made), R"({"targetHostName":"h","payload":{"rawContent":"secret"}})");
    EXPECT_EQ(silent.status(), 201);
    EXPECT_EQ(silent.json.at("payload"), object{});
    EXPECT_TRUE(silent.json.at("groupName").is_null());
}

TEST_F(UserNotificationRoomTest, TheSlashBehindIsOptionalAndOnlyBetaHasIt) {
    start();
    const auto made = endpoint("ann@contoso.com", "windows");
    EXPECT_EQ(post(unsid(made), std::string(kBody), {}, "/beta/me/notifications").status(), 201);
    EXPECT_EQ(post(unsid(made), std::string(kBody), {}, "/v1.0/me/notifications").status(), 404);
    EXPECT_EQ(post(unsid(made), std::string(kBody), {}, "/v1.0/me/notifications/").status(), 404);
    app_token_ = emulator_->token("service-1");
    EXPECT_EQ(post(unsid(made)).status(), 403) << "the app in another tenant";
    app_token_ = signed_in("ann@contoso.com");
    EXPECT_EQ(post(unsid(made), std::string(kBody), {}, "/v1.0/me/notifications").status(), 404);
}

TEST_F(UserNotificationRoomTest, MethodThenTokenComeBeforeEverythingElse) {
    start();
    HttpRequest request;
    request.method = "PUT";
    request.url = "/beta/me/notifications";
    const auto method = emulator_->raw(request);
    EXPECT_EQ(method.status(), 405);
    EXPECT_EQ(header(method, "allow"), "POST");
    EXPECT_EQ(
        control(
            "POST", "user-notifications/blocked", {{"appId", "service-1"}, {"blocked", true}}
        ).status(),
        200
    );
    app_token_ = Secret("no.such.token");
    const auto token = post("", "{", {{"If-Range", "x"}});
    EXPECT_EQ(token.status(), 401);
    EXPECT_EQ(token.code(), "InvalidAuthenticationToken");
    EXPECT_THAT(header(token, "www-authenticate"), HasSubstr("Bearer"));
    app_token_ = service_token();
    EXPECT_EQ(post("", "{", {{"If-Range", "x"}}).status(), 403);
    EXPECT_EQ(
        control(
            "POST", "user-notifications/blocked", {{"appId", "service-1"}, {"blocked", false}}
        ).status(),
        200
    );
    EXPECT_EQ(post("", "{", {{"If-Range", "x"}}).status(), 400);
}

TEST_F(UserNotificationRoomTest, WrongDataTypesAreA401ThatIsNoAuthenticationError) {
    start();
    const auto made = endpoint("ann@contoso.com", "windows");
    const auto wrong = post(
        unsid(made),
        R"({"targetHostName":"h","payload":{"rawContent":"r"},"displayTimeToLive":true})"
    );
    EXPECT_EQ(wrong.status(), 401);
    EXPECT_EQ(wrong.code(), "InvalidDataTypes");
    EXPECT_TRUE(header(wrong, "www-authenticate").empty());
    EXPECT_FALSE(header(wrong, "request-id").empty());
}

TEST_F(UserNotificationRoomTest, CompressedBodiesAreRead) {
    start();
    const auto made = unsid(endpoint("ann@contoso.com", "windows"));
    const auto coded = [&](const char* name, Packing how) {
        return post(made, packed(kBody, how), {{"Content-Encoding", name}}).status();
    };
    EXPECT_EQ(coded("GZIP", Packing::Gzip), 201);
    EXPECT_EQ(coded("deflate", Packing::Zlib), 201);
    EXPECT_EQ(coded("Deflate", Packing::Raw), 201);
    EXPECT_EQ(coded("gzip", Packing::Raw), 400);
    EXPECT_EQ(coded("br", Packing::Gzip), 415);
}

TEST_F(UserNotificationRoomTest, ASignedInUserNeedsNoUnsidButThePermission) {
    start();
    app_token_ = signed_in("ann@contoso.com", "service-1", "Notifications.ReadWrite.CreatedByApp");
    EXPECT_EQ(post("").status(), 201);
    const auto mine = as(app_token_, "POST", "endpoints", {{"platform", "webpush"}});
    const auto feed = as(app_token_, "GET", "endpoints/" + text(mine.json, "endpointId") + "/feed");
    EXPECT_EQ(feed.json.at("notifications").as_array().size(), 1U);
    app_token_ = signed_in("ann@contoso.com", "service-1", "User.Read");
    EXPECT_EQ(post("").status(), 403);
    EXPECT_EQ(as(app_token_, "GET", "endpoints").status(), 403);
}

TEST_F(UserNotificationRoomTest, AnothersEndpointIsNone) {
    start();
    const auto ann = signed_in("ann@contoso.com");
    const auto made = as(ann, "POST", "endpoints", {{"platform", "ios"}});
    const auto path = "endpoints/" + text(made.json, "endpointId");
    for (const auto& token :
         {signed_in("ben@contoso.com"), signed_in("ann@contoso.com", "client-2")}) {
        EXPECT_EQ(as(token, "GET", path + "/feed").status(), 404);
        EXPECT_EQ(as(token, "DELETE", path).status(), 404);
        EXPECT_EQ(as(token, "PATCH", path, {{"lifeSeconds", 60}}).status(), 404);
    }
    EXPECT_EQ(as(app_token_, "GET", path + "/feed").status(), 403) << "an app's token";
    const auto nobody = as(Secret("none"), "GET", path + "/feed");
    EXPECT_EQ(nobody.status(), 401);
    EXPECT_THAT(header(nobody, "www-authenticate"), HasSubstr("Bearer"));
    EXPECT_EQ(as(ann, "POST", "endpoints", {{"platform", "symbian"}}).status(), 400);
    EXPECT_EQ(
        as(ann, "POST", "endpoints", {{"platform", "ios"}, {"lifeSeconds", 0}}).status(), 400
    );
    EXPECT_EQ(as(ann, "POST", "endpoints", {{"platform", "ios"}, {"color", 1}}).status(), 400);
}

TEST_F(UserNotificationRoomTest, EveryRowOfTheTableOfRepliesIsThereOnDemand) {
    start();
    const auto made = unsid(endpoint("ann@contoso.com", "windows"));
    for (const auto& [status, code] :
         {std::pair(400, "BadRequest"), std::pair(401, "InvalidDataTypes"),
          std::pair(403, "Forbidden"), std::pair(405, "MethodNotAllowed"),
          std::pair(406, "NotAcceptable"), std::pair(415, "UnsupportedMediaType"),
          std::pair(503, "ServiceUnavailable")}) {
        EXPECT_EQ(
            control(
                "POST", "faults", {{"fault", "user-notification"}, {"status", status}}
            ).status(),
            200
        );
        const auto refused = post(made);
        EXPECT_EQ(refused.status(), status);
        EXPECT_EQ(refused.code(), code);
        EXPECT_TRUE(header(refused, "www-authenticate").empty());
    }
    control(
        "POST", "faults", {{"fault", "user-notification"}, {"count", 2}, {"retryAfterSeconds", 7}}
    );
    for (int i = 0; i < 2; ++i) {
        const auto busy = post(made);
        EXPECT_EQ(busy.status(), 406);
        EXPECT_EQ(header(busy, "retry-after"), "7");
    }
    EXPECT_EQ(post(made).status(), 201);
    control("POST", "faults", {{"fault", "user-notification"}, {"status", 200}});
    EXPECT_EQ(post(made).status(), 200);
    EXPECT_EQ(
        control("POST", "faults", {{"fault", "user-notification"}, {"status", 302}}).status(), 400
    );
    const auto listed =
        control("GET", "user-notifications/received").json.at("received").as_array();
    EXPECT_EQ(listed.size(), 11U);
    EXPECT_EQ(listed.back().at("status"), 200) << "as it was answered";
    for (const auto& one : listed)
        EXPECT_EQ(text(one.as_object(), "appNotificationId"), "order-4711");
}

TEST_F(UserNotificationRoomTest, TheFaultsOfGraphStrikeHereToo) {
    start();
    const auto made = unsid(endpoint("ann@contoso.com", "windows"));
    const auto with = [&](object fault) {
        fault["path"] = "me/notifications";
        EXPECT_EQ(control("POST", "faults", fault).status(), 200);
        return post(made);
    };
    EXPECT_EQ(with({{"fault", "throttle"}}).status(), 429);
    EXPECT_EQ(with({{"fault", "server-error"}}).status(), 503);
    EXPECT_EQ(with({{"fault", "redirect"}}).status(), 302);
    const auto page = with({{"fault", "html"}});
    EXPECT_EQ(page.status(), 200);
    EXPECT_TRUE(page.json.empty());
    const auto claims = with({{"fault", "claims"}});
    EXPECT_EQ(claims.status(), 401);
    EXPECT_THAT(header(claims, "www-authenticate"), HasSubstr("insufficient_claims"));
    EXPECT_EQ(with({{"fault", "slow"}, {"delayMilliseconds", 1}}).status(), 201);
    EXPECT_EQ(with({{"fault", "create-late"}, {"delayMilliseconds", 1}}).status(), 201);
    const auto torn = with({{"fault", "truncated"}});
    EXPECT_EQ(torn.status(), 201);
    EXPECT_TRUE(torn.json.empty());
}

TEST_F(UserNotificationRoomTest, WithQuotasAUserHasAHundredPostsInFiveMinutes) {
    Options options;
    options.quotas = true;
    options.insecure_http = true;
    start(std::move(options));
    const auto made = unsid(endpoint("ann@contoso.com", "windows"));
    for (int i = 0; i < 100; ++i) ASSERT_EQ(post(made).status(), 201);
    const auto refused = post(made);
    EXPECT_EQ(refused.status(), 406);
    EXPECT_FALSE(header(refused, "retry-after").empty());
    EXPECT_EQ(post(unsid(endpoint("ben@contoso.com", "ios"))).status(), 201);
    EXPECT_EQ(control("GET", "status").json.at("userNotifications").at("byStatus").at("406"), 1);
}

TEST_F(UserNotificationRoomTest, TheWrappedFormIsTakenWhereItIsSwitchedOn) {
    Options options;
    options.wrapped_notifications = true;
    start(std::move(options));
    const auto made = unsid(endpoint("ann@contoso.com", "windows"));
    EXPECT_EQ(post(made, R"({"notification":)" + std::string(kBody) + "}").status(), 201);
}

/// Runs a line of the program against the emulator: exit code and output.
std::pair<int, std::string> run(const RunningEmulator& emulator, const std::string& arguments) {
    const std::string line = std::string(GRAPH_EMULATOR) + " " + arguments + " --url " +
                             emulator.base() + " --certificates-dir " +
                             emulator.directory().string() + " 2>&1";
    std::string output;
    FILE* const pipe = ::popen(line.c_str(), "r");
    if (pipe == nullptr) return {-1, output};
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        output.append(buffer, n);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

TEST_F(UserNotificationRoomTest, CommandsPlayTheDevices) {
    start();
    const auto to = [&](const std::string& arguments) { return run(*emulator_, arguments); };
    const std::string add =
        "endpoints add --user ann@contoso.com --tenant contoso --app service-1 --life 1h -o json ";
    const auto first = to(add + "--platform windows --name desk");
    ASSERT_EQ(first.first, 0) << first.second;
    const auto desk = boost::json::parse(first.second).as_object();
    const auto phone = boost::json::parse(to(add + "--platform ios").second).as_object();
    ASSERT_EQ(unsid(desk), unsid(phone));
    const auto id = text(post(unsid(desk)).json, "id");
    const auto at_desk = text(desk, "endpointId");
    const auto at_phone = text(phone, "endpointId");

    EXPECT_THAT(to("endpoints list").second, HasSubstr("ann@contoso.com"));
    EXPECT_THAT(to("endpoints feed " + at_desk).second, HasSubstr("Order shipped"));
    EXPECT_EQ(to("endpoints act " + at_desk + " " + id + " --read --dismiss").first, 0);
    const auto feed = boost::json::parse(to("endpoints feed -o json " + at_phone).second);
    EXPECT_EQ(feed.at("notifications").at(0).at("userActionState").as_string(), "Dismissed");
    const auto cursor = std::to_string(feed.at("cursor").as_int64());
    EXPECT_THAT(
        to("endpoints feed -o json " + at_phone + " --after " + cursor).second,
        HasSubstr(R"("notifications":[])")
    );
    EXPECT_EQ(to("endpoints act " + at_desk + " " + id + " --delete").first, 0);
    EXPECT_EQ(to("endpoints act " + at_desk + " " + id + " --read").first, 1);
    EXPECT_EQ(to("endpoints renew " + at_desk + " --life 2h").first, 0);
    EXPECT_EQ(to("endpoints remove " + at_phone).first, 0);
    EXPECT_EQ(to("endpoints remove " + at_phone).first, 1);

    EXPECT_EQ(to("user-notifications block service-1").first, 0);
    EXPECT_EQ(post(unsid(desk)).status(), 403);
    EXPECT_EQ(to("user-notifications unblock service-1").first, 0);
    EXPECT_EQ(to("user-notifications unblock service-1").first, 1);
    EXPECT_EQ(to("fault set user-notification --status 406").first, 0);
    EXPECT_EQ(post(unsid(desk)).status(), 406);
    EXPECT_THAT(to("user-notifications list").second, HasSubstr("NotAcceptable"));
    EXPECT_EQ(
        boost::json::parse(to("user-notifications list -o json").second).as_array().size(), 3U
    );
    EXPECT_EQ(to("user-notifications register --app service-1 --host other.example.com").first, 0);
    EXPECT_EQ(post(unsid(desk)).status(), 400);
    EXPECT_THAT(to("user-notifications apps").second, HasSubstr("other.example.com"));
    for (const auto* wrong :
         {"endpoints", "endpoints add", "endpoints act x y", "endpoints act x y --read --delete",
          "endpoints renew x --life soon", "endpoints act x y --read --unread"})
        EXPECT_EQ(to(wrong).first, 2) << wrong;
}

}  // namespace
}  // namespace graphhook::emulator
