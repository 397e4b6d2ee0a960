// Rich notifications through the whole application, without a network: what was kept from before is
// enough.

#include "app/application.hpp"
#include "app/config/config_file.hpp"
#include "app/service/proving_keys.hpp"
#include "tests/app/rich_maker.hpp"
#include "tests/app/service_fixture.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sys/stat.h>

#include <filesystem>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

/// Nobody listens there.
constexpr const char* kNowhere = "https://127.0.0.1:1";

class RichServiceTest : public test::ServiceFixture {
  protected:
    static const test::TokenSigner& signer() {
        static const test::TokenSigner made;
        return made;
    }

    RichServiceTest() {
        const auto keys = dir.path() / "keys";
        std::filesystem::create_directory(keys);
        ::chmod(keys.c_str(), 0700);
        key = authenticity::create_key(keys.string(), {.id = "mail"}, real_clock().system_now())
                  .value();
        know_subscription();
    }

    [[nodiscard]] std::string rich_config() const {
        return fmt::format(
            R"(receiver:
  listen: 127.0.0.1:0
  public_url: https://localhost/graph
  tls: {{certificate: "{0}/server.crt", private_key: "{0}/server.key"}}
  drain_delay: 0s
  threads: 1
admin: {{listen: "127.0.0.1:0", socket: "{0}/admin.sock"}}
store: {{url: "sqlite:{0}/store.db", reserve: 0B}}
keys: {{folder: "{0}/keys"}}
tenants:
  contoso:
    tenant_id: {1}
    client_id: {2}
    cloud: {{graph: "{3}", login: "{3}"}}
    credential: {{client_secret: x}}
subscriptions:
  inbox: {{tenant: contoso, resource: chats/getAllMessages, changes: [created], resource_data: true, handlers: [opened, closed]}}
handlers:
  opened: {{type: file, path: "{0}/opened.jsonl", resource_data: true}}
  closed: {{type: file, path: "{0}/closed.jsonl"}}
)",
            dir.path().string(), test::kTenantId, test::kClientId, kNowhere
        );
    }

    /// What an earlier process fetched.
    void keep_key_set() const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        auto set = authenticity::parse_key_set(
                       signer().jwks(""), kNowhere, authenticity::Version::V2,
                       std::string(kNowhere) + "/{tenantid}/v2.0", real_clock().system_now()
        )
                       .value();
        ASSERT_TRUE(NoteShelf(*store).write(
            std::string("key_set ") + kNowhere + " v2", authenticity::to_text(set)
        ));
    }

    [[nodiscard]] std::string rich(int number, const std::string& token) const {
        json::object item{
            {"subscriptionId", kGraphId},
            {"clientState", kClientState},
            {"changeType", "created"},
            {"resource", fmt::format("chats('1')/messages('{}')", number)},
            {"tenantId", test::kTenantId},
            {"encryptedContent",
             test::encrypted_content(*key, fmt::format(R"({{"id":"{}","body":"plain"}})", number))}
        };
        return json::serialize(
            json::object{{"value", json::array{item}}, {"validationTokens", json::array{token}}}
        );
    }
    static json::object claims() {
        auto made = test::genuine_claims(real_clock().system_now());
        made["iss"] = fmt::format("{}/{}/v2.0", kNowhere, test::kTenantId);
        return made;
    }

    std::unique_ptr<Application> start() {
        auto parsed = parse_config(rich_config(), process_environment(), file_system());
        EXPECT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "config");
        auto application = std::make_unique<Application>(
            std::move(*parsed.config),
            Application::Surroundings{
                .clock = real_clock(),
                .on_store_failed = [](const Error& error) { ADD_FAILURE() << to_string(error); }
            }
        );
        const auto started = application->start();
        EXPECT_TRUE(started) << to_string(started.error());
        return application;
    }

    /// What is in the store in that state, with its reasons.
    [[nodiscard]] std::vector<store::DeliveryRow> stored(store::DeliveryState state) const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        const auto store = store::open_store_read_only(options, real_clock(), metrics).value();
        store::DeliveryQuery query;
        query.state = state;
        using Rows = std::vector<store::DeliveryRow>;
        return wait_for<Rows>([&](Completion<Rows> done) { store->list(query, std::move(done)); }
        ).value();
    }

    authenticity::EncryptionKeyPtr key;
};

TEST_F(RichServiceTest, WithoutANetworkTheGenuineIsHandedOverAndTheForgedQuarantined) {
    keep_key_set();
    auto application = start();
    const test::TokenSigner forger;
    const auto genuine = signer().token(claims());
    EXPECT_EQ(post(application->port(), rich(1, forger.token(claims()))), 202);
    EXPECT_EQ(post(application->port(), rich(2, genuine)), 202);
    EXPECT_TRUE(lines_come(dir.file("opened.jsonl"), 1));
    EXPECT_TRUE(lines_come(dir.file("closed.jsonl"), 1));
    const auto metrics = application->metrics_text();
    application->stop();
    application.reset();

    const auto opened = test::file_text(dir.file("opened.jsonl"));
    const auto closed = test::file_text(dir.file("closed.jsonl"));
    EXPECT_EQ(json::parse(opened).at("data").at("id"), "2") << opened;
    EXPECT_THAT(closed, AllOf(HasSubstr("messages('2')"), Not(HasSubstr("plain"))));
    for (const auto& text : {opened, closed, metrics}) {
        EXPECT_THAT(text, Not(HasSubstr("encryptedContent")));
        EXPECT_THAT(text, Not(HasSubstr(genuine.substr(genuine.size() - 24))));
        EXPECT_THAT(text, Not(HasSubstr("messages('1')")));
    }
    const auto quarantined = stored(store::DeliveryState::Quarantined);
    ASSERT_THAT(quarantined, SizeIs(2)) << "once for each handler";
    EXPECT_THAT(quarantined[0].reason, HasSubstr("token_signature: token 1: kid 'signing-key-1'"));
    EXPECT_EQ(quarantined[0].resource, "chats('1')/messages('1')");
}

TEST_F(RichServiceTest, WithoutKeySetsItWaitsOverARestartAndABasicOneDoesNot) {
    auto application = start();
    EXPECT_EQ(post(application->port(), rich(1, signer().token(claims()))), 202);
    EXPECT_EQ(post(application->port(), notification(2)), 202);
    EXPECT_TRUE(lines_come(dir.file("opened.jsonl"), 1));
    EXPECT_THAT(test::file_text(dir.file("opened.jsonl")), HasSubstr("Users/x/Messages/m2"));
    application->stop();
    application.reset();
    EXPECT_THAT(stored(store::DeliveryState::Quarantined), SizeIs(0));

    keep_key_set();
    application = start();
    EXPECT_TRUE(lines_come(dir.file("opened.jsonl"), 2));
    EXPECT_THAT(test::file_text(dir.file("opened.jsonl")), HasSubstr("plain"));
}

}  // namespace
}  // namespace graphhook::app
