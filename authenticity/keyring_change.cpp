// What changes a keyring's folder: new keys, and keys out of use.
#include "authenticity/keyring.hpp"
#include "authenticity/keyring_file.hpp"
#include "core/openssl.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace graphhook::authenticity {
namespace {

/// X.520's bound for a common name.
constexpr std::size_t kMostCommonName = 64;
constexpr std::chrono::days kLongestLife{36'500};

Error failed(const std::string& path, std::string_view doing) {
    const std::string why = std::system_category().message(errno);
    return fail(Errc::Failed, path + ": " + std::string(doing) + ": " + why);
}

bool fit_id(std::string_view id) {
    return !id.empty() && id.size() <= kMostIdCharacters && id.front() != '.' &&
           std::ranges::all_of(id, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
           });
}

bool add_extension(X509* certificate, int nid, const char* value) {
    X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    if (extension == nullptr) return false;
    const bool added = ::X509_add_ext(certificate, extension, -1) == 1;
    ::X509_EXTENSION_free(extension);
    return added;
}

/// 127 random bits: nobody else counts our certificates.
bool set_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    if (::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
    bytes.front() &= 0x7f;
    bytes.back() |= 1;  // never zero
    BIGNUM* const number = ::BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
    const bool set = number != nullptr &&
                     ::BN_to_ASN1_INTEGER(number, ::X509_get_serialNumber(certificate)) != nullptr;
    ::BN_free(number);
    return set;
}

OpensslOwned<X509> self_issued(const NewKey& wanted, EVP_PKEY* key, SystemTime now) {
    OpensslOwned<X509> made(::X509_new());
    if (!made) return nullptr;
    X509* const certificate = made.get();
    const auto begins = std::chrono::floor<std::chrono::seconds>(now);
    const auto seconds = [](auto time) {
        return static_cast<std::time_t>(time.time_since_epoch().count());
    };
    X509_NAME* const name = ::X509_get_subject_name(certificate);
    const std::string common = wanted.id.substr(0, kMostCommonName);
    const bool good =
        ::X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
        ::ASN1_TIME_set(::X509_getm_notBefore(certificate), seconds(begins)) != nullptr &&
        ::ASN1_TIME_set(
            ::X509_getm_notAfter(certificate), seconds(begins + std::chrono::seconds(wanted.life))
        ) != nullptr &&
        ::X509_NAME_add_entry_by_NID(
            name, NID_commonName, MBSTRING_UTF8,
            reinterpret_cast<const unsigned char*>(common.data()), static_cast<int>(common.size()),
            -1, 0
        ) == 1 &&
        ::X509_set_issuer_name(certificate, name) == 1 &&
        ::X509_set_pubkey(certificate, key) == 1 &&
        add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(certificate, NID_key_usage, "critical,keyEncipherment") &&
        ::X509_sign(certificate, key, ::EVP_sha256()) > 0;
    return good ? std::move(made) : nullptr;
}

/// Certificate and key. A memory BIO wipes what it held when it grows and when it goes.
OpensslOwned<BIO> as_pem(X509* certificate, EVP_PKEY* key) {
    OpensslOwned<BIO> out(::BIO_new(::BIO_s_mem()));
    if (!out || ::PEM_write_bio_X509(out.get(), certificate) != 1 ||
        ::PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return nullptr;
    return out;
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(file, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

/// An administrator makes keys for a service that is not root.
bool give_to_owner_of(const std::string& folder, int file) {
    struct stat status{};
    return ::geteuid() != 0 || (::stat(folder.c_str(), &status) == 0 &&
                                ::fchown(file, status.st_uid, status.st_gid) == 0);
}

/// Never over a file that is there. Some file systems cannot do that in one step: there the new
/// name is a second one first.
bool move_to(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    return ::link(from.c_str(), to.c_str()) == 0 && ::unlink(from.c_str()) == 0;
}

bool flush_folder(const std::string& folder) {
    const int file = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (file < 0) return false;
    const bool flushed = ::fsync(file) == 0;
    ::close(file);
    return flushed;
}

std::string folder_of(const std::string& file) {
    const std::filesystem::path parent = std::filesystem::path(file).parent_path();
    return parent.empty() ? "." : parent.string();
}

Result<void> make_folder(const std::string& folder) {
    // "keys/" is "keys": what it is in is not itself.
    std::string plain = folder;
    while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
    if (::mkdir(plain.c_str(), 0700) != 0) {
        if (errno == ENOENT)
            return fail(Errc::NotFound, folder_of(plain) + ": no such folder to make keys in");
        if (errno != EEXIST) return failed(folder, "making the folder");
    } else if (!flush_folder(folder_of(plain))) {
        return failed(folder_of(plain), "flushing");
    }
    return check_folder(folder);
}

Result<void> check_free(const std::string& folder, const std::string& id) {
    for (const Which which : {Which::InUse, Which::Retired}) {
        const auto found = files_by_id(folder, which);
        if (!found) return found.error();
        const auto of = found->find(id);
        if (of == found->end()) continue;
        const auto file = std::filesystem::path(folder) / of->second.all().front();
        return fail(Errc::Conflict, file.string() + " is there: an id is used once");
    }
    return {};
}

/// Beside first, by a name that no reader takes for a key.
Result<void> write_key(
    const std::string& folder, const std::string& id, const std::string& file, std::string_view text
) {
    std::array<unsigned char, 8> random{};
    if (::RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
        return fail(Errc::Failed, "no random numbers");
    std::string beside_name = ".new-";
    for (const unsigned char byte : random) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        beside_name += kDigits[byte >> 4U];
        beside_name += kDigits[byte & 15U];
    }
    const std::string beside = (std::filesystem::path(folder) / beside_name).string();
    const int out =
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0) return failed(beside, "creating");
    bool written = ::fchmod(out, 0600) == 0 && give_to_owner_of(folder, out) &&
                   write_all(out, text) && ::fsync(out) == 0;
    if (::close(out) != 0) written = false;
    if (!written || !move_to(beside, file)) {
        const bool taken = written && errno == EEXIST;
        Error error = failed(file, "writing");
        if (taken) error = fail(Errc::Conflict, file + " is there: the id " + id + " is taken");
        (void)::unlink(beside.c_str());
        return error;
    }
    if (!flush_folder(folder)) return failed(folder, "flushing");
    return {};
}

}  // namespace

Result<EncryptionKeyPtr> create_key(
    const std::string& folder, const NewKey& wanted, SystemTime now
) {
    if (wanted.bits != 2048 && wanted.bits != 3072 && wanted.bits != 4096)
        return fail(Errc::BadInput, "bits: 2048, 3072 or 4096");
    if (wanted.life < std::chrono::days(1) || wanted.life > kLongestLife)
        return fail(Errc::BadInput, "a key lives 1 to 36500 days");
    if (!fit_id(wanted.id)) {
        return fail(
            Errc::BadInput, "an id is 1 to 128 of A-Z a-z 0-9 . _ - and does not begin with a dot"
        );
    }
    if (auto made = make_folder(folder); !made) return made.error();
    if (auto free = check_free(folder, wanted.id); !free) return free.error();
    const OpensslOwned<EVP_PKEY> key(EVP_RSA_gen(static_cast<unsigned int>(wanted.bits)));
    const auto certificate = key ? self_issued(wanted, key.get(), now) : nullptr;
    const auto pem = certificate ? as_pem(certificate.get(), key.get()) : nullptr;
    ::ERR_clear_error();
    if (!pem) return fail(Errc::Failed, wanted.id + ": OpenSSL could not make the key");
    char* text = nullptr;
    const long size = BIO_get_mem_data(pem.get(), &text);
    const std::string file = (std::filesystem::path(folder) / (wanted.id + ".pem")).string();
    const std::string_view content(text, static_cast<std::size_t>(size));
    if (auto written = write_key(folder, wanted.id, file, content); !written)
        return written.error();
    return load_key({wanted.id, file, {}}, Secret(), Modes::Strict, Half::Both);
}

Result<void> retire_key(const EncryptionKey& key) {
    const std::string folder = folder_of(key.file);
    const auto found = files_by_id(folder, Which::InUse);
    if (!found) return found.error();
    const auto of = found->find(key.id);
    const auto names = of == found->end() ? std::vector<std::string>() : of->second.all();
    if (std::ranges::find(names, std::filesystem::path(key.file).filename().string()) ==
        names.end())
        return fail(Errc::NotFound, key.file + ": no such key in use");
    std::vector<std::pair<std::string, std::string>> moved;
    for (const std::string& name : names) {
        const std::string from = (std::filesystem::path(folder) / name).string();
        const std::string to = from + std::string(kRetired);
        if (move_to(from, to)) {
            moved.emplace_back(from, to);
            continue;
        }
        const int why = errno;
        Error error = failed(from, "retiring");
        if (why == EEXIST) error = fail(Errc::Conflict, to + " is there already");
        if (why == ENOENT) error = fail(Errc::NotFound, from + ": no such file");
        // Half a pair would be of no use to anybody.
        for (const auto& [was, is] : moved) (void)move_to(is, was);
        return error;
    }
    if (!flush_folder(folder)) return failed(folder, "flushing");
    return {};
}

}  // namespace graphhook::authenticity
