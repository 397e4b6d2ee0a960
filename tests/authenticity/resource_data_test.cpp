#include "authenticity/resource_data.hpp"

#include "authenticity/keyring.hpp"
#include "core/base64.hpp"
#include "tests/authenticity/known_answer.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

const std::string kDataKey = "0123456789abcdef0123456789ABCDEF";

/// The key of the known answer: it costs nothing to make.
EncryptionKeyPtr known_key() {
    const auto der = from_base64(test::kKnownKey);
    const auto* at = reinterpret_cast<const unsigned char*>(der->data());
    return test::key_of(
        OpensslOwned<EVP_PKEY>(::d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der->size())))
    );
}

EncryptedContent known_content() {
    return {
        std::string(test::kKnownData), std::string(test::kKnownDataKey),
        std::string(test::kKnownSignature), "kat", std::string(test::kKnownThumbprint)
    };
}

json::object known_item() {
    return json::parse(
               R"({"subscriptionId":"s","encryptedContent":{"data":")" +
               std::string(test::kKnownData) + R"(","dataKey":")" +
               std::string(test::kKnownDataKey) + R"(","dataSignature":")" +
               std::string(test::kKnownSignature) +
               R"(","encryptionCertificateId":"kat","encryptionCertificateThumbprint":")" +
               std::string(test::kKnownThumbprint) + R"("}})"
    )
        .as_object();
}

Reason reason_of(const std::variant<Secret, Reason>& outcome) {
    const auto* const reason = std::get_if<Reason>(&outcome);
    return reason == nullptr ? Reason::None : *reason;
}

Reason reason_of(const json::value& item) {
    const auto outcome = read_encrypted_content(json::serialize(item));
    const auto* const reason = std::get_if<Reason>(&outcome);
    return reason == nullptr ? Reason::None : *reason;
}

/// All done rightly with `data_key` over this ciphertext.
EncryptedContent genuine(const EncryptionKey& key, const std::string& ciphertext) {
    return test::content_of(
        test::wrap_key(key.key.get(), kDataKey), ciphertext, test::sign(kDataKey, ciphertext)
    );
}

Reason reason_of_plain(const EncryptionKey& key, std::string_view plain) {
    return reason_of(decrypt(genuine(key, test::encipher(kDataKey, plain)), key));
}

double thread_seconds() {
    ::timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

TEST(ResourceDataTest, TheKnownAnswerComesOut) {
    const auto content = read_encrypted_content(json::serialize(known_item()));
    ASSERT_TRUE(std::holds_alternative<EncryptedContent>(content));
    EXPECT_EQ(std::get<EncryptedContent>(content).certificate_id, "kat");
    EXPECT_EQ(std::get<EncryptedContent>(content).thumbprint, test::kKnownThumbprint);
    const auto plain = decrypt(std::get<EncryptedContent>(content), *known_key());
    ASSERT_TRUE(std::holds_alternative<Secret>(plain)) << to_string(reason_of(plain));
    EXPECT_EQ(std::get<Secret>(plain).reveal(), test::kKnownPlaintext);
}

TEST(ResourceDataTest, ASignatureOverTheBase64TextIsRefused) {
    EncryptedContent content = known_content();
    content.data_signature = test::kSignatureOverText;
    EXPECT_EQ(reason_of(decrypt(content, *known_key())), Reason::DataSignature);
}

TEST(ResourceDataTest, ASignatureThatIsCutOrEmptyIsRefused) {
    const auto key = known_key();
    EncryptedContent content = known_content();
    content.data_signature = to_base64(from_base64(test::kKnownSignature)->substr(0, 31));
    EXPECT_EQ(reason_of(decrypt(content, *key)), Reason::DataSignature);
    content.data_signature.clear();
    EXPECT_EQ(reason_of(decrypt(content, *key)), Reason::DataSignature);
}

TEST(ResourceDataTest, OneChangedBitOfTheCiphertextIsRefusedUndecrypted) {
    std::string data = *from_base64(test::kKnownData);
    data.back() = static_cast<char>(data.back() ^ 1);
    EncryptedContent content = known_content();
    content.data = to_base64(data);
    EXPECT_EQ(reason_of(decrypt(content, *known_key())), Reason::DataSignature);
}

TEST(ResourceDataTest, OaepWithSha256IsNotTheDataKeyOfGraph) {
    const auto key = known_key();
    const std::string ciphertext = test::encipher(kDataKey, "{}");
    const auto content = test::content_of(
        test::wrap_key(key->key.get(), kDataKey, ::EVP_sha256()), ciphertext,
        test::sign(kDataKey, ciphertext)
    );
    EXPECT_EQ(reason_of(decrypt(content, *key)), Reason::DataKey);
}

TEST(ResourceDataTest, ADataKeyForAnotherKeyIsRefused) {
    const auto other = test::key_of(test::make_rsa(2048));
    EXPECT_EQ(reason_of(decrypt(known_content(), *other)), Reason::DataKey);
    const auto longer = test::key_of(test::make_rsa(3072));
    EXPECT_EQ(reason_of(decrypt(known_content(), *longer)), Reason::DataKey);
    EXPECT_EQ(
        reason_of(decrypt(test::seal(longer->key.get(), "{}"), *known_key())), Reason::DataKey
    );
    EncryptedContent none = known_content();
    none.data_key.clear();
    EXPECT_EQ(reason_of(decrypt(none, *known_key())), Reason::DataKey);
}

TEST(ResourceDataTest, ADataKeyOf31Or33BytesIsRefused) {
    const auto key = known_key();
    for (const std::size_t size : {std::size_t{0}, std::size_t{31}, std::size_t{33}}) {
        const std::string data_key(size, 'k');
        const std::string ciphertext = test::encipher(std::string(32, 'k'), "{}");
        const auto content = test::content_of(
            test::wrap_key(key->key.get(), data_key), ciphertext, test::sign(data_key, ciphertext)
        );
        EXPECT_EQ(reason_of(decrypt(content, *key)), Reason::DataKey) << size;
    }
}

TEST(ResourceDataTest, AWrongDataKeyTakesAsLongAsARightOne) {
    // So much ciphertext that leaving out its signature would save most of the time.
    const auto key = known_key();
    const std::string ciphertext(std::size_t{4} << 20, 'c');
    const std::string signature(32, 's');
    const std::string right = test::wrap_key(key->key.get(), kDataKey);
    const std::string wrong(right.size(), 'w');
    double of_right = 1e9;
    double of_wrong = 1e9;
    const auto least = [&](double& seconds, const std::string& wrapped, Reason expected) {
        const double began = thread_seconds();
        const auto outcome = decrypt_bytes(ciphertext, wrapped, signature, *key);
        seconds = std::min(seconds, thread_seconds() - began);
        EXPECT_EQ(reason_of(outcome), expected);
    };
    for (int i = 0; i < 20; ++i) {
        least(of_right, right, Reason::DataSignature);
        least(of_wrong, wrong, Reason::DataKey);
    }
    EXPECT_GT(of_wrong, of_right * 0.7);
    EXPECT_LT(of_wrong, of_right * 1.4);
}

TEST(ResourceDataTest, WrongPaddingIsRefused) {
    const auto key = known_key();
    const std::array<std::string, 3> lasts = {
        std::string("{            }\0\0", 16), "{             }\x11", "{            }\x01\x02"
    };
    for (const std::string& last : lasts) {
        const auto ciphertext = test::encipher(kDataKey, last, test::Padding::None);
        EXPECT_EQ(reason_of(decrypt(genuine(*key, ciphertext), *key)), Reason::DataCiphertext);
    }
}

TEST(ResourceDataTest, CiphertextThatIsNoneOrNotOfWholeBlocksIsRefused) {
    const auto key = known_key();
    const std::string whole = test::encipher(kDataKey, R"({"id":"0123456789"})");
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, whole.size() - 1})
        EXPECT_EQ(
            reason_of(decrypt(genuine(*key, whole.substr(0, size)), *key)), Reason::DataCiphertext
        ) << size;
}

TEST(ResourceDataTest, CiphertextSwappedBetweenTwoItemsIsRefusedInBoth) {
    const auto key = known_key();
    EncryptedContent one = test::seal(key->key.get(), R"({"id":"1"})");
    EncryptedContent two = test::seal(key->key.get(), R"({"id":"2"})");
    std::swap(one.data, two.data);
    EXPECT_EQ(reason_of(decrypt(one, *key)), Reason::DataSignature);
    EXPECT_EQ(reason_of(decrypt(two, *key)), Reason::DataSignature);
    std::swap(one.data_signature, two.data_signature);
    EXPECT_EQ(reason_of(decrypt(one, *key)), Reason::DataSignature);
}

TEST(ResourceDataTest, WhatIsNoJsonObjectInUtf8IsRefused) {
    const auto key = known_key();
    const std::string deep =
        R"({"a":)" + std::string(70, '[') + std::string(70, ']') + std::string("}");
    for (const std::string& plain :
         {std::string(), std::string("   "), std::string("hello"), std::string("[1]"),
          std::string("[{}]"), std::string("null"), std::string("\"{}\""), std::string("{"),
          std::string("{} {}"), std::string("{}x"), std::string(R"({"a":})"),
          std::string("{'a':1}"), std::string("{\"a\":\"\xff\"}"),
          std::string("{\"a\":\"\xed\xa0\x80\"}"), std::string("\xef\xbb\xbf{}"),
          std::string("{}\0", 3), deep})
        EXPECT_EQ(reason_of_plain(*key, plain), Reason::DataJson) << plain;
}

TEST(ResourceDataTest, AnyJsonObjectIsTaken) {
    const auto key = known_key();
    const std::string deep =
        R"({"a":)" + std::string(60, '[') + std::string(60, ']') + std::string("}");
    const std::string large = R"({"body":")" + std::string(1 << 20, 'x') + R"("})";
    for (const std::string& plain :
         {std::string("{}"), std::string(" \r\n{ }\t\n"),
          std::string("{\"a\":\"h\xc3\xa9llo \\u00e9\",\"n\":-1.5e3,\"t\":[true,null]}"), deep,
          large})
        EXPECT_EQ(reason_of_plain(*key, plain), Reason::None) << plain.substr(0, 100);
}

TEST(ResourceDataTest, BrokenBase64InAnyMemberIsMalformed) {
    const auto key = known_key();
    for (const auto member :
         {&EncryptedContent::data, &EncryptedContent::data_key, &EncryptedContent::data_signature
         }) {
        EncryptedContent content = known_content();
        (content.*member).insert(8, "!");
        EXPECT_EQ(reason_of(decrypt(content, *key)), Reason::ContentMalformed);
        content = known_content();
        (content.*member).insert(8, " ");
        EXPECT_EQ(reason_of(decrypt(content, *key)), Reason::ContentMalformed);
    }
}

TEST(ResourceDataTest, AKeyOf4096BitsDecrypts) {
    const auto key = test::key_of(test::make_rsa(4096));
    const auto plain = decrypt(test::seal(key->key.get(), R"({"id":"4096"})"), *key);
    ASSERT_TRUE(std::holds_alternative<Secret>(plain));
    EXPECT_EQ(std::get<Secret>(plain).reveal(), R"({"id":"4096"})");
}

TEST(ResourceDataTest, WithoutThePrivateHalfTheItemWaits) {
    EncryptionKey shown = *known_key();
    shown.key.reset();
    EXPECT_EQ(reason_of(decrypt(known_content(), shown)), Reason::NoPrivateKey);
}

TEST(ResourceDataTest, ThreadsDecryptWithOneKeyAtOnce) {
    const auto key = known_key();
    const auto content = known_content();
    std::vector<std::future<int>> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.push_back(std::async(std::launch::async, [&key, &content] {
            int right = 0;
            for (int n = 0; n < 40; ++n) {
                const auto plain = decrypt(content, *key);
                const auto* const secret = std::get_if<Secret>(&plain);
                right += secret != nullptr && secret->reveal() == test::kKnownPlaintext ? 1 : 0;
            }
            return right;
        }));
    }
    for (auto& thread : threads) EXPECT_EQ(thread.get(), 40);
}

TEST(ResourceDataTest, AKeyThatTookThePlaceOfAnotherInMemoryIsNotMistakenForIt) {
    const auto content = known_content();
    const OpensslOwned<EVP_PKEY> other = test::make_rsa(2048);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(reason_of(decrypt(content, *known_key())), Reason::None) << i;
        const auto wrong = test::key_of(OpensslOwned<EVP_PKEY>(::EVP_PKEY_dup(other.get())));
        EXPECT_EQ(reason_of(decrypt(content, *wrong)), Reason::DataKey) << i;
    }
}

TEST(ResourceDataTest, AThreadMayUseMoreKeysThanItKeeps) {
    const OpensslOwned<EVP_PKEY> other = test::make_rsa(2048);
    std::vector<EncryptionKeyPtr> keys;
    std::vector<EncryptedContent> contents;
    for (int i = 0; i < 7; ++i) {
        const bool known = i % 2 == 0;
        keys.push_back(
            known ? known_key() : test::key_of(OpensslOwned<EVP_PKEY>(::EVP_PKEY_dup(other.get())))
        );
        contents.push_back(known ? known_content() : test::seal(other.get(), "{}"));
    }
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < keys.size(); ++i)
            EXPECT_EQ(reason_of(decrypt(contents[i], *keys[i])), Reason::None) << i;
    }
}

TEST(EncryptedContentTest, MembersAreFoundInAnyCaseOfLetters) {
    json::object item = known_item();
    json::object inner;
    for (const auto& [name, value] : item["encryptedContent"].as_object()) {
        std::string upper(name);
        for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        inner[upper] = value;
    }
    item.erase("encryptedContent");
    item["EncryptedCONTENT"] = inner;
    const auto content = read_encrypted_content(json::serialize(item));
    ASSERT_TRUE(std::holds_alternative<EncryptedContent>(content));
    EXPECT_EQ(std::get<EncryptedContent>(content).data, test::kKnownData);
    EXPECT_EQ(std::get<EncryptedContent>(content).data_key, test::kKnownDataKey);
}

TEST(EncryptedContentTest, AMissingNullOrWrongMemberIsMalformed) {
    for (const std::string name : {"data", "dataKey", "dataSignature"}) {
        json::object item = known_item();
        json::object& inner = item["encryptedContent"].as_object();
        inner[name] = nullptr;
        EXPECT_EQ(reason_of(item), Reason::ContentMalformed) << name;
        inner[name] = 7;
        EXPECT_EQ(reason_of(item), Reason::ContentMalformed) << name;
        inner.erase(name);
        EXPECT_EQ(reason_of(item), Reason::ContentMalformed) << name;
    }
    json::object item = known_item();
    item["encryptedContent"].as_object()["encryptionCertificateId"] = 7;
    EXPECT_EQ(reason_of(item), Reason::ContentMalformed);
}

TEST(EncryptedContentTest, OneWayToTheKeyIsEnoughAndNoneIsMalformed) {
    json::object item = known_item();
    json::object& inner = item["encryptedContent"].as_object();
    inner.erase("encryptionCertificateId");
    EXPECT_EQ(reason_of(item), Reason::None);
    inner.erase("encryptionCertificateThumbprint");
    EXPECT_EQ(reason_of(item), Reason::ContentMalformed);
    inner["encryptionCertificateId"] = "kat";
    EXPECT_EQ(reason_of(item), Reason::None);
}

TEST(EncryptedContentTest, AMemberInTwoWaysOfWritingIsMalformed) {
    json::object item = known_item();
    item["encryptedContent"].as_object()["DATA"] = "AAAA";
    EXPECT_EQ(reason_of(item), Reason::ContentMalformed);
    item = known_item();
    item["EncryptedContent"] = item["encryptedContent"];
    EXPECT_EQ(reason_of(item), Reason::ContentMalformed);
}

TEST(EncryptedContentTest, AnItemWithoutItIsMalformed) {
    for (const std::string item :
         {"", "{}", "[]", "null", "{", R"({"encryptedContent":null})", R"({"encryptedContent":[]})",
          R"({"encryptedContent":"data"})", R"({"encryptedContent":{}})"}) {
        const auto outcome = read_encrypted_content(item);
        ASSERT_TRUE(std::holds_alternative<Reason>(outcome)) << item;
        EXPECT_EQ(std::get<Reason>(outcome), Reason::ContentMalformed) << item;
    }
}

TEST(EncryptedContentTest, OversizedMembersAreMalformed) {
    for (const std::string name :
         {"dataKey", "dataSignature", "encryptionCertificateId", "encryptionCertificateThumbprint"
         }) {
        json::object item = known_item();
        item["encryptedContent"].as_object()[name] = std::string(2000, 'A');
        EXPECT_EQ(reason_of(item), Reason::ContentMalformed) << name;
    }
}

}  // namespace
}  // namespace graphhook::authenticity
