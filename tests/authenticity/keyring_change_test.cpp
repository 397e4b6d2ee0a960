#include "authenticity/keyring.hpp"
#include "tests/authenticity/sealing.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <unistd.h>
#include <vector>

namespace graphhook::authenticity {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const SystemTime kNow = std::chrono::sys_days(2026y / 11 / 21) + 10h + 700ms;

class KeyringChangeTest : public testing::Test {
  protected:
    [[nodiscard]] EncryptionKeyPtr create(const std::string& id, SystemTime now = kNow) const {
        auto made = create_key(folder_, {id}, now);
        EXPECT_TRUE(made) << made.error().detail;
        return made ? *made : nullptr;
    }
    [[nodiscard]] Errc refusal(const NewKey& wanted) const {
        const auto made = create_key(folder_, wanted, kNow);
        EXPECT_FALSE(made) << wanted.id;
        return made ? Errc::Failed : made.error().code;
    }
    [[nodiscard]] Keyring read() const {
        const auto found = read_keyring(folder_, Secret());
        EXPECT_TRUE(found);
        if (!found) return {};
        EXPECT_THAT(found->problems, IsEmpty());
        return found->keyring;
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& entry : fs::directory_iterator(folder_))
            all.push_back(entry.path().filename().string());
        std::sort(all.begin(), all.end());
        return all;
    }
    static mode_t mode_of(const std::string& path) {
        struct stat status{};
        EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
        return status.st_mode & 0777U;
    }

    const test::TempDir dir_;
    const std::string folder_ = dir_.file("keys");
};

TEST_F(KeyringChangeTest, ANewKeyIsThereForNobodyElseAndCompleteOrNotAtAll) {
    const auto made = create("2026-11");
    ASSERT_TRUE(made);
    EXPECT_EQ(mode_of(folder_), 0700U);
    EXPECT_EQ(mode_of(made->file), 0600U);
    EXPECT_THAT(names(), ElementsAre("2026-11.pem"));
    const auto again = read().find("2026-11", "");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->thumbprint, made->thumbprint);
    const auto plain = decrypt(test::seal(made->key.get(), R"({"id":"1"})"), *again);
    EXPECT_TRUE(std::holds_alternative<Secret>(plain));
}

TEST_F(KeyringChangeTest, AKeyThatRootMakesBelongsToWhomTheFolderBelongsTo) {
    fs::create_directory(folder_);
    fs::permissions(folder_, static_cast<fs::perms>(0700));
    const uid_t owner = ::geteuid() == 0 ? 12'345 : ::geteuid();
    if (::geteuid() == 0) ASSERT_EQ(::chown(folder_.c_str(), owner, 12'345), 0);
    const auto made = create("a");
    ASSERT_TRUE(made);
    struct stat status{};
    ASSERT_EQ(::stat(made->file.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, owner);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(KeyringChangeTest, TheCertificateIsOneForKeysOnly) {
    const auto made = create("2026-11");
    ASSERT_TRUE(made);
    const auto* at = reinterpret_cast<const unsigned char*>(made->der.data());
    const OpensslOwned<X509> certificate(
        ::d2i_X509(nullptr, &at, static_cast<long>(made->der.size()))
    );
    ASSERT_TRUE(certificate);
    EXPECT_EQ(::X509_get_version(certificate.get()), X509_VERSION_3);
    EXPECT_EQ(::X509_get_key_usage(certificate.get()), std::uint32_t{KU_KEY_ENCIPHERMENT});
    EXPECT_EQ(::X509_get_signature_nid(certificate.get()), NID_sha256WithRSAEncryption);
    EXPECT_EQ(::X509_verify(certificate.get(), made->key.get()), 1);
    EXPECT_EQ(::X509_check_ca(certificate.get()), 0);
    const X509_NAME* const name = ::X509_get_subject_name(certificate.get());
    std::array<char, 200> common{};
    EXPECT_GT(
        ::X509_NAME_get_text_by_NID(
            name, NID_commonName, common.data(), static_cast<int>(common.size())
        ),
        0
    );
    EXPECT_STREQ(common.data(), "2026-11");
    EXPECT_EQ(::X509_NAME_cmp(name, ::X509_get_issuer_name(certificate.get())), 0);
    EXPECT_EQ(::ASN1_STRING_type(::X509_get0_serialNumber(certificate.get())), V_ASN1_INTEGER);
    EXPECT_GT(::ASN1_STRING_length(::X509_get0_serialNumber(certificate.get())), 10);
}

TEST_F(KeyringChangeTest, ANewKeyIsCurrentAtOnceAndTheLaterOfTwoInAMinuteWins) {
    const auto first = create("b");
    EXPECT_EQ(first->not_before, std::chrono::floor<std::chrono::seconds>(kNow));
    EXPECT_EQ(first->not_after - first->not_before, std::chrono::days(365));
    EXPECT_EQ(read().current(kNow)->id, "b");
    (void)create("a", kNow + 1s);
    EXPECT_EQ(read().current(kNow + 1s)->id, "a");
}

TEST_F(KeyringChangeTest, TheLengthOfKeyAndLifeAreAsWanted) {
    const auto made = create_key(folder_, {"a", 3072, std::chrono::days(40'000) / 2}, kNow);
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_EQ((*made)->bits, 3072);
    EXPECT_EQ((*made)->not_after - (*made)->not_before, std::chrono::days(20'000));
}

TEST_F(KeyringChangeTest, AnIdIsUsedOnceEvenAfterItWasRetired) {
    const auto made = create("a");
    EXPECT_EQ(refusal({"a"}), Errc::Conflict);
    ASSERT_TRUE(retire_key(*made));
    EXPECT_EQ(refusal({"a"}), Errc::Conflict);
    std::ofstream(dir_.path() / "keys" / "b.p12") << "anything";
    EXPECT_EQ(refusal({"b"}), Errc::Conflict);
    EXPECT_THAT(names(), ElementsAre("a.pem.retired", "b.p12"));
}

TEST_F(KeyringChangeTest, UnfitWishesAreRefused) {
    EXPECT_EQ(refusal({"a", 1024}), Errc::BadInput);
    EXPECT_EQ(refusal({"a", 2049}), Errc::BadInput);
    EXPECT_EQ(refusal({"a", 8192}), Errc::BadInput);
    EXPECT_EQ(refusal({"a", 2048, std::chrono::days(0)}), Errc::BadInput);
    EXPECT_EQ(refusal({"a", 2048, std::chrono::days(36'501)}), Errc::BadInput);
    for (const std::string id : {"", ".a", "../a", "a/b", "a b", "a\n", "\xc3\xa9"})
        EXPECT_EQ(refusal({id}), Errc::BadInput) << id;
    EXPECT_EQ(refusal({std::string(129, 'a')}), Errc::BadInput);
    EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(KeyringChangeTest, AnIdMayBe128CharactersLong) {
    const auto made = create(std::string(128, 'a'));
    ASSERT_TRUE(made);
    EXPECT_TRUE(read().find(std::string(128, 'a'), ""));
}

TEST_F(KeyringChangeTest, NoKeyIsMadeInAFolderThatIsOpenToOthersOrNowhere) {
    fs::create_directory(folder_);
    fs::permissions(folder_, static_cast<fs::perms>(0755));
    EXPECT_EQ(refusal({"a"}), Errc::BadInput);
    EXPECT_THAT(names(), IsEmpty());
    const auto made = create_key(dir_.file("no/such"), {"a"}, kNow);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::NotFound);
}

TEST_F(KeyringChangeTest, OfTwoWhoMakeTheSameIdAtOnceOneWins) {
    const auto make = [this] { return create_key(folder_, {"a"}, kNow).has_value(); };
    auto one = std::async(std::launch::async, make);
    auto two = std::async(std::launch::async, make);
    EXPECT_EQ(static_cast<int>(one.get()) + static_cast<int>(two.get()), 1);
    EXPECT_THAT(names(), ElementsAre("a.pem"));
    EXPECT_EQ(read().keys().size(), 1U);
}

TEST_F(KeyringChangeTest, ARetiredKeyIsOutOfUseAndStillListed) {
    const auto old = create("old");
    (void)create("new");
    ASSERT_TRUE(retire_key(*old));
    EXPECT_THAT(names(), ElementsAre("new.pem", "old.pem.retired"));
    EXPECT_EQ(read().find("old", old->thumbprint), nullptr);
    const auto retired = read_retired_keys(folder_, Secret());
    ASSERT_TRUE(retired);
    EXPECT_THAT(retired->problems, IsEmpty());
    ASSERT_EQ(retired->keyring.keys().size(), 1U);
    const auto& listed = *retired->keyring.keys().front();
    EXPECT_EQ(listed.id, "old");
    EXPECT_EQ(listed.thumbprint, old->thumbprint);
    EXPECT_EQ(listed.not_after, old->not_after);
    EXPECT_TRUE(listed.retired);
    EXPECT_FALSE(listed.key);
    const auto again = retire_key(*old);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::NotFound);
}

TEST_F(KeyringChangeTest, BothFilesOfAPairAreRetiredOrNeither) {
    fs::create_directory(folder_);
    fs::permissions(folder_, static_cast<fs::perms>(0700));
    const test::Pair pair = test::make_pair();
    const auto put = [this](const std::string& name, const std::string& text) {
        std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
        fs::permissions(folder_ + "/" + name, static_cast<fs::perms>(0600));
    };
    put("a.crt", test::certificate_pem(pair.certificate.get()));
    put("a.key", test::key_pem(pair.key.get()));
    put("a.key.retired", "of an earlier pair");
    const auto key = read().find("a", "");
    ASSERT_TRUE(key);
    const auto refused = retire_key(*key);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Conflict);
    EXPECT_THAT(refused.error().detail, HasSubstr("a.key.retired"));
    EXPECT_THAT(names(), ElementsAre("a.crt", "a.key", "a.key.retired"));
    fs::remove(folder_ + "/a.key.retired");
    ASSERT_TRUE(retire_key(*key));
    EXPECT_THAT(names(), ElementsAre("a.crt.retired", "a.key.retired"));
    EXPECT_EQ(read_retired_keys(folder_, Secret())->keyring.keys().size(), 1U);
}

}  // namespace
}  // namespace graphhook::authenticity
