// What is said on the wire about resource data.
#include "core/time_text.hpp"
#include "subscriptions/graph/graph_client.hpp"
#include "tests/subscriptions/fakes.hpp"
#include "tests/subscriptions/imposter.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>

#include <deque>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using test::kNow;
using ::testing::IsEmpty;

class OneToken final : public TokenSource {
  public:
    GraphResult<Secret> get(std::stop_token) override { return Secret("token"); }
    void drop(const Secret&, std::string_view) override {}
};

std::string subscription_json(const std::string& more) {
    return R"({"id":"sub-1","resource":"users/x/messages?$select=subject","changeType":"created",)"
           R"("notificationUrl":"https://h.example/n","lifecycleNotificationUrl":null,)"
           R"("expirationDateTime":"2026-11-28T08:00:00Z","clientState":null)" +
           more + "}";
}

class ResourceDataClientTest : public ::testing::Test {
  protected:
    void say(std::string body, int status = 200) {
        const std::lock_guard lock(mutex_);
        replies_.push_back({.status = status, .body = std::move(body)});
    }
    Imposter::Reply answer() {
        const std::lock_guard lock(mutex_);
        if (replies_.empty()) return {.status = 599, .body = "nothing left to say"};
        auto reply = std::move(replies_.front());
        replies_.pop_front();
        return reply;
    }
    boost::json::object sent() {
        return boost::json::parse(graph_.requests().back().body).as_object();
    }

    std::mutex mutex_;
    std::deque<Imposter::Reply> replies_;
    Imposter graph_{[this](const Imposter::Request&) { return answer(); }};
    std::unique_ptr<HttpClient> http_ = make_http_client({.timeout = 10s});
    OneToken tokens_;
    test::FakeClock clock_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    GraphClient client_{graph_.url(), {*http_, tokens_, clock_, metrics_, random_hex}};
    const CertificatePtr certificate_ = std::make_shared<const EncryptionCertificate>(
        EncryptionCertificate{.id = "k1", .der_base64 = "MIIB+/==", .not_after = kNow + 24h}
    );
};

TEST_F(ResourceDataClientTest, ACreateSaysWhatToEncryptWith) {
    say(subscription_json(
            R"(,"includeResourceData":true,"encryptionCertificate":null,"encryptionCertificateId":"k1")"
        ),
        201);
    CreateRequest create;
    create.resource = "users/x/messages?$select=subject";
    create.changes = "created";
    create.notification_url = "https://h.example/n";
    create.expires_at = kNow + 24h;
    create.certificate = certificate_;
    const auto made = client_.create(create, {});
    ASSERT_TRUE(made) << to_string(made.error());
    EXPECT_EQ(made->certificate_id, "k1");
    EXPECT_EQ(made->include_resource_data, true);
    EXPECT_EQ(sent().at("includeResourceData"), true);
    EXPECT_EQ(sent().at("encryptionCertificate"), "MIIB+/==");
    EXPECT_EQ(sent().at("encryptionCertificateId"), "k1");
    EXPECT_EQ(sent().at("resource"), "users/x/messages?$select=subject");
}

TEST_F(ResourceDataClientTest, ABasicCreateSaysNothingOfIt) {
    say(subscription_json(R"(,"includeResourceData":null,"encryptionCertificateId":null)"), 201);
    CreateRequest create;
    create.resource = "users/x/messages";
    create.expires_at = kNow + 24h;
    const auto made = client_.create(create, {});
    ASSERT_TRUE(made);
    EXPECT_THAT(made->certificate_id, IsEmpty());
    EXPECT_FALSE(made->include_resource_data.has_value());
    EXPECT_FALSE(sent().contains("includeResourceData"));
    EXPECT_FALSE(sent().contains("encryptionCertificate"));
    EXPECT_FALSE(sent().contains("encryptionCertificateId"));
}

TEST_F(ResourceDataClientTest, AMoveIsOnePatchOfExpiryCertificateAndId) {
    say(subscription_json(R"(,"encryptionCertificateId":"k1")"));
    const auto moved = client_.move_key(Api::V1, "sub-1", kNow + 1h, certificate_, {});
    ASSERT_TRUE(moved) << to_string(moved.error());
    EXPECT_EQ(graph_.requests().back().method, "PATCH");
    EXPECT_EQ(graph_.requests().back().target, "/v1.0/subscriptions/sub-1");
    EXPECT_EQ(sent().size(), 3u);
    EXPECT_EQ(sent().at("expirationDateTime").as_string(), to_text(kNow + 1h));
    EXPECT_EQ(sent().at("encryptionCertificate"), "MIIB+/==");
    EXPECT_EQ(sent().at("encryptionCertificateId"), "k1");
}

TEST_F(ResourceDataClientTest, ARenewalSendsNoCertificateAndARedirectOnlyWhereItMoves) {
    say(subscription_json(""));
    ASSERT_TRUE(client_.renew(Api::V1, "sub-1", kNow + 1h, {}));
    EXPECT_EQ(sent().size(), 1u);
    say(subscription_json(""));
    ASSERT_TRUE(client_.redirect(Api::V1, "sub-1", kNow + 1h, "https://h.example/m", nullptr, {}));
    EXPECT_EQ(sent().size(), 2u);
    say(subscription_json(""));
    ASSERT_TRUE(
        client_.redirect(Api::V1, "sub-1", kNow + 1h, "https://h.example/m", certificate_, {})
    );
    EXPECT_EQ(sent().size(), 4u);
    EXPECT_EQ(sent().at("encryptionCertificateId"), "k1");
}

TEST_F(ResourceDataClientTest, AnAnswersStrangeCertificatesAreNoReasonToGiveUp) {
    say(subscription_json(R"(,"includeResourceData":"yes","encryptionCertificateId":17)"));
    auto there = client_.get(Api::V1, "sub-1", {});
    ASSERT_TRUE(there);
    EXPECT_THAT(there->certificate_id, IsEmpty());
    EXPECT_FALSE(there->include_resource_data.has_value());
    say(subscription_json(R"(,"encryptionCertificateId":")" + std::string(129, 'k') + "\""));
    there = client_.get(Api::V1, "sub-1", {});
    ASSERT_TRUE(there);
    EXPECT_THAT(there->certificate_id, IsEmpty()) << "longer than Graph allows";
}

}  // namespace
}  // namespace graphhook::subscriptions
