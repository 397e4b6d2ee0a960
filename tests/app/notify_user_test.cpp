// What `notify-user` makes of what it is told: pure.

#include "app/cli/notify_user.hpp"

#include "app/config/config_checks.hpp"
#include "core/time_text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

using handlers::FieldProblem;
using handlers::Outcome;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class NotifyUserTest : public ::testing::Test {
  protected:
    NotifyUserTest() {
        arguments.host = "notify.example.com";
        arguments.title = "Order shipped";
        input.fresh_id = "fresh";
    }

    [[nodiscard]] NotifyPlan composed() const { return compose(arguments, input, now); }
    [[nodiscard]] std::vector<std::string> fields() const {
        std::vector<std::string> names;
        for (const auto& problem : composed().problems) names.push_back(problem.field);
        return names;
    }

    const SystemTime now = parse_time("2026-11-21T08:00:00.25Z").value();
    NotifyArguments arguments;
    NotifyInput input;
};

TEST_F(NotifyUserTest, EveryOptionIsInTheResource) {
    arguments.body = "It arrives tomorrow.";
    arguments.raw = "4711";
    arguments.group = "orders";
    arguments.id = "order-4711";
    arguments.priority = "high";
    arguments.expires_in = "7d";
    arguments.display_for = "1m";
    arguments.platforms = {"ios", "WINDOWS"};
    arguments.fallback_after = "2m";
    arguments.fallback_title = "Look";
    arguments.fallback_body = "here";
    const auto plan = composed();
    EXPECT_THAT(plan.problems, IsEmpty()) << handlers::to_text(plan.problems);
    const auto& made = plan.notification;
    EXPECT_EQ(made.target_host_name, "notify.example.com");
    EXPECT_EQ(made.app_notification_id, "order-4711");
    EXPECT_EQ(made.group_name, "orders");
    EXPECT_EQ(made.priority, "High");
    EXPECT_EQ(made.raw_content, "4711");
    EXPECT_EQ(made.visual_content.value().title, "Order shipped");
    EXPECT_EQ(made.visual_content.value().body, "It arrives tomorrow.");
    EXPECT_EQ(to_text(made.expires_at.value()), "2026-11-28T08:00:00Z");
    EXPECT_EQ(made.display_for, seconds(60));
    EXPECT_THAT(made.platforms, ElementsAre("iOS", "Windows"));
    EXPECT_EQ(made.fallback.value().delay, seconds(120));
    EXPECT_EQ(made.fallback.value().content.title, "Look");
    EXPECT_EQ(made.fallback.value().content.body, "here");
}

TEST_F(NotifyUserTest, WithoutAnIdAFreshOneIsTaken) {
    EXPECT_EQ(composed().notification.app_notification_id, "fresh");
    arguments.id = "";
    EXPECT_THAT(fields(), ElementsAre("--id"));
}

TEST_F(NotifyUserTest, EverythingThatIsWrongIsNamedAtOnceWithItsOption) {
    arguments.host.reset();
    arguments.title = "";
    arguments.priority = "urgent";
    arguments.platforms = {"amiga"};
    arguments.expires_in = "soon";
    arguments.display_for = "1500ms";
    arguments.fallback_after = "never";
    arguments.url = "http://graph.example.com/";
    const auto names = fields();
    for (const auto* option :
         {"--url", "--expires-in", "--display-for", "--fallback-after", "targetHostName (--host)",
          "priority (--priority)", "payload.visualContent.title (--title)"}) {
        EXPECT_THAT(names, Contains(option));
    }
    EXPECT_THAT(names, Contains(HasSubstr("(--platform)")));
    for (const auto& problem : composed().problems) {
        EXPECT_FALSE(problem.text.empty());
        EXPECT_THAT(problem.text, Not(HasSubstr("amiga")));
    }
}

TEST_F(NotifyUserTest, WhatHasExpiredOrLivesTooLongIsRefused) {
    const auto expiry = "expirationDateTime (--expires-in, --expires-at)";
    arguments.expires_at = "2026-11-21T07:59:59Z";
    EXPECT_THAT(fields(), ElementsAre(expiry));
    arguments.expires_at = "2026-12-31T00:00:00Z";
    EXPECT_THAT(fields(), ElementsAre(expiry));
    arguments.expires_at = "tomorrow";
    EXPECT_THAT(fields(), ElementsAre("--expires-at"));
    arguments.expires_at.reset();
    arguments.expires_in = "40d";
    EXPECT_THAT(fields(), ElementsAre(expiry));
    arguments.expires_in = "30d";
    EXPECT_THAT(fields(), IsEmpty());
}

TEST_F(NotifyUserTest, AFileHoldsTheWholeResourceAndIsReadStrictly) {
    arguments = {};
    arguments.file = "notification.json";
    input.file = R"({"targetHostName":"notify.example.com","payload":{"rawContent":"x"}})";
    const auto plan = composed();
    EXPECT_THAT(plan.problems, IsEmpty()) << handlers::to_text(plan.problems);
    EXPECT_EQ(plan.notification.raw_content, "x");
    EXPECT_EQ(plan.notification.app_notification_id, "fresh");
    input.file = R"({"targetHostName":7,"colour":"red","payload":{"rawContent":"x"}})";
    EXPECT_THAT(fields(), Contains("targetHostName"));
    EXPECT_THAT(fields(), Contains("colour"));
    input.file = "no JSON";
    EXPECT_THAT(fields(), Not(IsEmpty()));
}

TEST_F(NotifyUserTest, AHandlerGivesWhereAndHowButWhatIsSaidGoesFirst) {
    handlers::UserNotificationOptions handler;
    handler.target_host_name = "handler.example.com";
    handler.url = "https://notify.example.com/post";
    handler.coding = handlers::ContentCoding::Gzip;
    handler.wrapped = true;
    handler.most_content_bytes = 100;
    input.handler = &handler;
    auto plan = composed();
    EXPECT_EQ(plan.notification.target_host_name, "notify.example.com");
    EXPECT_EQ(plan.post.url, handler.url);
    EXPECT_EQ(plan.post.coding, handlers::ContentCoding::Gzip);
    EXPECT_TRUE(plan.post.wrapped);
    arguments.host.reset();
    arguments.coding = "deflate";
    arguments.url = "http://127.0.0.1:8080/x";
    plan = composed();
    EXPECT_THAT(plan.problems, IsEmpty()) << handlers::to_text(plan.problems);
    EXPECT_EQ(plan.notification.target_host_name, "handler.example.com");
    EXPECT_EQ(plan.post.coding, handlers::ContentCoding::Deflate);
    EXPECT_EQ(plan.post.url, "http://127.0.0.1:8080/x");
    arguments.body = std::string(101, 'x');
    EXPECT_THAT(fields(), ElementsAre("payload.visualContent.body (--body)"));
}

TEST_F(NotifyUserTest, AUrlIsHttpsUnlessItIsThisMachineAndCarriesNoUser) {
    for (const auto* good : {"https://notify.example.com/", "http://localhost:1/x"}) {
        arguments.url = good;
        EXPECT_THAT(fields(), IsEmpty()) << good;
    }
    for (const auto* bad :
         {"http://notify.example.com/", "https://me:pw@notify.example.com/",
          "ftp://notify.example.com/", "notify", ""}) {
        arguments.url = bad;
        EXPECT_THAT(fields(), ElementsAre("--url")) << bad;
    }
}

TEST_F(NotifyUserTest, AnApplicationSaysWhoIsToldAndASignedInUserIsTold) {
    subscriptions::Tenant tenant;
    tenant.credential = subscriptions::ClientSecret{};
    const auto count = [&] { return check_target(arguments, tenant).size(); };
    EXPECT_EQ(count(), 1U);
    arguments.user = "3f0c8a52-9d0e-4b52-8a3e-2f5f0c3f7a10";
    EXPECT_EQ(count(), 0U);
    arguments.user = "someone@example.com";
    EXPECT_EQ(count(), 1U);
    arguments.user.clear();
    arguments.unsid = "a b";
    EXPECT_EQ(count(), 1U);
    arguments.unsid = "1c6ae8a5-5d0d-4d6b-8f0e-1fdc6a2a9d01";
    EXPECT_EQ(count(), 0U);
    tenant.credential = subscriptions::SignedInUser{};
    EXPECT_THAT(
        check_target(arguments, tenant), ElementsAre(Field(&FieldProblem::field, "--unsid"))
    );
    arguments.unsid.clear();
    EXPECT_EQ(count(), 0U);
}

TEST_F(NotifyUserTest, MicrosoftsOwnServiceIsRecognised) {
    subscriptions::Cloud cloud;
    EXPECT_TRUE(is_microsofts(service_url({}, cloud)));
    EXPECT_THAT(service_url({}, cloud), StartsWith("https://graph.microsoft.com/beta/me/"));
    EXPECT_TRUE(is_microsofts("https://GRAPH.microsoft.us/beta/me/notifications/"));
    cloud.graph = "https://localhost:8443";
    EXPECT_FALSE(is_microsofts(service_url({}, cloud)));
    handlers::PostOptions post;
    post.url = "https://notify.example.com/graph.microsoft.com/";
    EXPECT_FALSE(is_microsofts(service_url(post, cloud)));
}

TEST_F(NotifyUserTest, WhatWasRefusedComesWithAHintWhereToLook) {
    const auto of = [](Outcome outcome, int status) {
        outcome.receipt = fmt::format(R"({{"status":{}}})", status);
        return hint(outcome);
    };
    EXPECT_THAT(of(Outcome::dead("no"), 400), HasSubstr("--dry-run"));
    EXPECT_THAT(of(Outcome::dead("no"), 403), HasSubstr("unsids list"));
    EXPECT_THAT(of(Outcome::dead("no"), 405), HasSubstr("URL"));
    EXPECT_THAT(of(Outcome::dead("no"), 415), HasSubstr("--content-coding identity"));
    for (const int status : {200, 302, 404})
        EXPECT_THAT(of(Outcome::retry_target("no"), status), HasSubstr("URL")) << status;
    EXPECT_THAT(of(Outcome::retry_target("no"), 401), HasSubstr("doctor"));
    for (const int status : {406, 429, 503})
        EXPECT_EQ(of(Outcome::retry_target("no"), status), "") << status;
    EXPECT_EQ(of(Outcome::done(), 201), "");
    EXPECT_EQ(hint(Outcome::retry_target("no connection")), "");
}

TEST_F(NotifyUserTest, TheOutcomeHasAllMembersAndNullWhereThereIsNothing) {
    auto outcome = Outcome::done();
    outcome.receipt = R"({"status":201,"id":"n","location":"l","requestId":"r"})";
    auto view = outcome_view(outcome, "contoso", "order-4711", 2);
    EXPECT_EQ(view.at("outcome").as_string(), "done");
    EXPECT_EQ(view.at("status").to_number<int>(), 201);
    EXPECT_EQ(view.at("id").as_string(), "n");
    EXPECT_EQ(view.at("location").as_string(), "l");
    EXPECT_EQ(view.at("request_id").as_string(), "r");
    EXPECT_TRUE(view.at("client_request_id").is_null());
    EXPECT_TRUE(view.at("reason").is_null());
    EXPECT_TRUE(view.at("retry_after_seconds").is_null());
    EXPECT_EQ(view.at("attempts").to_number<int>(), 2);
    view = outcome_view(
        Outcome::retry_target("busy", std::chrono::milliseconds(1'500)), "contoso", "i", 1
    );
    EXPECT_EQ(view.at("outcome").as_string(), "retry");
    EXPECT_EQ(view.at("retry_after_seconds").to_number<int>(), 2);
    EXPECT_TRUE(view.at("status").is_null());
    view = outcome_view(Outcome::dead("no"), "contoso", "i", 1);
    EXPECT_EQ(view.at("outcome").as_string(), "dead");
    EXPECT_EQ(view.at("reason").as_string(), "no");
}

}  // namespace
}  // namespace graphhook::app
