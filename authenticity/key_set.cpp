#include "authenticity/key_set.hpp"

#include "authenticity/strict.hpp"
#include "core/base64.hpp"
#include "core/strict_json.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <span>
#include <utility>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostKeys = 1'000;
constexpr std::size_t kLongestKid = 256;
constexpr std::size_t kLongestIssuer = 512;
/// How long a key that vanished is kept.
constexpr std::chrono::hours kVanishedLife{7 * 24};

struct FreeNumber {
    void operator()(BIGNUM* number) const noexcept { ::BN_free(number); }
    void operator()(OSSL_PARAM_BLD* builder) const noexcept { ::OSSL_PARAM_BLD_free(builder); }
    void operator()(OSSL_PARAM* params) const noexcept { ::OSSL_PARAM_free(params); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeNumber>;

Owned<BIGNUM> number_of(std::string_view bytes) {
    return Owned<BIGNUM>(::BN_bin2bn(
        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()),
        nullptr
    ));
}

std::string bytes_of(const BIGNUM& number) {
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(&number)), '\0');
    ::BN_bn2bin(&number, reinterpret_cast<unsigned char*>(bytes.data()));
    return bytes;
}

/// From the big-endian bytes of modulus and exponent. nullptr: not one that we trust.
std::shared_ptr<EVP_PKEY> rsa_key(std::string_view modulus, std::string_view exponent) {
    // A few zeros in front are harmless, thousands of them are not.
    if (modulus.size() > 1'100 || exponent.size() > 16) return nullptr;
    const auto n = number_of(modulus);
    const auto e = number_of(exponent);
    if (!n || !e) return nullptr;
    const int bits = ::BN_num_bits(n.get());
    if (bits < 2'048 || bits > 8'192 || ::BN_is_odd(n.get()) != 1) return nullptr;
    // More than 64 bits would only make checks slow.
    if (::BN_num_bits(e.get()) > 64 || ::BN_is_odd(e.get()) != 1 || ::BN_is_one(e.get()) == 1)
        return nullptr;
    const Owned<OSSL_PARAM_BLD> builder(::OSSL_PARAM_BLD_new());
    if (!builder || ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return nullptr;
    const Owned<OSSL_PARAM> params(::OSSL_PARAM_BLD_to_param(builder.get()));
    const OpensslOwned<EVP_PKEY_CTX> context(::EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || ::EVP_PKEY_fromdata_init(context.get()) != 1 ||
        ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
        return nullptr;
    return {key, FreeOpenssl()};
}

/// Base64url of a number of the public key.
std::string part_text(const EVP_PKEY& key, const char* which) {
    BIGNUM* number = nullptr;
    if (::EVP_PKEY_get_bn_param(&key, which, &number) != 1) return {};
    const Owned<BIGNUM> owned(number);
    return to_base64url(bytes_of(*number));
}

enum class Member { Required, Optional };

/// The text of a member; nothing: another type, too long, empty, or missing though required. A
/// missing optional one is "".
std::optional<std::string> text_of(
    const json::object& object, std::string_view name, Member member, std::size_t longest
) {
    const json::value* const value = object.if_contains(name);
    if (value == nullptr)
        return member == Member::Optional ? std::optional<std::string>("") : std::nullopt;
    if (!value->is_string()) return std::nullopt;
    const auto& text = value->get_string();
    if (text.empty() || text.size() > longest) return std::nullopt;
    return std::string(text);
}

/// The members `n` and `e` of an object.
std::shared_ptr<EVP_PKEY> key_of(const json::object& object) {
    const auto n = text_of(object, "n", Member::Required, 2'000);
    const auto e = text_of(object, "e", Member::Required, 64);
    if (!n || !e) return nullptr;
    const auto modulus = from_strict_base64url(*n);
    const auto exponent = from_strict_base64url(*e);
    if (!modulus || !exponent) return nullptr;
    return rsa_key(*modulus, *exponent);
}

/// A key of a JWKS document. Nothing: it is not for RS256, or not well-formed.
std::optional<SigningKey> read_key(const json::value& value, SystemTime now) {
    if (!value.is_object()) return std::nullopt;
    const json::object& object = value.get_object();
    constexpr std::size_t kLongestWord = 16;
    if (text_of(object, "kty", Member::Required, kLongestWord) != "RSA") return std::nullopt;
    const auto use = text_of(object, "use", Member::Optional, kLongestWord);
    if (!use || (*use != "sig" && !use->empty())) return std::nullopt;
    const auto alg = text_of(object, "alg", Member::Optional, kLongestWord);
    if (!alg || (*alg != "RS256" && !alg->empty())) return std::nullopt;
    const auto kid = text_of(object, "kid", Member::Required, kLongestKid);
    const auto issuer = text_of(object, "issuer", Member::Optional, kLongestIssuer);
    if (!kid || !issuer) return std::nullopt;
    auto key = key_of(object);
    if (!key) return std::nullopt;
    return SigningKey{.kid = *kid, .issuer = *issuer, .key = std::move(key), .last_seen = now};
}

bool same_key(const SigningKey& a, const SigningKey& b) {
    return a.kid == b.kid && ::EVP_PKEY_eq(a.key.get(), b.key.get()) == 1;
}

/// "/keys/12", "/keys/12/x": 12.
std::optional<std::size_t> key_index(std::string_view path) {
    constexpr std::string_view kKeys = "/keys/";
    if (!path.starts_with(kKeys)) return std::nullopt;
    path.remove_prefix(kKeys.size());
    std::size_t index = 0;
    const auto [end, bad] = std::from_chars(path.data(), path.data() + path.size(), index);
    if (bad != std::errc()) return std::nullopt;
    return index;
}

std::optional<SystemTime> time_of(const json::object& object, std::string_view name) {
    const auto text = text_of(object, name, Member::Required, 40);
    if (!text) return std::nullopt;
    const auto time = parse_time(*text);
    return time ? std::optional(*time) : std::nullopt;
}

std::optional<SigningKey> stored_key(const json::value& value) {
    if (!value.is_object()) return std::nullopt;
    const json::object& object = value.get_object();
    const auto kid = text_of(object, "kid", Member::Required, kLongestKid);
    const auto issuer = text_of(object, "issuer", Member::Optional, kLongestIssuer);
    const auto last_seen = time_of(object, "last_seen");
    auto key = key_of(object);
    if (!kid || !issuer || !last_seen || !key) return std::nullopt;
    return SigningKey{
        .kid = *kid, .issuer = *issuer, .key = std::move(key), .last_seen = *last_seen
    };
}

}  // namespace

Result<KeySet> parse_key_set(
    std::string_view text, std::string login, Version version, std::string issuer, SystemTime now
) {
    boost::system::error_code bad;
    const json::value document = json::parse(text, bad);
    const auto twice = members_twice(text);
    if (bad || !twice || !document.is_object()) return fail(Errc::BadInput, "it is no JSON object");
    if (twice->size() >= kMostTwice) return fail(Errc::BadInput, "it has many members twice");
    std::set<std::size_t> ambiguous;
    for (const auto& [object, name] : *twice) {
        const auto index = key_index(object);
        if (!index) return fail(Errc::BadInput, "it has a member twice");
        ambiguous.insert(*index);
    }
    const json::value* const keys = document.get_object().if_contains("keys");
    if (keys == nullptr || !keys->is_array()) return fail(Errc::BadInput, "it has no keys");
    if (keys->get_array().size() > kMostKeys)
        return fail(Errc::BadInput, "it has more than 1,000 keys");
    KeySet set{
        .login = std::move(login),
        .version = version,
        .issuer = std::move(issuer),
        .fetched_at = now,
        .keys = {}
    };
    for (std::size_t i = 0; i < keys->get_array().size(); ++i) {
        if (ambiguous.contains(i)) continue;
        auto key = read_key(keys->get_array()[i], now);
        if (!key) continue;
        const bool repeated = std::ranges::any_of(set.keys, [&](const SigningKey& other) {
            return other.issuer == key->issuer && same_key(other, *key);
        });
        if (!repeated) set.keys.push_back(std::move(*key));
    }
    if (set.keys.empty()) return fail(Errc::BadInput, "it has no key for RS256");
    return set;
}

KeySet merged(KeySet fresh, const KeySet& before) {
    for (const SigningKey& old : before.keys) {
        if (fresh.keys.size() >= 2 * kMostKeys) break;
        const bool still_there = std::ranges::any_of(fresh.keys, [&](const SigningKey& key) {
            return same_key(key, old);
        });
        if (still_there || fresh.fetched_at - old.last_seen >= kVanishedLife) continue;
        SigningKey vanished = old;
        // What is not in the newest document is never taken for current, though clocks go back.
        vanished.last_seen =
            std::min(old.last_seen, fresh.fetched_at - std::chrono::microseconds(1));
        fresh.keys.push_back(std::move(vanished));
    }
    return fresh;
}

std::string to_text(const KeySet& set) {
    json::array keys;
    for (const SigningKey& key : set.keys) {
        json::object object;
        object["kid"] = key.kid;
        if (!key.issuer.empty()) object["issuer"] = key.issuer;
        object["n"] = part_text(*key.key, OSSL_PKEY_PARAM_RSA_N);
        object["e"] = part_text(*key.key, OSSL_PKEY_PARAM_RSA_E);
        object["last_seen"] = graphhook::to_text(key.last_seen);
        keys.push_back(std::move(object));
    }
    json::object object;
    object["login"] = set.login;
    object["version"] = static_cast<int>(set.version);
    if (!set.issuer.empty()) object["issuer"] = set.issuer;
    object["fetched_at"] = graphhook::to_text(set.fetched_at);
    object["keys"] = std::move(keys);
    return json::serialize(object);
}

Result<KeySet> key_set_from_text(std::string_view text) {
    const auto corrupt = [] { return fail(Errc::Corrupt, "not a key set as we keep it"); };
    boost::system::error_code bad;
    const json::value document = json::parse(text, bad);
    const auto twice = members_twice(text);
    if (bad || !document.is_object() || !twice || !twice->empty()) return corrupt();
    const json::object& object = document.get_object();
    const auto login = text_of(object, "login", Member::Required, 1'000);
    const auto issuer = text_of(object, "issuer", Member::Optional, kLongestIssuer);
    const auto fetched_at = time_of(object, "fetched_at");
    const json::value* const version = object.if_contains("version");
    const json::value* const keys = object.if_contains("keys");
    if (!login || !issuer || !fetched_at || version == nullptr || keys == nullptr ||
        !keys->is_array() || keys->get_array().empty() || keys->get_array().size() > 2 * kMostKeys)
        return corrupt();
    if (*version != 1 && *version != 2) return corrupt();
    KeySet set{
        .login = *login,
        .version = *version == 1 ? Version::V1 : Version::V2,
        .issuer = *issuer,
        .fetched_at = *fetched_at,
        .keys = {}
    };
    for (const json::value& value : keys->get_array()) {
        auto key = stored_key(value);
        if (!key || key->last_seen > set.fetched_at) return corrupt();
        set.keys.push_back(std::move(*key));
    }
    return set;
}

bool KeySets::clock_doubtful() const noexcept {
    constexpr std::chrono::minutes kDoubt{5};
    return clock_ahead >= kDoubt || clock_ahead <= -kDoubt;
}

}  // namespace graphhook::authenticity
