// Resource data over real sockets: what arrives is decrypted and verified by a few lines of ours.
#include "core/base64.hpp"
#include "core/digest.hpp"
#include "emulator/rich/forgery.hpp"
#include "emulator/server.hpp"
#include "tests/emulator/receiver.hpp"
#include "tests/emulator/rich_key.hpp"
#include "tests/emulator/running_emulator.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using test::Received;
using test::Receiver;
using test::RichKey;
using test::RunningEmulator;
using testing::HasSubstr;

constexpr std::string_view kTenant = "c0ffee00-0000-4000-8000-00000000c0de";
constexpr std::string_view kPublisher = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// Making keys takes long: one for all tests.
const RichKey& key() {
    static const RichKey made;
    return made;
}

class RichTest : public testing::Test {
  protected:
    void start(Options options = {}) {
        emulator_ = std::make_unique<RunningEmulator>(std::move(options));
        receiver_ = std::make_unique<Receiver>(
            emulator_->receiver_certificate(), emulator_->receiver_key(), Receiver::good()
        );
    }
    object body(std::string_view resource, std::string_view changes = "created") {
        auto made =
            RunningEmulator::body(resource, receiver_->url("/n"), receiver_->url("/life"), changes);
        made["includeResourceData"] = true;
        made["encryptionCertificate"] = key().certificate();
        made["encryptionCertificateId"] = "cert-1";
        return made;
    }
    std::string subscribe(std::string_view resource, std::string_view changes = "created") {
        return emulator_->subscribe(body(resource, changes));
    }
    RunningEmulator::Answer change(object request) {
        return emulator_->call("POST", "/emulator/changes", request);
    }
    /// The POSTs of notifications, once so many came.
    std::vector<object> posts(std::size_t count) {
        const auto handshakes = static_cast<std::size_t>(std::count_if(
            received_.begin(), received_.end(),
            [](const Received& one) {
                return one.target.find("validationToken=") != std::string::npos;
            }
        ));
        std::vector<object> found;
        for (std::size_t wanted = handshakes + count; found.size() < count; ++wanted) {
            received_ = receiver_->wait_for(wanted);
            found.clear();
            for (const auto& one : received_) {
                if (one.target.find("validationToken=") == std::string::npos)
                    found.push_back(boost::json::parse(one.body).as_object());
            }
            if (received_.size() < wanted) break;
        }
        return found;
    }
    static object content_of(const object& post, std::size_t item = 0) {
        return post.at("value").as_array().at(item).as_object().at("encryptedContent").as_object();
    }
    boost::json::array key_set(std::string_view path) {
        const auto answer = emulator_->call("GET", path);
        return answer.json.at("keys").as_array();
    }
    /// The entry of the key set that the token names.
    static const object* named(const boost::json::array& keys, const test::Token& token) {
        for (const auto& one : keys) {
            if (one.as_object().at("kid") == token.header.at("kid")) return &one.as_object();
        }
        return nullptr;
    }
    test::Token token_in(const object& post, std::size_t index = 0) {
        return test::read_token(
                   std::string_view(post.at("validationTokens").as_array().at(index).as_string())
        )
            .value();
    }

    std::unique_ptr<RunningEmulator> emulator_;
    std::unique_ptr<Receiver> receiver_;
    std::vector<Received> received_;
};

// protocol 7.3, 7.4
TEST_F(RichTest, AChangeCarriesTheEntityEncryptedForTheSubscribersCertificate) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    ASSERT_EQ(change({{"kind", "chatMessage"}, {"change", "created"}}).status(), 202);
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    const auto item = got[0].at("value").as_array().at(0).as_object();
    const auto content = content_of(got[0]);
    EXPECT_EQ(content.at("encryptionCertificateId"), "cert-1");
    EXPECT_EQ(content.at("encryptionCertificateThumbprint").as_string(), key().thumbprint());
    const auto opened = key().open(content);
    ASSERT_EQ(opened.trouble, "");
    const auto entity = boost::json::parse(opened.plaintext).as_object();
    EXPECT_EQ(entity.at("id"), item.at("resourceData").at("id"));
    EXPECT_EQ(entity.at("chatId"), "19:a@thread.v2");
    EXPECT_EQ(entity.at("body").at("contentType"), "html");
    EXPECT_EQ(item.at("tenantId").as_string(), kTenant);
    EXPECT_EQ(item.at("resourceData").at("@odata.type"), "#Microsoft.Graph.chatMessage");
    // The ledger knows what was encrypted.
    const auto ledger = emulator_->call("GET", "/emulator/changes?plaintext=1");
    const auto& kept = ledger.json.at("changes").at(0).at("items").at(0);
    EXPECT_EQ(kept.at("plaintext").as_string(), opened.plaintext);
    EXPECT_EQ(kept.at("plaintextSha256").as_string(), to_hex(sha256(opened.plaintext)));
    EXPECT_TRUE(emulator_->wait_until("richGenuineAccepted", 1));
}

// protocol 7.3: the key is used once
TEST_F(RichTest, EachItemHasAFreshKey) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    change({{"kind", "chatMessage"}, {"change", "created"}, {"count", 5}});
    std::set<std::string> keys;
    std::size_t items = 0;
    for (std::size_t wanted = 1; items < 5; ++wanted) {
        const auto got = posts(wanted);
        ASSERT_EQ(got.size(), wanted);
        items = 0;
        for (const auto& post : got) {
            for (std::size_t i = 0; i < post.at("value").as_array().size(); ++i, ++items) {
                const auto data_key = from_base64(content_of(post, i).at("dataKey").as_string());
                keys.insert(key().unwrap(*data_key, ::EVP_sha1()).value());
            }
        }
    }
    EXPECT_EQ(keys.size(), 5U);
}

// protocol 7.7, 7.8
TEST_F(RichTest, AnItemOfVersion2IsProvedByATokenOfTheKeySet) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    change({{"kind", "chatMessage"}, {"change", "created"}});
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    ASSERT_EQ(got[0].at("validationTokens").as_array().size(), 1U);
    const auto token = token_in(got[0]);
    EXPECT_EQ(token.header.at("alg"), "RS256");
    EXPECT_EQ(token.claims.at("aud"), "app-1");
    EXPECT_EQ(token.claims.at("tid").as_string(), kTenant);
    EXPECT_EQ(token.claims.at("azp").as_string(), kPublisher);
    EXPECT_FALSE(token.claims.contains("appid"));
    EXPECT_EQ(token.claims.at("ver"), "2.0");
    EXPECT_EQ(token.claims.at("exp").as_int64() - token.claims.at("iat").as_int64(), 86'700);
    const auto keys = key_set("/common/discovery/v2.0/keys");
    const auto* jwk = named(keys, token);
    ASSERT_NE(jwk, nullptr);
    EXPECT_TRUE(test::verifies(token, *jwk, "RS256"));
    std::string issuer(jwk->at("issuer").as_string());
    issuer.replace(issuer.find("{tenantid}"), 10, kTenant);
    EXPECT_EQ(token.claims.at("iss").as_string(), issuer);
}

TEST_F(RichTest, AnItemOfVersion1IsProvedByATokenOfTheOtherKeySet) {
    Options options;
    options.identity.validation_tokens.version = TokenVersion::V1;
    start(options);
    subscribe("chats/19:a@thread.v2/messages");
    change({{"kind", "chatMessage"}, {"change", "created"}});
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    const auto token = token_in(got[0]);
    EXPECT_EQ(token.claims.at("appid").as_string(), kPublisher);
    EXPECT_FALSE(token.claims.contains("azp"));
    EXPECT_EQ(token.claims.at("ver"), "1.0");
    EXPECT_EQ(
        token.claims.at("iss").as_string(), fmt::format("https://sts.windows.net/{}/", kTenant)
    );
    const auto keys = key_set("/common/discovery/keys");
    const auto* jwk = named(keys, token);
    ASSERT_NE(jwk, nullptr);
    EXPECT_EQ(jwk->at("issuer"), "https://sts.windows.net/{tenantid}/");
    EXPECT_TRUE(test::verifies(token, *jwk, "RS256"));
}

TEST_F(RichTest, ABasicSubscriptionGetsNeitherContentNorTokens) {
    start();
    emulator_->subscribe(
        RunningEmulator::body("users/a/messages", receiver_->url("/n"), "", "created")
    );
    change({{"kind", "message"}, {"change", "created"}});
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_FALSE(got[0].contains("validationTokens"));
    EXPECT_FALSE(got[0].at("value").as_array().at(0).as_object().contains("encryptedContent"));
}

TEST_F(RichTest, LifecycleNotificationsCarryNoTokens) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    emulator_->call(
        "POST", "/emulator/lifecycle", {{"event", "reauthorizationRequired"}, {"all", true}}
    );
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_FALSE(got[0].contains("validationTokens"));
}

// protocol 4.1: Outlook's kinds want a $select, and get what it names
TEST_F(RichTest, AMessageHasWhatWasSelectedAndItsEtagIsThatOfTheItem) {
    start();
    subscribe("users/a/messages?$select=subject,from");
    change({{"kind", "message"}, {"change", "created"}});
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    const auto opened = key().open(content_of(got[0]));
    ASSERT_EQ(opened.trouble, "");
    const auto entity = boost::json::parse(opened.plaintext).as_object();
    std::set<std::string> names;
    for (const auto& member : entity) names.emplace(member.key());
    EXPECT_EQ(
        names, (std::set<std::string>{"@odata.context", "@odata.etag", "id", "subject", "from"})
    );
    const auto& item = got[0].at("value").as_array().at(0);
    EXPECT_EQ(entity.at("@odata.etag"), item.at("resourceData").at("@odata.etag"));
    EXPECT_THAT(std::string(item.at("resource").as_string()), HasSubstr("Users/a/Messages/"));
}

TEST_F(RichTest, EachAppOfAPostHasItsOwnToken) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    auto second = body("chats/19:a@thread.v2/messages");
    second["notificationUrlAppId"] = "app-2";
    emulator_->call("DELETE", "/emulator/faults");
    second["resource"] = "users/b/messages?$select=subject";
    emulator_->subscribe(second);
    change({{"kind", "chatMessage"}, {"change", "created"}});
    change({{"kind", "message"}, {"change", "created"}});
    std::set<std::string> audiences;
    for (std::size_t wanted = 1; audiences.size() < 2; ++wanted) {
        const auto got = posts(wanted);
        ASSERT_EQ(got.size(), wanted);
        for (const auto& post : got) {
            for (std::size_t i = 0; i < post.at("validationTokens").as_array().size(); ++i)
                audiences.emplace(token_in(post, i).claims.at("aud").as_string());
        }
    }
    EXPECT_EQ(audiences, (std::set<std::string>{"app-1", "app-2"}));
}

// protocol 7.6
TEST_F(RichTest, AnUpdateMovesTheSubscriptionToAnotherCertificate) {
    start();
    const auto id = subscribe("chats/19:a@thread.v2/messages");
    const RichKey other;
    const object update{
        {"encryptionCertificate", other.certificate()}, {"encryptionCertificateId", "cert-2"}
    };
    EXPECT_EQ(emulator_->call("PATCH", "/v1.0/subscriptions/" + id, update).status(), 200);
    const auto read = emulator_->call("GET", "/v1.0/subscriptions/" + id);
    EXPECT_EQ(read.json.at("encryptionCertificateId"), "cert-2");
    EXPECT_TRUE(read.json.at("encryptionCertificate").is_null());
    EXPECT_EQ(read.json.at("includeResourceData"), true);
    change({{"kind", "chatMessage"}, {"change", "created"}});
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(other.open(content_of(got[0])).trouble, "");
}

TEST_F(RichTest, AFaultMakesTheUpdateIgnoreOrRefuseTheCertificate) {
    start();
    const auto id = subscribe("chats/19:a@thread.v2/messages");
    const object update{
        {"encryptionCertificate", key().certificate()}, {"encryptionCertificateId", "cert-2"}
    };
    emulator_->call("POST", "/emulator/faults", {{"fault", "ignore-certificate"}});
    EXPECT_EQ(emulator_->call("PATCH", "/v1.0/subscriptions/" + id, update).status(), 200);
    const auto read = emulator_->call("GET", "/v1.0/subscriptions/" + id);
    EXPECT_EQ(read.json.at("encryptionCertificateId"), "cert-1");
    emulator_->call("POST", "/emulator/faults", {{"fault", "refuse-certificate"}});
    EXPECT_EQ(emulator_->call("PATCH", "/v1.0/subscriptions/" + id, update).status(), 400);
    EXPECT_EQ(emulator_->call("PATCH", "/v1.0/subscriptions/" + id, update).status(), 200);
}

// protocol 7.9: keys change without notice
TEST_F(RichTest, ASigningKeyRotatesAndTheOldOneCanBeTakenAway) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    const auto kids = [&] {
        std::set<std::string> all;
        for (const auto& one : key_set("/common/discovery/v2.0/keys"))
            all.emplace(one.at("kid").as_string());
        return all;
    };
    const auto sign = [&](std::size_t post) {
        change({{"kind", "chatMessage"}, {"change", "created"}});
        return std::string(token_in(posts(post).at(post - 1)).header.at("kid").as_string());
    };
    const auto act = [&](std::string_view action) {
        EXPECT_EQ(emulator_->call("POST", "/emulator/keys", {{"action", action}}).status(), 200);
    };
    const auto first = sign(1);
    act("publish");
    EXPECT_EQ(kids().size(), 2U);
    EXPECT_EQ(sign(2), first) << "a key that is published ahead of time does not sign yet";
    act("rotate");
    const auto second = sign(3);
    EXPECT_NE(second, first);
    EXPECT_EQ(kids(), (std::set<std::string>{first, second}));
    act("retire");
    EXPECT_EQ(kids(), (std::set<std::string>{second}));
    act("hide");
    const auto third = sign(4);
    EXPECT_EQ(kids(), (std::set<std::string>{second})) << "the new one signs and is nowhere";
    act("reveal");
    EXPECT_EQ(kids(), (std::set<std::string>{first, second, third}));
    EXPECT_EQ(emulator_->call("POST", "/emulator/keys", {{"action", "eat"}}).status(), 400);
}

TEST_F(RichTest, KeySetsFailInEveryForm) {
    start();
    const auto ask = [&](const object& fault) {
        EXPECT_EQ(emulator_->call("POST", "/emulator/faults", fault).status(), 200);
        HttpRequest request;
        request.method = "GET";
        request.url = "/common/discovery/v2.0/keys";
        return emulator_->raw(std::move(request));
    };
    EXPECT_EQ(ask({{"fault", "keys"}}).status(), 503);
    EXPECT_THAT(
        ask({{"fault", "keys"}, {"form", "html"}}).response.body, HasSubstr("<!DOCTYPE html>")
    );
    EXPECT_TRUE(ask({{"fault", "keys"}, {"form", "empty"}}).json.at("keys").as_array().empty());
    EXPECT_TRUE(ask({{"fault", "keys"}, {"form", "wrong-json"}}).json.at("keys").is_object());
    const auto garbage = ask({{"fault", "keys"}, {"form", "garbage"}});
    EXPECT_TRUE(garbage.json.empty());
    EXPECT_NE(garbage.response.body, "");
    EXPECT_EQ(ask({{"fault", "keys"}, {"form", "blank"}}).response.body, "");
    EXPECT_EQ(ask({{"fault", "keys"}, {"form", "redirect"}}).status(), 302);
    EXPECT_FALSE(key_set("/common/discovery/v2.0/keys").empty()) << "each struck once";
}

TEST_F(RichTest, TokensAreMadeByAClockThatIsOff) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    change({{"kind", "chatMessage"}, {"change", "created"}});
    const auto before = token_in(posts(1).at(0)).claims.at("iat").as_int64();
    const auto clock =
        emulator_->call("POST", "/emulator/token-clock", {{"offsetSeconds", -100'000}});
    EXPECT_EQ(clock.status(), 200);
    const auto answer = emulator_->call("GET", "/emulator/keys");
    const auto date = answer.response.header("date");
    ASSERT_TRUE(date);
    EXPECT_NE(date->substr(5, 2), http_date(real_clock().system_now()).substr(5, 2))
        << "it was another day then";
    change({{"kind", "chatMessage"}, {"change", "created"}});
    const auto after = token_in(posts(2).at(1)).claims.at("iat").as_int64();
    EXPECT_NEAR(static_cast<double>(before - after), 100'000.0, 60.0);
}

TEST_F(RichTest, ForgedItemsAreCountedApartAndNamedInTheLedger) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    const auto answer = change(
        {{"kind", "chatMessage"},
         {"change", "created"},
         {"count", 6},
         {"forge", "bad-signature"},
         {"forgeEvery", 3}}
    );
    ASSERT_EQ(answer.status(), 202) << answer.response.body;
    EXPECT_TRUE(emulator_->wait_until("richForgedAccepted", 2));
    EXPECT_TRUE(emulator_->wait_until("richGenuineAccepted", 4));
    const auto ledger = emulator_->call("GET", "/emulator/changes");
    std::vector<std::string> forged;
    for (const auto& one : ledger.json.at("changes").as_array()) {
        const auto& item = one.at("items").at(0).as_object();
        forged.emplace_back(item.contains("forgery") ? item.at("forgery").as_string() : "");
    }
    const std::string bad = "bad-signature";
    EXPECT_EQ(forged, (std::vector<std::string>{bad, "", "", bad, "", ""}));
}

// A forged token must not be told apart by a genuine one of the same app and tenant beside it.
TEST_F(RichTest, AnItemWithAForgedTokenTravelsWithoutGenuineOnesOfItsAppAndTenant) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    change(
        {{"kind", "chatMessage"},
         {"change", "created"},
         {"count", 3},
         {"forge", "alg-none"},
         {"forgeEvery", 2}}
    );
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 3));
    std::size_t forged = 0;
    for (const auto& post : posts(2)) {
        ASSERT_EQ(post.at("validationTokens").as_array().size(), 1U);
        const auto token = token_in(post);
        if (token.header.at("alg") == "none") {
            ++forged;
            EXPECT_EQ(token.signature, "");
        }
    }
    EXPECT_GE(forged, 1U);
}

TEST_F(RichTest, AForgedTokenBesideTheGoodOneLeavesTheItemProved) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    change(
        {{"kind", "chatMessage"}, {"change", "created"}, {"forge", "expired"}, {"besideGood", true}}
    );
    const auto got = posts(1);
    ASSERT_EQ(got.size(), 1U);
    ASSERT_EQ(got[0].at("validationTokens").as_array().size(), 2U);
    const auto keys = key_set("/common/discovery/v2.0/keys");
    const auto bad = token_in(got[0], 0);
    const auto good = token_in(got[0], 1);
    EXPECT_LT(bad.claims.at("exp").as_int64(), good.claims.at("iat").as_int64());
    EXPECT_TRUE(test::verifies(good, *named(keys, good), "RS256"));
}

TEST_F(RichTest, EachForgeryArrivesAsJsonThatAReceiverCanRead) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    const auto count = forgery_kinds().size();
    change({{"kind", "chatMessage"}, {"change", "created"}, {"count", count}, {"forge", "all"}});
    ASSERT_TRUE(emulator_->wait_until("richForgedAccepted", count));
    std::size_t items = 0;
    for (const auto& one : receiver_->all()) {
        if (one.target.find("validationToken=") != std::string::npos) continue;
        items += boost::json::parse(one.body).at("value").as_array().size();
    }
    EXPECT_EQ(items, count);
    std::set<std::string> names;
    const auto ledger = emulator_->call("GET", "/emulator/changes");
    for (const auto& one : ledger.json.at("changes").as_array())
        names.emplace(one.at("items").at(0).at("forgery").as_string());
    EXPECT_EQ(names.size(), count);
}

TEST_F(RichTest, NothingIsForgedWhereNobodyGetsResourceData) {
    start();
    emulator_->subscribe(
        RunningEmulator::body("users/a/messages", receiver_->url("/n"), "", "created")
    );
    const auto answer = change({{"kind", "message"}, {"change", "created"}, {"forge", "alg-none"}});
    EXPECT_EQ(answer.status(), 400);
    EXPECT_THAT(answer.message(), HasSubstr("nothing to forge"));
}

TEST_F(RichTest, ARequestForAnUnknownForgeryIsRefused) {
    start();
    subscribe("chats/19:a@thread.v2/messages");
    const auto answer = change({{"kind", "chatMessage"}, {"forge", "nonsense"}});
    EXPECT_EQ(answer.status(), 400);
    EXPECT_EQ(
        emulator_->call("GET", "/emulator/forgeries").json.at("forgeries").as_array().size(), 61U
    );
}

}  // namespace
}  // namespace graphhook::emulator
