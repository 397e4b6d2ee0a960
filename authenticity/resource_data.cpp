#include "authenticity/resource_data.hpp"

#include "core/base64.hpp"
#include "core/openssl.hpp"
#include "core/text.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

/// What a POST may be at most is set by intake; these bound what is worked on whoever asks.
constexpr std::size_t kLongestItem = std::size_t{64} << 20;
constexpr std::size_t kLongestDataKey = 1024;   ///< RSA-4096: 684 letters.
constexpr std::size_t kLongestSignature = 128;  ///< 44 letters.
constexpr std::size_t kLongestName = 512;       ///< 128 characters in UTF-8.
constexpr std::uint32_t kDeepest = 64;

constexpr std::size_t kKeySize = 32, kIvSize = 16, kBlock = 16, kMacSize = 32;
constexpr std::size_t kLargestModulus = 512;
constexpr std::size_t kKeysAThread = 4;

// --- reading an item

/// The member of that name in any case of letters; nullptr: none or null. `fit`: false if it is
/// there in two ways of writing, where which one counts would be a guess.
const json::value* member(const json::object& object, std::string_view name, bool& fit) {
    const json::value* found = nullptr;
    for (const auto& [key, value] : object) {
        if (!same_letters({key.data(), key.size()}, name)) continue;
        if (found != nullptr) fit = false;
        found = &value;
    }
    return found != nullptr && found->is_null() ? nullptr : found;
}

enum class Needed : std::uint8_t { No, Yes };

std::string text_of(
    const json::object& object, std::string_view name, std::size_t longest, Needed needed, bool& fit
) {
    const json::value* const value = member(object, name, fit);
    const json::string* const text = value == nullptr ? nullptr : value->if_string();
    if (text == nullptr) {
        if (value != nullptr || needed == Needed::Yes) fit = false;
        return {};
    }
    if (text->size() > longest) {
        fit = false;
        return {};
    }
    return {text->data(), text->size()};
}

// --- what must not stay in memory

/// Bytes on the stack that are wiped at their end.
template <std::size_t N>
struct Wiped {
    std::array<unsigned char, N> bytes{};

    Wiped() = default;
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ~Wiped() { ::OPENSSL_cleanse(bytes.data(), N); }
};

struct WipeText {
    std::string& text;
    ~WipeText() {
        if (!text.empty()) ::OPENSSL_cleanse(text.data(), text.size());
    }
};

const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// Not the item's fault, so it must not count against it.
[[noreturn]] void openssl_failed(const char* doing) {
    ::ERR_clear_error();
    throw std::runtime_error(std::string("OpenSSL failed at ") + doing);
}

// --- the data key

/// A thread's own copy of a private key, ready to decrypt. OpenSSL guards a key's blinding and
/// caches with locks and gives the fast path to one thread alone; with a copy each, all have it.
struct OwnCopy {
    std::weak_ptr<EVP_PKEY> of;
    OpensslOwned<EVP_PKEY> key;
    OpensslOwned<EVP_PKEY_CTX> context;
};

bool same(const std::weak_ptr<EVP_PKEY>& a, const std::shared_ptr<EVP_PKEY>& b) {
    return !a.owner_before(b) && !b.owner_before(a);
}

EVP_PKEY_CTX* own_context(const std::shared_ptr<EVP_PKEY>& key) {
    thread_local std::vector<OwnCopy> copies;  // last used first
    std::erase_if(copies, [](const OwnCopy& copy) { return copy.of.expired(); });
    for (auto at = copies.begin(); at != copies.end(); ++at) {
        if (!same(at->of, key)) continue;
        if (at != copies.begin()) std::iter_swap(at, copies.begin());
        return copies.front().context.get();
    }
    OwnCopy made{key, OpensslOwned<EVP_PKEY>(::EVP_PKEY_dup(key.get())), nullptr};
    if (made.key) made.context.reset(::EVP_PKEY_CTX_new(made.key.get(), nullptr));
    EVP_PKEY_CTX* const context = made.context.get();
    if (context == nullptr || ::EVP_PKEY_decrypt_init(context) != 1 ||
        ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        ::EVP_PKEY_CTX_set_rsa_oaep_md(context, ::EVP_sha1()) != 1 ||
        ::EVP_PKEY_CTX_set_rsa_mgf1_md(context, ::EVP_sha1()) != 1)
        openssl_failed("preparing a private key");
    if (copies.size() == kKeysAThread) copies.pop_back();
    copies.insert(copies.begin(), std::move(made));
    return context;
}

using DataKey = Wiped<kKeySize>;

/// `out` is the data key if there is one, and otherwise random: both take the same way from here
/// on. Chosen with masks, not branches.
bool unwrap(const EncryptionKey& key, std::string_view wrapped, DataKey& out) {
    EVP_PKEY_CTX* const context = own_context(key.key);
    if (::RAND_priv_bytes(out.bytes.data(), static_cast<int>(kKeySize)) != 1)
        openssl_failed("random numbers");
    Wiped<kLargestModulus> plain;
    std::size_t size = plain.bytes.size();
    // Its length is the modulus' or it is not for this key: everybody sees that, nothing to hide.
    const int done =
        static_cast<int>(wrapped.size()) == ::EVP_PKEY_get_size(key.key.get())
            ? ::EVP_PKEY_decrypt(context, plain.bytes.data(), &size, raw(wrapped), wrapped.size())
            : 0;
    ::ERR_clear_error();
    const bool good =
        (static_cast<unsigned>(done == 1) & static_cast<unsigned>(size == kKeySize)) != 0;
    const auto take = static_cast<unsigned char>(0U - static_cast<unsigned>(good));
    for (std::size_t i = 0; i < kKeySize; ++i) {
        out.bytes[i] = static_cast<unsigned char>(
            (plain.bytes[i] & take) | (out.bytes[i] & static_cast<unsigned char>(~take))
        );
    }
    return good;
}

// --- ciphertext and plaintext

bool is_signed(const DataKey& key, std::string_view data, std::string_view signature) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned int size = 0;
    if (::HMAC(
            ::EVP_sha256(), key.bytes.data(), static_cast<int>(kKeySize), raw(data), data.size(),
            mac.data(), &size
        ) == nullptr ||
        size != kMacSize)
        openssl_failed("HMAC");
    return signature.size() == kMacSize &&
           ::CRYPTO_memcmp(mac.data(), signature.data(), kMacSize) == 0;
}

/// False: length or padding. `out` has room for more than a short string holds, so that moving it
/// leaves nothing behind.
bool decipher(const DataKey& key, std::string_view data, std::string& out) {
    if (data.empty() || data.size() % kBlock != 0) return false;
    const OpensslOwned<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
    std::array<unsigned char, kIvSize> iv{};
    std::copy_n(key.bytes.begin(), kIvSize, iv.begin());
    const bool ready =
        context && ::EVP_DecryptInit_ex(
                       context.get(), ::EVP_aes_256_cbc(), nullptr, key.bytes.data(), iv.data()
                   ) == 1;
    ::OPENSSL_cleanse(iv.data(), iv.size());
    if (!ready) openssl_failed("AES");
    out.resize(data.size() + kBlock);
    auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
    int size = 0;
    int rest = 0;
    const bool good = ::EVP_DecryptUpdate(
                          context.get(), bytes, &size, raw(data), static_cast<int>(data.size())
                      ) == 1 &&
                      ::EVP_DecryptFinal_ex(context.get(), bytes + size, &rest) == 1;
    ::ERR_clear_error();
    if (!good) return false;
    out.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(rest));
    return true;
}

/// Looks at JSON and keeps nothing of it: the plaintext must not lie about in a document's memory.
struct Looking {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    using error_code = boost::system::error_code;
    using view = json::string_view;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t, error_code&) { return true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t, error_code&) { return true; }
    bool on_key_part(view, std::size_t, error_code&) { return true; }
    bool on_key(view, std::size_t, error_code&) { return true; }
    bool on_string_part(view, std::size_t, error_code&) { return true; }
    bool on_string(view, std::size_t, error_code&) { return true; }
    bool on_number_part(view, error_code&) { return true; }
    bool on_int64(std::int64_t, view, error_code&) { return true; }
    bool on_uint64(std::uint64_t, view, error_code&) { return true; }
    bool on_double(double, view, error_code&) { return true; }
    bool on_bool(bool, error_code&) { return true; }
    bool on_null(error_code&) { return true; }
    bool on_comment_part(view, error_code&) { return true; }
    bool on_comment(view, error_code&) { return true; }
};

bool is_json_object(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || text[first] != '{' || !is_utf8(text)) return false;
    json::parse_options options;
    options.max_depth = kDeepest;
    json::basic_parser<Looking> parser(options);
    boost::system::error_code ec;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
    return !ec.failed() && read == text.size();
}

}  // namespace

std::variant<EncryptedContent, Reason> read_encrypted_content(std::string_view item) {
    if (item.size() > kLongestItem) return Reason::ContentMalformed;
    json::parse_options options;
    options.max_depth = kDeepest;
    boost::system::error_code ec;
    const json::value whole =
        json::parse(json::string_view(item.data(), item.size()), ec, {}, options);
    if (ec.failed() || !whole.is_object()) return Reason::ContentMalformed;
    bool fit = true;
    const json::value* const value = member(whole.get_object(), "encryptedContent", fit);
    if (value == nullptr || !value->is_object()) return Reason::ContentMalformed;
    const json::object& from = value->get_object();
    EncryptedContent content;
    content.data = text_of(from, "data", kLongestItem, Needed::Yes, fit);
    content.data_key = text_of(from, "dataKey", kLongestDataKey, Needed::Yes, fit);
    content.data_signature = text_of(from, "dataSignature", kLongestSignature, Needed::Yes, fit);
    content.certificate_id =
        text_of(from, "encryptionCertificateId", kLongestName, Needed::No, fit);
    content.thumbprint =
        text_of(from, "encryptionCertificateThumbprint", kLongestName, Needed::No, fit);
    // Either leads to the key; with neither there is none to wait for.
    if (content.certificate_id.empty() && content.thumbprint.empty()) fit = false;
    if (!fit) return Reason::ContentMalformed;
    return content;
}

std::variant<Secret, Reason> decrypt(const EncryptedContent& content, const EncryptionKey& key) {
    if (!key.key) return Reason::NoPrivateKey;
    const auto data = from_base64(content.data);
    const auto wrapped = from_base64(content.data_key);
    const auto signature = from_base64(content.data_signature);
    if (!data || !wrapped || !signature) return Reason::ContentMalformed;
    return decrypt_bytes(*data, *wrapped, *signature, key);
}

std::variant<Secret, Reason> decrypt_bytes(
    std::string_view data, std::string_view wrapped, std::string_view signature,
    const EncryptionKey& key
) {
    if (!key.key) return Reason::NoPrivateKey;
    if (data.size() > kLongestItem) return Reason::ContentMalformed;
    // A data key that does not come out is replaced by a random one, and the signature looked at
    // all the same. Whoever could tell "the RSA padding was wrong" from "the signature was wrong"
    // by time or by answer could have us decrypt other data keys bit by bit (Manger's attack on
    // OAEP). The answer went out long ago and is always the same; this makes the time so, too, and
    // the reasons only differ for the operator.
    DataKey data_key;
    const bool unwrapped = unwrap(key, wrapped, data_key);
    const bool genuine = is_signed(data_key, data, signature);
    if (!unwrapped) return Reason::DataKey;
    if (!genuine) return Reason::DataSignature;
    std::string plain;
    const WipeText wipe{plain};
    if (!decipher(data_key, data, plain)) return Reason::DataCiphertext;
    if (!is_json_object(plain)) return Reason::DataJson;
    return std::variant<Secret, Reason>(std::in_place_type<Secret>, std::move(plain));
}

}  // namespace graphhook::authenticity
