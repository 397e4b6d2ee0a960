#include "authenticity/keyring_file.hpp"

#include "core/digest.hpp"
#include "core/openssl.hpp"
#include "core/text.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace graphhook::authenticity {
namespace {

/// Far more than a certificate chain and a key of 4,096 bits take.
constexpr off_t kLargestFile = off_t{256} << 10;
constexpr int kFewestBits = 2048, kMostBits = 4096;

std::string reason() {
    return std::system_category().message(errno);
}

/// Contents of a file that may hold a private key, wiped at its end.
class FileText {
  public:
    FileText() = default;
    FileText(const FileText&) = delete;
    FileText& operator=(const FileText&) = delete;
    ~FileText() {
        if (!text_.empty()) ::OPENSSL_cleanse(text_.data(), text_.size());
    }

    [[nodiscard]] Result<void> read(const std::string& file, Modes modes) {
        const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (descriptor < 0)
            return fail(errno == ENOENT ? Errc::NotFound : Errc::BadInput, file + ": " + reason());
        auto done = read_open(descriptor, file, modes);
        ::close(descriptor);
        return done;
    }
    [[nodiscard]] std::string_view text() const noexcept { return text_; }
    [[nodiscard]] std::span<const unsigned char> bytes() const noexcept {
        return {reinterpret_cast<const unsigned char*>(text_.data()), text_.size()};
    }
    [[nodiscard]] bool is_pem() const noexcept {
        return text_.find("-----BEGIN ") != std::string::npos;
    }

  private:
    [[nodiscard]] Result<void> read_open(int descriptor, const std::string& file, Modes modes) {
        struct stat status{};
        if (::fstat(descriptor, &status) != 0) return fail(Errc::BadInput, file + ": " + reason());
        if (!S_ISREG(status.st_mode)) return fail(Errc::BadInput, file + ": not a file");
        if (modes == Modes::Strict && (status.st_mode & 077U) != 0)
            return fail(Errc::BadInput, file + ": open to group or others: chmod 600 " + file);
        if (status.st_size > kLargestFile)
            return fail(Errc::BadInput, file + ": too large for a key");
        text_.resize(static_cast<std::size_t>(status.st_size));
        std::size_t size = 0;
        while (size < text_.size()) {
            const ssize_t got = ::read(descriptor, text_.data() + size, text_.size() - size);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fail(Errc::BadInput, file + ": " + reason());
            if (got == 0) break;
            size += static_cast<std::size_t>(got);
        }
        text_.resize(size);
        return {};
    }

    std::string text_;
};

/// OpenSSL's way of asking; without one it would ask the terminal.
int give_passphrase(char* out, int room, int /*for_writing*/, void* from) {
    const std::string_view text = static_cast<const Secret*>(from)->reveal();
    if (text.empty() || text.size() > static_cast<std::size_t>(room)) return -1;
    std::memcpy(out, text.data(), text.size());
    return static_cast<int>(text.size());
}

OpensslOwned<BIO> reading(std::string_view text) {
    return OpensslOwned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

struct Parts {
    std::vector<OpensslOwned<X509>> certificates;  ///< At least one, if parsed.
    OpensslOwned<EVP_PKEY> key;
};

/// Each block for itself: PEM_read_bio_X509 over the whole text would decode private keys on its
/// way and free them unwiped.
std::vector<OpensslOwned<X509>> certificates_in(std::string_view pem) {
    constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
    constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
    std::vector<OpensslOwned<X509>> found;
    for (auto begin = pem.find(kBegin); begin != std::string_view::npos;
         begin = pem.find(kBegin, begin + 1)) {
        const auto end = pem.find(kEnd, begin);
        if (end == std::string_view::npos) break;
        const auto bio = reading(pem.substr(begin, end + kEnd.size() - begin));
        OpensslOwned<X509> one(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (one) found.push_back(std::move(one));
    }
    return found;
}

Result<OpensslOwned<EVP_PKEY>> private_key_in(
    const FileText& from, const std::string& file, const Secret& passphrase
) {
    Secret given = passphrase;
    OpensslOwned<EVP_PKEY> key;
    bool encrypted = false;
    if (from.is_pem()) {
        key.reset(
            ::PEM_read_bio_PrivateKey(reading(from.text()).get(), nullptr, give_passphrase, &given)
        );
        encrypted = from.text().find("ENCRYPTED") != std::string_view::npos;
    } else {
        const unsigned char* at = from.bytes().data();
        key.reset(::d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(from.bytes().size())));
        if (!key) {
            key.reset(::d2i_PKCS8PrivateKey_bio(
                reading(from.text()).get(), nullptr, give_passphrase, &given
            ));
            X509_SIG* const sealed = ::d2i_PKCS8_bio(reading(from.text()).get(), nullptr);
            encrypted = sealed != nullptr;
            ::X509_SIG_free(sealed);
        }
    }
    if (key) return key;
    return fail(
        Errc::BadInput,
        file + (encrypted ? ": the passphrase is wrong or missing" : ": no private key in it")
    );
}

Result<Parts> parts_of_pkcs12(
    const FileText& from, const std::string& file, const Secret& passphrase
) {
    const unsigned char* at = from.bytes().data();
    PKCS12* const bag = ::d2i_PKCS12(nullptr, &at, static_cast<long>(from.bytes().size()));
    if (bag == nullptr) return fail(Errc::BadInput, file + ": neither PEM nor PKCS#12");
    std::string given(passphrase.reveal());
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    const bool parsed = ::PKCS12_parse(bag, given.c_str(), &key, &certificate, nullptr) == 1;
    const unsigned long last = ::ERR_peek_last_error();
    const bool wrong =
        ERR_GET_LIB(last) == ERR_LIB_PKCS12 && ERR_GET_REASON(last) == PKCS12_R_MAC_VERIFY_FAILURE;
    ::OPENSSL_cleanse(given.data(), given.size());
    ::PKCS12_free(bag);
    Parts parts;
    parts.key.reset(key);
    if (certificate != nullptr) parts.certificates.emplace_back(certificate);
    if (!parsed) {
        return fail(
            Errc::BadInput, file + (wrong ? ": the passphrase is wrong or missing"
                                          : ": cannot be opened; export it again with AES-256")
        );
    }
    if (!parts.key) return fail(Errc::BadInput, file + ": no private key in it");
    if (parts.certificates.empty()) return fail(Errc::BadInput, file + ": no certificate in it");
    return parts;
}

Result<Parts> parts_of_one(
    const KeyFiles& files, const Secret& passphrase, Modes modes, Half half
) {
    FileText text;
    if (auto read = text.read(files.certificate, modes); !read) return read.error();
    if (!text.is_pem()) return parts_of_pkcs12(text, files.certificate, passphrase);
    Parts parts;
    parts.certificates = certificates_in(text.text());
    if (parts.certificates.empty())
        return fail(Errc::BadInput, files.certificate + ": no certificate in it");
    if (half == Half::Certificate) return parts;
    auto key = private_key_in(text, files.certificate, passphrase);
    if (!key) return key.error();
    parts.key = std::move(*key);
    return parts;
}

Result<Parts> parts_of_pair(
    const KeyFiles& files, const Secret& passphrase, Modes modes, Half half
) {
    Parts parts;
    {
        FileText text;
        if (auto read = text.read(files.certificate, Modes::Any); !read) return read.error();
        if (text.is_pem()) {
            parts.certificates = certificates_in(text.text());
        } else {
            const unsigned char* at = text.bytes().data();
            OpensslOwned<X509> one(::d2i_X509(nullptr, &at, static_cast<long>(text.bytes().size()))
            );
            if (one) parts.certificates.push_back(std::move(one));
        }
    }
    if (parts.certificates.empty())
        return fail(Errc::BadInput, files.certificate + ": no certificate in it");
    if (half == Half::Certificate) return parts;
    FileText text;
    if (auto read = text.read(files.key, modes); !read) return read.error();
    auto key = private_key_in(text, files.key, passphrase);
    if (!key) return key.error();
    parts.key = std::move(*key);
    return parts;
}

std::string upper_hex(std::span<const unsigned char> bytes) {
    std::string text = to_hex(std::as_bytes(bytes));
    for (char& c : text) {
        if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

SystemTime time_of(const ASN1_TIME* time) {
    std::tm broken{};
    if (::ASN1_TIME_to_tm(time, &broken) != 1) return {};
    return SystemTime(std::chrono::seconds(::timegm(&broken)));
}

Result<EncryptionKeyPtr> checked(const KeyFiles& files, Parts parts, Half half) {
    X509* certificate = parts.certificates.front().get();
    if (half == Half::Both) {
        const auto fits = [&](const OpensslOwned<X509>& one) {
            return ::X509_check_private_key(one.get(), parts.key.get()) == 1;
        };
        const auto found = std::ranges::find_if(parts.certificates, fits);
        if (found == parts.certificates.end()) {
            return fail(
                Errc::BadInput, files.certificate + ": the key does not belong to the certificate"
            );
        }
        certificate = found->get();
    }
    const EVP_PKEY* const publics = ::X509_get0_pubkey(certificate);
    if (publics == nullptr || ::EVP_PKEY_get_base_id(publics) != EVP_PKEY_RSA)
        return fail(Errc::BadInput, files.certificate + ": not an RSA key");
    const int bits = ::EVP_PKEY_get_bits(publics);
    if (bits < kFewestBits || bits > kMostBits) {
        return fail(
            Errc::BadInput, files.certificate + ": " + std::to_string(bits) +
                                " bits; Graph takes RSA keys of 2048 to 4096"
        );
    }
    auto made = std::make_shared<EncryptionKey>();
    made->id = files.id;
    made->bits = bits;
    made->file = files.certificate;
    made->retired = files.certificate.ends_with(kRetired);
    made->not_before = time_of(::X509_get0_notBefore(certificate));
    made->not_after = time_of(::X509_get0_notAfter(certificate));
    unsigned char* der = nullptr;
    const int size = ::i2d_X509(certificate, &der);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int digest_size = 0;
    if (size <= 0 || ::X509_digest(certificate, ::EVP_sha1(), digest.data(), &digest_size) != 1) {
        ::OPENSSL_free(der);
        return fail(Errc::BadInput, files.certificate + ": the certificate cannot be encoded");
    }
    made->der.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    ::OPENSSL_free(der);
    made->thumbprint = upper_hex(std::span(digest).first(digest_size));
    if (half == Half::Both) {
        made->key = std::shared_ptr<EVP_PKEY>(parts.key.release(), [](EVP_PKEY* key) {
            ::EVP_PKEY_free(key);
        });
    }
    return EncryptionKeyPtr(std::move(made));
}

/// Characters, if it is UTF-8.
std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

}  // namespace

std::vector<std::string> FilesOfId::all() const {
    std::vector<std::string> names = both;
    names.insert(names.end(), certificates.begin(), certificates.end());
    names.insert(names.end(), keys.begin(), keys.end());
    return names;
}

Result<std::map<std::string, FilesOfId>> files_by_id(const std::string& folder, Which which) {
    std::error_code ec;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator at(folder, ec), end; !ec && at != end;
         at.increment(ec))
        names.push_back(at->path().filename().string());
    if (ec) {
        return fail(
            ec == std::errc::no_such_file_or_directory ? Errc::NotFound : Errc::Failed,
            folder + ": " + ec.message()
        );
    }
    std::ranges::sort(names);
    std::map<std::string, FilesOfId> found;
    for (const std::string& name : names) {
        if (name.starts_with('.')) continue;
        std::string_view known = name;
        if (known.ends_with(kRetired) != (which == Which::Retired)) continue;
        if (which == Which::Retired) known.remove_suffix(kRetired.size());
        const auto dot = known.rfind('.');
        if (dot == std::string_view::npos || dot == 0) continue;
        const std::string ending = lowered(known.substr(dot + 1));
        const std::string id(known.substr(0, dot));
        if (ending == "pem" || ending == "p12" || ending == "pfx")
            found[id].both.push_back(name);
        else if (ending == "crt" || ending == "cer")
            found[id].certificates.push_back(name);
        else if (ending == "key")
            found[id].keys.push_back(name);
    }
    return found;
}

Result<EncryptionKeyPtr> load_key(
    const KeyFiles& files, const Secret& passphrase, Modes modes, Half half
) {
    if (!is_utf8(files.id) || characters(files.id) > kMostIdCharacters) {
        return fail(
            Errc::BadInput,
            files.certificate + ": the id, its name, must be at most 128 characters of UTF-8"
        );
    }
    auto parts = files.key.empty() ? parts_of_one(files, passphrase, modes, half)
                                   : parts_of_pair(files, passphrase, modes, half);
    auto key = parts ? checked(files, std::move(*parts), half)
                     : Result<EncryptionKeyPtr>(std::move(parts).error());
    ::ERR_clear_error();
    return key;
}

Result<void> check_folder(const std::string& folder) {
    struct stat status{};
    if (::stat(folder.c_str(), &status) != 0) {
        return fail(
            errno == ENOENT || errno == ENOTDIR ? Errc::NotFound : Errc::Failed,
            folder + ": " + reason()
        );
    }
    if (!S_ISDIR(status.st_mode)) return fail(Errc::NotFound, folder + ": not a folder");
    if ((status.st_mode & 07U) != 0)
        return fail(Errc::BadInput, folder + ": open to others: chmod 700 " + folder);
    return {};
}

}  // namespace graphhook::authenticity
