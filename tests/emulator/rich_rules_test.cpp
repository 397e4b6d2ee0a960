// What a create and an update say about resource data.
#include "core/base64.hpp"
#include "emulator/rich/rules.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/rich_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using test::body_for;
using test::checked;
using test::RichKey;
using testing::HasSubstr;

const RichKey& key() {
    static const RichKey made;
    return made;
}

object rich(const std::string& resource, const std::string& changes = "updated") {
    auto made = body_for(resource, changes);
    made["includeResourceData"] = true;
    made["encryptionCertificate"] = key().certificate();
    made["encryptionCertificateId"] = "cert-1";
    return made;
}

std::string refusal(const object& body) {
    const auto draft = checked(body, ApiVersion::Beta);
    return draft ? "accepted" : draft.error().message;
}

object with(object body, std::string_view name, const boost::json::value& value) {
    body[name] = value;
    return body;
}

// protocol 7.2
TEST(RichRules, EachKindWithARichFormTakesResourceData) {
    const std::pair<const char*, const char*> kinds[] = {
        {"users/a/messages?$select=subject", "created"},
        {"users/a/events?$select=subject", "created"},
        {"users/a/contacts?$select=displayName", "created"},
        {"chats/19:a@thread.v2/messages", "created"},
        {"chats", "created"},
        {"teams/t/channels", "created"},
        {"teams", "created"},
        {"teams/t/members", "created"},
        {"communications/presences/7c7c7c7c-0000-4000-8000-000000000010", "updated"},
        {"communications/onlineMeetings(joinWebUrl='x')/meetingCallEvents", "updated"},
        {"communications/onlineMeetings/getAllRecordings", "created"},
        {"communications/onlineMeetings/getAllTranscripts", "created"},
        {"copilot/interactionHistory/getAllEnterpriseInteractions", "created"},
    };
    for (const auto& [resource, changes] : kinds) {
        const auto draft = checked(rich(resource, changes), ApiVersion::Beta);
        ASSERT_TRUE(draft) << resource << ": " << draft.error().message;
        EXPECT_TRUE(draft->rich);
        EXPECT_EQ(draft->certificate_id, "cert-1");
        EXPECT_EQ(draft->certificate->thumbprint(), key().thumbprint());
    }
}

TEST(RichRules, KindsWithoutARichFormAreRefused) {
    for (const auto* resource :
         {"drives/x/root", "sites/s/lists/l", "users", "groups", "communications/callRecords",
          "me/todo/lists/l/tasks"}) {
        auto body = rich(resource);
        const auto recognised = recognise(std::string_view(resource));
        if (!recognised) body["resource"] = "users/u/todo/lists/l/tasks";
        EXPECT_THAT(refusal(body), HasSubstr("not enabled for rich notifications")) << resource;
    }
}

// protocol 7.1
TEST(RichRules, ACertificateThatIsNoneOfItsKindIsRefused) {
    const auto body = rich("chats", "created");
    const auto certificate = [&](const std::string& text) {
        return refusal(with(body, "encryptionCertificate", boost::json::string(text)));
    };
    const auto& good = key().certificate();
    const std::string none = "Certificate validation error: Cannot find the requested object.";
    EXPECT_EQ(certificate(good), "accepted");
    EXPECT_EQ(
        certificate("-----BEGIN CERTIFICATE-----\n" + good + "\n-----END CERTIFICATE-----"), none
    );
    EXPECT_EQ(certificate(good.substr(0, 64) + "\n" + good.substr(64)), none);
    EXPECT_EQ(certificate(good.substr(0, good.size() - 8)), none);
    EXPECT_EQ(certificate(to_base64(from_base64(good).value() + "more")), none);
    EXPECT_EQ(certificate(key().private_key()), none);
    EXPECT_EQ(certificate("nonsense"), none);
    EXPECT_THAT(certificate(RichKey(1'024).certificate()), HasSubstr("2048 to 4096 bits"));
    EXPECT_THAT(certificate(""), HasSubstr("encryptionCertificate is a required property"));
    EXPECT_THAT(certificate(std::string(20'000, 'A')), HasSubstr("Certificate validation error"));
}

TEST(RichRules, TheCertificatesIdIsRequiredAndShort) {
    const auto body = rich("chats", "created");
    const auto id = [&](const boost::json::value& text) {
        return refusal(with(body, "encryptionCertificateId", text));
    };
    EXPECT_THAT(id(nullptr), HasSubstr("encryptionCertificateId is a required property"));
    EXPECT_EQ(id(boost::json::string(std::string(128, 'x'))), "accepted");
    EXPECT_THAT(id(boost::json::string(std::string(129, 'x'))), HasSubstr("128 characters"));
    EXPECT_THAT(id(7), HasSubstr("Invalid property value"));
}

TEST(RichRules, OutlookWantsASelect) {
    EXPECT_THAT(refusal(rich("users/a/messages")), HasSubstr("$select"));
    EXPECT_THAT(refusal(rich("users/a/messages?$select=")), HasSubstr("$select"));
    const auto draft =
        checked(rich("users/a/messages?$select=subject, from&$filter=isRead eq true"));
    ASSERT_TRUE(draft) << draft.error().message;
    EXPECT_EQ(draft->select, (std::vector<std::string>{"subject", "from"}));
}

// protocol 4.1: the column of rich lives
TEST(RichRules, LivesWithResourceDataAreShorter) {
    const auto until = [](std::chrono::minutes life) {
        return boost::json::string(to_text(test::some_time() + life));
    };
    const auto life = [&](const std::string& resource, std::chrono::minutes most) {
        const auto body = rich(resource, resource.starts_with("comm") ? "updated" : "created");
        EXPECT_EQ(refusal(with(body, "expirationDateTime", until(most))), "accepted") << resource;
        EXPECT_NE(
            refusal(with(body, "expirationDateTime", until(most + std::chrono::minutes(1)))),
            "accepted"
        ) << resource;
    };
    life("users/a/events?$select=subject", std::chrono::minutes(1'440));
    life("chats", std::chrono::minutes(4'320));
    life("communications/presences/7c7c7c7c-0000-4000-8000-000000000010", std::chrono::minutes(60));
}

TEST(RichRules, WithoutResourceDataACertificateMeansNothing) {
    auto body = rich("chats", "created");
    body["includeResourceData"] = false;
    const auto draft = checked(body);
    ASSERT_TRUE(draft);
    EXPECT_FALSE(draft->rich);
    EXPECT_EQ(draft->certificate, nullptr);
}

// protocol 7.6
TEST(RichRules, AnUpdateTakesCertificateAndIdTogether) {
    const auto draft = checked(rich("chats", "created"));
    ASSERT_TRUE(draft);
    const auto update = [&](const object& body) {
        return check_update(body, *draft, test::someone(), RulePolicy{.now = test::some_time()});
    };
    const object both{
        {"encryptionCertificate", key().certificate()}, {"encryptionCertificateId", "cert-2"}
    };
    const auto good = update(both);
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_EQ(good->certificate->id, "cert-2");
    EXPECT_FALSE(update({{"encryptionCertificate", key().certificate()}}));
    EXPECT_FALSE(update({{"encryptionCertificateId", "cert-2"}}));
    const auto basic = checked(body_for("chats", "created"));
    EXPECT_FALSE(check_update(both, *basic, test::someone(), RulePolicy{.now = test::some_time()}));
}

TEST(RichRules, OnlyTheReplyShowsTheCertificate) {
    const auto draft = checked(rich("chats", "created"));
    ASSERT_TRUE(draft);
    const auto reply = to_json(*draft, ClientStateIn::Reply);
    EXPECT_EQ(reply.at("encryptionCertificate").as_string(), key().certificate());
    const auto read = to_json(*draft, ClientStateIn::Null);
    EXPECT_TRUE(read.at("encryptionCertificate").is_null());
    EXPECT_EQ(read.at("encryptionCertificateId"), "cert-1");
    EXPECT_EQ(read.at("includeResourceData"), true);
}

}  // namespace
}  // namespace graphhook::emulator
