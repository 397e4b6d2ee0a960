// `graphhook inspect` as a program: what it says, what it exits with, and what it never shows.

#include "app/service/proving_keys.hpp"
#include "core/base64.hpp"
#include "tests/app/rich_maker.hpp"
#include "tests/app/service_fixture.hpp"
#include "tests/authenticity/known_answer.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sys/stat.h>

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using test::Program;
using ::testing::HasSubstr;
using ::testing::Not;

const SystemTime kReceived = parse_time("2026-11-21T08:00:00Z").value();
constexpr const char* kAt = "2026-11-21T08:00:00Z";
constexpr const char* kState = "0123456789abcdef";

/// This process's standard input for the programs that it starts meanwhile.
class InputFrom {
  public:
    explicit InputFrom(const std::string& file) : before_(::dup(STDIN_FILENO)) {
        const int opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        ::dup2(opened, STDIN_FILENO);
        ::close(opened);
    }
    ~InputFrom() {
        ::dup2(before_, STDIN_FILENO);
        ::close(before_);
    }
    InputFrom(const InputFrom&) = delete;
    InputFrom& operator=(const InputFrom&) = delete;

  private:
    int before_;
};

class InspectCommandTest : public test::ServiceFixture {
  protected:
    static const test::TokenSigner& signer() {
        static const test::TokenSigner made;
        return made;
    }

    InspectCommandTest() {
        write("keys.json", signer().jwks());
        write_known_key(dir.path());
    }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(dir.file(name)) << text;
    }

    /// The certificate and key of the known answer, as the key "kat".
    static void write_known_key(const std::filesystem::path& folder) {
        const auto key_bytes = from_base64(test::kKnownKey).value();
        const auto* at = reinterpret_cast<const unsigned char*>(key_bytes.data());
        const OpensslOwned<EVP_PKEY> key(
            ::d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(key_bytes.size()))
        );
        const auto bytes = from_base64(test::kKnownCertificate).value();
        at = reinterpret_cast<const unsigned char*>(bytes.data());
        const OpensslOwned<X509> certificate(
            ::d2i_X509(nullptr, &at, static_cast<long>(bytes.size()))
        );
        const auto file = folder / "kat.pem";
        std::ofstream(file) << test::certificate_pem(certificate.get()) << test::key_pem(key.get());
        ::chmod(file.c_str(), 0600);
    }

    static json::object item(bool rich, const std::string& state = kState) {
        json::object made{
            {"subscriptionId", kGraphId},
            {"clientState", state},
            {"changeType", "created"},
            {"resource", "chats('19:kat')/messages('1700000000000')"},
            {"tenantId", test::kTenantId},
        };
        if (rich) {
            made["encryptedContent"] = {
                {"data", test::kKnownData},
                {"dataKey", test::kKnownDataKey},
                {"dataSignature", test::kKnownSignature},
                {"encryptionCertificateId", "kat"},
                {"encryptionCertificateThumbprint", test::kKnownThumbprint},
            };
        }
        return made;
    }
    std::string write_body(const json::array& items, const json::value& tokens = nullptr) const {
        json::object body{{"value", items}};
        if (!tokens.is_null()) body["validationTokens"] = tokens;
        write("body.json", json::serialize(body));
        return dir.file("body.json");
    }
    static std::string genuine_token() { return signer().token(test::genuine_claims(kReceived)); }
    std::string write_genuine() const {
        return write_body({item(true)}, json::array{genuine_token()});
    }

    Program inspect(std::vector<std::string> more, bool at = true) const {
        more.insert(more.begin(), "inspect");
        if (at) more.insert(more.end(), {"--at", kAt});
        return Program(dir.path().string(), more, {{"GRAPHHOOK_CONFIG", config_path}});
    }
    /// With all that is needed without a configuration.
    [[nodiscard]] std::vector<std::string> given(std::vector<std::string> more) const {
        more.insert(
            more.end(), {"--tenant-id", std::string(test::kTenantId), "--client-id",
                         std::string(test::kClientId), "--jwks", dir.file("keys.json"), "--key",
                         dir.file("kat.pem")}
        );
        return more;
    }
    /// A configuration whose handler wants the resource, a store that knows the subscription, the
    /// key sets and the keyring.
    void configure() const {
        const auto keys = dir.path() / "keys";
        std::filesystem::create_directory(keys);
        ::chmod(keys.c_str(), 0700);
        write_known_key(keys);
        auto text = config_text(fmt::format(
            "keys: {{folder: '{0}'}}\n"
            "tenants:\n  contoso:\n    tenant_id: {1}\n    client_id: {2}\n"
            "    credential: {{client_secret: not-shown}}\n"
            "subscriptions:\n  inbox:\n    tenant: contoso\n    resource: chats/getAllMessages\n"
            "    changes: [created]\n    resource_data: true\n    handlers: [audit]\n",
            keys.string(), test::kTenantId, test::kClientId
        ));
        text.replace(text.find("type: file,"), 11, "type: file, resource_data: true,");
        write_config(text);
        know_subscription();
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        NoteShelf shelf(*store);
        ASSERT_TRUE(shelf.write(
            "key_set " + std::string(test::kLogin) + " v2",
            authenticity::to_text(signer().sets(kReceived)->sets.front())
        ));
    }
    void expect_no_secret(const std::string& text) const {
        EXPECT_THAT(text, Not(HasSubstr(kState)));
        const auto token = genuine_token();
        for (std::size_t at = 0; at + 16 <= token.size(); at += 16)
            ASSERT_THAT(text, Not(HasSubstr(token.substr(at, 16))));
        const auto pem = test::file_text(dir.file("kat.pem"));
        const auto key = pem.substr(pem.find("PRIVATE KEY-----"));
        for (std::size_t at = 40; at + 32 <= key.size(); at += 32)
            ASSERT_THAT(text, Not(HasSubstr(key.substr(at, 16))));
        EXPECT_THAT(text, Not(HasSubstr(std::string(test::kKnownDataKey).substr(0, 20))));
    }
};

TEST_F(InspectCommandTest, AGenuineBodyNeedsNoConfigurationAndExits0WithoutShowingASecret) {
    auto program = inspect(given({write_genuine()}));
    EXPECT_EQ(program.wait(), 0) << program.out() << program.err();
    for (const auto* said :
         {"answered 202", "token 1: genuine", "RS256", "signing-key-1",
          "item 1: accepted and proved", "not known here", "'kat'", "163 bytes of JSON"})
        EXPECT_THAT(program.out(), HasSubstr(said));
    EXPECT_THAT(program.out(), HasSubstr(std::string(test::kTenantId)));
    EXPECT_THAT(program.out(), Not(HasSubstr("héllo"))) << "only --reveal prints the resource";
    expect_no_secret(program.out() + program.err());
}

TEST_F(InspectCommandTest, RevealPrintsTheDecryptedResource) {
    const auto body = write_genuine();
    auto text = inspect(given({body, "--reveal"}));
    EXPECT_EQ(text.wait(), 0);
    EXPECT_THAT(text.out(), HasSubstr("héllo"));
    auto program = inspect(given({body, "--reveal", "--output", "json"}));
    EXPECT_EQ(program.wait(), 0);
    const auto content = json::parse(program.out()).at("items").at(0).at("content");
    EXPECT_EQ(content.at("resource").at("id"), "1700000000000");
    EXPECT_EQ(content.at("bytes"), 163);
    expect_no_secret(text.out() + program.out());
}

TEST_F(InspectCommandTest, TheBodyMayComeFromStandardInput) {
    const InputFrom input(write_genuine());
    for (const auto& arguments : {given({"-"}), given({})}) {
        auto program = inspect(arguments);
        EXPECT_EQ(program.wait(), 0) << program.out() << program.err();
        EXPECT_THAT(program.out(), HasSubstr("item 1: accepted and proved"));
        ::lseek(STDIN_FILENO, 0, SEEK_SET);
    }
}

TEST_F(InspectCommandTest, TheTimeOfReceiptDecidesWhetherATokenWasValid) {
    auto arguments = given({write_genuine(), "--at", "2026-11-23T08:00:00Z", "--output", "json"});
    auto late = inspect(arguments, false);
    EXPECT_EQ(late.wait(), 1);
    const auto said = json::parse(late.out());
    EXPECT_EQ(said.at("tokens").at(0).at("verdict"), "token_expired");
    EXPECT_EQ(said.at("items").at(0).at("proof"), "token_expired");
    EXPECT_EQ(said.at("good"), false);
    EXPECT_EQ(said.at("status"), 202) << "the reply does not depend on it";
}

TEST_F(InspectCommandTest, WithAConfigurationTheStoreSaysWhoseItIsAndWhoGetsIt) {
    configure();
    const auto body = write_genuine();
    auto program = inspect({body, "--output", "json"});
    EXPECT_EQ(program.wait(), 0) << program.out() << program.err();
    const auto item = json::parse(program.out()).at("items").at(0);
    EXPECT_EQ(item.at("known"), true);
    EXPECT_EQ(item.at("subscription"), "inbox");
    EXPECT_EQ(item.at("tenant"), "contoso");
    EXPECT_EQ(item.at("client_state"), "right");
    EXPECT_EQ(item.at("proof"), "genuine");
    EXPECT_EQ(item.at("content").at("verdict"), "decrypted");
    EXPECT_EQ(item.at("content").at("key"), "kat");
    EXPECT_EQ(item.at("handlers"), json::parse(R"([{"handler":"audit","resource":true}])"));
    auto text = inspect({body});
    EXPECT_EQ(text.wait(), 0);
    EXPECT_THAT(text.out(), HasSubstr("handed to audit (with the resource)"));
    expect_no_secret(program.out() + text.out() + text.err());
    EXPECT_THAT(text.out(), Not(HasSubstr("not-shown")));
}

TEST_F(InspectCommandTest, AWrongClientStateIsRefusedAndNeverShown) {
    configure();
    auto program = inspect({write_body({item(false, "somebody-elses-state"), item(false)})});
    EXPECT_EQ(program.wait(), 1);
    EXPECT_THAT(program.out(), HasSubstr("1 of 2 items stored"));
    EXPECT_THAT(program.out(), HasSubstr("client state   wrong"));
    EXPECT_THAT(program.out(), HasSubstr("item 2: accepted, handed to audit"));
    EXPECT_THAT(program.out(), Not(HasSubstr("somebody-elses-state")));
    expect_no_secret(program.out());
}

TEST_F(InspectCommandTest, ASubscriptionThatTheStoreDoesNotKnowIsRefused) {
    configure();
    auto unknown = item(false);
    unknown["subscriptionId"] = "00000000-0000-0000-0000-000000000001";
    unknown["clientState"] = "another";
    auto program = inspect({write_body({unknown}), "--output", "json"});
    EXPECT_EQ(program.wait(), 1);
    const auto said = json::parse(program.out()).at("items").at(0);
    EXPECT_EQ(said.at("refused"), "unknown_subscription");
    EXPECT_EQ(said.at("known"), false);
    EXPECT_EQ(said.at("accepted"), false);
}

TEST_F(InspectCommandTest, ARichItemWithoutTokensWouldBeQuarantined) {
    auto program = inspect(given({write_body({item(true)})}));
    EXPECT_EQ(program.wait(), 1);
    EXPECT_THAT(program.out(), HasSubstr("it goes to the quarantine"));
    EXPECT_THAT(program.out(), HasSubstr("tokens_missing"));
}

TEST_F(InspectCommandTest, WithoutTheRightKeysItWouldWait) {
    const test::TokenSigner other("another-key");
    write("keys.json", other.jwks());
    const auto body = write_genuine();
    auto unknown = inspect(given({body}));
    EXPECT_EQ(unknown.wait(), 1);
    EXPECT_THAT(unknown.out(), HasSubstr("accepted, then it waits"));
    EXPECT_THAT(unknown.out(), HasSubstr("key_unknown"));
    configure();
    std::filesystem::remove(dir.path() / "keys" / "kat.pem");
    auto closed = inspect({body});
    EXPECT_EQ(closed.wait(), 1);
    EXPECT_THAT(closed.out(), HasSubstr("no_private_key"));
}

TEST_F(InspectCommandTest, WhatIsNotABodyIsToldTheReplyThatItWouldGet) {
    write("bad.json", "{\"value\":[");
    auto cut = inspect(given({dir.file("bad.json")}));
    EXPECT_EQ(cut.wait(), 1);
    EXPECT_THAT(cut.out(), HasSubstr("answered 400: it is not JSON"));
    write("bad.json", "[]");
    auto shape = inspect(given({dir.file("bad.json"), "--output", "json"}));
    EXPECT_EQ(shape.wait(), 1);
    EXPECT_EQ(json::parse(shape.out()).at("status"), 400);
    json::array many;
    for (int i = 0; i < 2'001; ++i) many.push_back(json::object{});
    auto items = inspect(given({write_body(many)}));
    EXPECT_EQ(items.wait(), 1);
    EXPECT_THAT(items.out(), HasSubstr("answered 413"));
    write("bad.json", std::string((4u << 20) + 1, ' '));
    auto large = inspect(given({dir.file("bad.json")}));
    EXPECT_EQ(large.wait(), 1);
    EXPECT_THAT(large.out(), HasSubstr("answered 413: it is larger"));
    write("bad.json", "");
    auto empty = inspect(given({dir.file("bad.json")}));
    EXPECT_EQ(empty.wait(), 1);
    EXPECT_THAT(empty.out(), HasSubstr("answered 202: it is empty"));
}

TEST_F(InspectCommandTest, WrongUsageExits2AndARefusedConfiguration3) {
    const auto body = write_genuine();
    write("rubbish", "what is this");
    const std::string tenant(test::kTenantId);
    const std::vector<std::vector<std::string>> wrong = {
        {body, "--tenant-id", tenant},
        {body, "--tenant-id", "contoso.com", "--client-id", tenant},
        {body, "--jwks", dir.file("none.json")},
        given({body, "--jwks", dir.file("rubbish")}),
        given({body, "--key", dir.file("rubbish")}),
        given({body, "--at", "yesterday"}),
        given({dir.file("none.json")}),
        given({body, "--output", "xml"}),
    };
    for (const auto& arguments : wrong) {
        auto program = inspect(arguments, false);
        EXPECT_EQ(program.wait(), 2) << ::testing::PrintToString(arguments) << program.out();
        EXPECT_THAT(program.err(), Not(HasSubstr(kState)));
        EXPECT_FALSE(program.err().empty());
    }
    auto missing = inspect({body});
    EXPECT_EQ(missing.wait(), 3) << "the configuration that was named is not there";
    write_config("store: {url: 'nonsense'}\n");
    auto refused = inspect({body});
    EXPECT_EQ(refused.wait(), 3);
}

TEST_F(InspectCommandTest, AStoreThatIsNotThereYetIsSaidAndCostsNothingElse) {
    write_config(config_text(fmt::format(
        "tenants:\n  contoso: {{tenant_id: {0}, client_id: {1}, credential: {{client_secret: "
        "x}}}}\n",
        test::kTenantId, test::kClientId
    )));
    auto program =
        inspect({write_genuine(), "--jwks", dir.file("keys.json"), "--key", dir.file("kat.pem")});
    EXPECT_EQ(program.wait(), 0) << program.out() << program.err();
    EXPECT_THAT(program.out(), HasSubstr("there is no store yet"));
    EXPECT_THAT(program.out(), HasSubstr("client state   not checked"));
    EXPECT_FALSE(std::filesystem::exists(dir.file("store.db")));
}

}  // namespace
}  // namespace graphhook::app
