#include "authenticity/keyring.hpp"

#include "core/base64.hpp"
#include "tests/authenticity/known_answer.hpp"
#include "tests/authenticity/sealing.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::authenticity {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kPassphrase = "a pass phrase";

class KeyringTest : public testing::Test {
  protected:
    void put(const std::string& name, const std::string& bytes, unsigned mode = 0600) const {
        const fs::path path = dir_.path() / name;
        std::ofstream(path, std::ios::binary) << bytes;
        fs::permissions(path, static_cast<fs::perms>(mode));
    }
    void put_pem(const std::string& id, const test::Pair& pair, unsigned mode = 0600) const {
        put(id + ".pem", pem_of(pair), mode);
    }
    static std::string pem_of(const test::Pair& pair) {
        return test::certificate_pem(pair.certificate.get()) + test::key_pem(pair.key.get());
    }
    [[nodiscard]] ReadKeyring read(std::string_view passphrase = {}) const {
        auto result = read_keyring(folder_, Secret(std::string(passphrase)));
        EXPECT_TRUE(result) << result.error().detail;
        return result ? std::move(*result) : ReadKeyring();
    }
    static std::vector<std::string> ids(const Keyring& keyring) {
        std::vector<std::string> all;
        for (const auto& key : keyring.keys()) all.push_back(key->id);
        return all;
    }

    const test::TempDir dir_;
    const std::string folder_ = dir_.path().string();
    const test::Pair pair_ = test::make_pair();
};

TEST_F(KeyringTest, PemDerAndPkcs12AreReadAndTheirNamesAreTheIds) {
    X509* const certificate = pair_.certificate.get();
    EVP_PKEY* const key = pair_.key.get();
    put("a.pem", pem_of(pair_));
    put("b.crt", test::certificate_der(certificate), 0644);
    put("b.key", test::key_der(key));
    put("c.cer", test::certificate_pem(certificate), 0644);
    put("c.key", test::key_pem(key));
    put("d.p12", test::pkcs12(pair_, std::string(kPassphrase)));
    put("E.PFX", test::pkcs12(pair_, std::string(kPassphrase)));
    put("f.pem", test::key_pem(key, std::string(kPassphrase)) + test::certificate_pem(certificate));
    const auto found = read(kPassphrase);
    EXPECT_THAT(found.problems, IsEmpty());
    EXPECT_THAT(ids(found.keyring), ElementsAre("E", "a", "b", "c", "d", "f"));
    for (const auto& one : found.keyring.keys()) {
        EXPECT_EQ(one->bits, 2048) << one->id;
        EXPECT_EQ(one->der, test::certificate_der(certificate)) << one->id;
        EXPECT_EQ(one->thumbprint, found.keyring.keys().front()->thumbprint) << one->id;
        EXPECT_FALSE(one->retired) << one->id;
        const auto plain = decrypt(test::seal(key, R"({"id":"1"})"), *one);
        EXPECT_TRUE(std::holds_alternative<Secret>(plain)) << one->id;
    }
}

TEST_F(KeyringTest, TheKnownCertificateHasItsThumbprintAndDates) {
    put("kat.crt", *from_base64(test::kKnownCertificate));
    put("kat.key", *from_base64(test::kKnownKey));
    const auto found = read();
    ASSERT_THAT(ids(found.keyring), ElementsAre("kat"));
    const auto& key = *found.keyring.keys().front();
    EXPECT_EQ(key.thumbprint, test::kKnownThumbprint);
    EXPECT_EQ(to_base64(key.der), test::kKnownCertificate);
    EXPECT_EQ(key.not_before, SystemTime(std::chrono::sys_days(2026y / 1 / 1)));
    EXPECT_EQ(key.not_after, SystemTime(std::chrono::sys_days(2046y / 1 / 1)));
}

TEST_F(KeyringTest, AKeyIsFoundByItsIdAndElseByItsThumbprintInAnyCase) {
    put_pem("one", pair_);
    put_pem("two", test::make_pair());
    const auto keyring = read().keyring;
    const auto one = keyring.find("one", "");
    ASSERT_TRUE(one);
    EXPECT_EQ(one->id, "one");
    // The same certificate went by another id when the subscription was made.
    std::string thumbprint = one->thumbprint;
    EXPECT_EQ(keyring.find("earlier", thumbprint), one);
    for (char& c : thumbprint) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    EXPECT_EQ(keyring.find("earlier", thumbprint), one);
    EXPECT_EQ(keyring.find("two", "0123")->id, "two");
    EXPECT_EQ(keyring.find("ONE", ""), nullptr);
    EXPECT_EQ(keyring.find("", ""), nullptr);
    EXPECT_EQ(keyring.find("earlier", "0123"), nullptr);
}

TEST_F(KeyringTest, AnIdThatNowNamesAnotherCertificateDoesNotHideTheRightOne) {
    put_pem("one", pair_);
    put_pem("one-before", test::make_pair());
    const auto keyring = read().keyring;
    const auto before = keyring.find("one-before", "");
    ASSERT_TRUE(before);
    EXPECT_EQ(keyring.find("one", before->thumbprint), before);
    // The same certificate twice: then the id says which.
    put_pem("copy", pair_);
    const auto both = read().keyring;
    EXPECT_EQ(both.find("one", both.find("copy", "")->thumbprint)->id, "one");
    EXPECT_EQ(both.find("copy", both.find("one", "")->thumbprint)->id, "copy");
}

TEST_F(KeyringTest, AFolderThatOthersMayOpenIsRefused) {
    put_pem("a", pair_);
    for (const unsigned mode : {0701U, 0704U, 0755U}) {
        fs::permissions(dir_.path(), static_cast<fs::perms>(mode));
        const auto result = read_keyring(folder_, Secret());
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::BadInput);
        EXPECT_THAT(result.error().detail, HasSubstr("chmod 700"));
    }
    fs::permissions(dir_.path(), static_cast<fs::perms>(0750));
    EXPECT_TRUE(read_keyring(folder_, Secret()));
}

TEST_F(KeyringTest, AMissingFolderIsNotFound) {
    const auto result = read_keyring(dir_.file("none"), Secret());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::NotFound);
    EXPECT_EQ(keyring_state(dir_.file("none")), "-");
}

TEST_F(KeyringTest, AKeyThatGroupOrOthersMayReadIsAProblemAndCostsNoOther) {
    put_pem("a", pair_, 0640);
    put_pem("b", pair_);
    put("c.crt", test::certificate_pem(pair_.certificate.get()), 0644);
    put("c.key", test::key_pem(pair_.key.get()), 0604);
    const auto found = read();
    EXPECT_THAT(ids(found.keyring), ElementsAre("b"));
    EXPECT_THAT(
        found.problems, ElementsAre(
                            HasSubstr("chmod 600 " + dir_.file("a.pem")),
                            HasSubstr("chmod 600 " + dir_.file("c.key"))
                        )
    );
}

TEST_F(KeyringTest, KeysThatGraphDoesNotTakeAreProblems) {
    test::Pair curve{OpensslOwned<EVP_PKEY>(EVP_EC_gen("P-256")), nullptr};
    curve.certificate = test::make_certificate_of(curve.key.get());
    put_pem("curve", curve);
    put_pem("large", test::make_pair(4160));
    put_pem("small", test::make_pair(1024));
    const auto found = read();
    EXPECT_THAT(found.keyring.keys(), IsEmpty());
    EXPECT_THAT(
        found.problems, ElementsAre(
                            AllOf(HasSubstr("curve.pem"), HasSubstr("not an RSA key")),
                            AllOf(HasSubstr("large.pem"), HasSubstr("4160 bits")),
                            AllOf(HasSubstr("small.pem"), HasSubstr("1024 bits"))
                        )
    );
}

TEST_F(KeyringTest, AKeyThatDoesNotBelongToItsCertificateIsAProblem) {
    const test::Pair other = test::make_pair();
    put("a.pem", test::certificate_pem(pair_.certificate.get()) + test::key_pem(other.key.get()));
    EXPECT_THAT(read().problems, ElementsAre(HasSubstr("does not belong")));
}

TEST_F(KeyringTest, OfAChainTheCertificateOfTheKeyIsTaken) {
    const test::Pair issuer = test::make_pair();
    put("a.pem", test::certificate_pem(issuer.certificate.get()) + pem_of(pair_));
    const auto found = read();
    ASSERT_THAT(ids(found.keyring), ElementsAre("a"));
    EXPECT_EQ(found.keyring.keys().front()->der, test::certificate_der(pair_.certificate.get()));
}

TEST_F(KeyringTest, AWrongPassphraseIsAProblemThatDoesNotTellIt) {
    put("a.p12", test::pkcs12(pair_, std::string(kPassphrase)));
    put("b.pem", test::certificate_pem(pair_.certificate.get()) +
                     test::key_pem(pair_.key.get(), std::string(kPassphrase)));
    for (const std::string wrong : {"", "not the phrase"}) {
        const auto problems = read(wrong).problems;
        EXPECT_THAT(
            problems, ElementsAre(
                          AllOf(HasSubstr("a.p12"), HasSubstr("passphrase is wrong or missing")),
                          AllOf(HasSubstr("b.pem"), HasSubstr("passphrase is wrong or missing"))
                      )
        );
        EXPECT_THAT(problems, testing::Not(testing::Contains(HasSubstr("the phrase"))));
    }
}

TEST_F(KeyringTest, SeveralFilesOfOneIdAreAProblemAndNoneIsUsed) {
    put_pem("a", pair_);
    put("a.p12", test::pkcs12(pair_, ""));
    put_pem("b", pair_);
    put("b.crt", test::certificate_pem(pair_.certificate.get()));
    const auto found = read();
    EXPECT_THAT(found.keyring.keys(), IsEmpty());
    EXPECT_THAT(found.problems, ElementsAre(HasSubstr("a.p12, a.pem"), HasSubstr("b.pem, b.crt")));
}

TEST_F(KeyringTest, HalfAPairIsAProblem) {
    put("a.crt", test::certificate_pem(pair_.certificate.get()));
    put("b.key", test::key_pem(pair_.key.get()));
    EXPECT_THAT(
        read().problems, ElementsAre(
                             AllOf(HasSubstr("a.crt"), HasSubstr("no key")),
                             AllOf(HasSubstr("b.key"), HasSubstr("no certificate"))
                         )
    );
}

TEST_F(KeyringTest, AnIdOfMoreThan128CharactersIsAProblem) {
    put_pem(std::string(128, 'a'), pair_);
    put_pem(std::string(129, 'b'), pair_);
    std::string letters;
    for (int i = 0; i < 100; ++i) letters += "\xc3\xa9";
    put_pem(letters, pair_);
    const auto found = read();
    EXPECT_THAT(ids(found.keyring), ElementsAre(std::string(128, 'a'), letters));
    EXPECT_THAT(found.problems, ElementsAre(HasSubstr("128 characters")));
}

TEST_F(KeyringTest, GarbageIsAProblemAndOtherFilesAreNoneOfOurs) {
    put("a.pem", "");
    put("b.p12", "garbage");
    put("c.crt", "garbage");
    put("c.key", "garbage");
    put("d.pem", test::certificate_pem(pair_.certificate.get()));
    fs::create_directory(dir_.path() / "e.pem");
    put("f.pem", std::string(1 << 20, 'x'));
    put("readme.txt", "hello");
    put(".hidden.pem", "hello");
    put("noending", "hello");
    put("old.pem.retired", "hello");
    const auto found = read();
    EXPECT_THAT(found.keyring.keys(), IsEmpty());
    EXPECT_EQ(found.problems.size(), 6U);
}

EncryptionKeyPtr living(const std::string& id, SystemTime from, SystemTime to) {
    EncryptionKey key;
    key.id = id;
    key.not_before = from;
    key.not_after = to;
    return std::make_shared<const EncryptionKey>(key);
}

TEST(CurrentKeyTest, IsTheOneWhoseLifeBeganLastOfThoseThatAreValid) {
    const SystemTime now = std::chrono::sys_days(2026y / 11 / 21);
    const Keyring keyring(
        {living("expired", now - 1h, now), living("old", now - 300h, now + 100h),
         living("new", now - 2h, now + 1h), living("next", now + 1s, now + 900h)}
    );
    EXPECT_EQ(keyring.current(now)->id, "new");
    EXPECT_EQ(keyring.current(now + 1s)->id, "next");
    EXPECT_EQ(keyring.current(now - 3h)->id, "old");
    EXPECT_EQ(keyring.current(now - 400h), nullptr);
    EXPECT_EQ(Keyring().current(now), nullptr);
}

TEST(CurrentKeyTest, GoesByTheIdAmongEquals) {
    const SystemTime now = std::chrono::sys_days(2026y / 11 / 21);
    const Keyring keyring({living("b", now, now + 1h), living("a", now, now + 1h)});
    EXPECT_EQ(keyring.current(now)->id, "b");
}

TEST_F(KeyringTest, ItsStateTellsWhatChangedInTheFolder) {
    const auto empty = keyring_state(folder_);
    put_pem("a", pair_);
    const auto one = keyring_state(folder_);
    EXPECT_NE(one, empty);
    EXPECT_EQ(keyring_state(folder_), one);
    put("readme.txt", "not a key");
    EXPECT_EQ(keyring_state(folder_), one);
    fs::permissions(dir_.path() / "a.pem", static_cast<fs::perms>(0640));
    const auto opened = keyring_state(folder_);
    EXPECT_NE(opened, one);
    fs::rename(dir_.path() / "a.pem", dir_.path() / "b.pem");
    const auto renamed = keyring_state(folder_);
    EXPECT_NE(renamed, opened);
    fs::rename(dir_.path() / "b.pem", dir_.path() / "b.pem.retired");
    EXPECT_NE(keyring_state(folder_), renamed);
    EXPECT_NE(keyring_state(folder_), empty);
    fs::remove(dir_.path() / "b.pem.retired");
    EXPECT_EQ(keyring_state(folder_), empty);
}

TEST_F(KeyringTest, OneKeyIsReadFromAFileOfAnyForm) {
    put_pem("a", pair_, 0644);
    put("b.crt", test::certificate_der(pair_.certificate.get()));
    put("b.key", test::key_der(pair_.key.get()));
    put("c.p12", test::pkcs12(pair_, std::string(kPassphrase)));
    put("d.pem.retired", pem_of(pair_));
    put("elsewhere", pem_of(pair_));
    const Secret passphrase{std::string(kPassphrase)};
    for (const auto& [name, id] : std::vector<std::pair<std::string, std::string>>{
             {"a.pem", "a"},
             {"b.crt", "b"},
             {"b.key", "b"},
             {"c.p12", "c"},
             {"d.pem.retired", "d"},
             {"elsewhere", "elsewhere"}
         }) {
        const auto key = read_key(dir_.file(name), passphrase);
        ASSERT_TRUE(key) << key.error().detail;
        EXPECT_EQ((*key)->id, id);
        EXPECT_EQ((*key)->retired, id == "d");
        EXPECT_TRUE((*key)->key) << name;
    }
    EXPECT_EQ(read_key(dir_.file("none.pem"), passphrase).error().code, Errc::NotFound);
    EXPECT_EQ(read_key(dir_.file("none.key"), passphrase).error().code, Errc::NotFound);
}

}  // namespace
}  // namespace graphhook::authenticity
