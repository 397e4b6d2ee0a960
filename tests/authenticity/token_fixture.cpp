#include "tests/authenticity/token_fixture.hpp"

#include "core/base64.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>

namespace graphhook::authenticity::test {
namespace {

namespace json = boost::json;

void require(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(what);
}

std::string number_text(const EVP_PKEY& key, const char* which) {
    BIGNUM* number = nullptr;
    require(::EVP_PKEY_get_bn_param(&key, which, &number) == 1, "no such part");
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    ::BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
    ::BN_free(number);
    return to_base64url(bytes);
}

std::int64_t seconds_of(SystemTime time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

json::object usual_claims(const std::string& issuer, const char* version, const char* publisher) {
    json::object claims;
    claims["aud"] = kApp;
    claims["iss"] = issuer;
    claims["iat"] = seconds_of(kNow - std::chrono::minutes(10));
    claims["nbf"] = seconds_of(kNow - std::chrono::minutes(10));
    claims["exp"] = seconds_of(kNow + std::chrono::hours(24));
    claims["tid"] = kTenant;
    claims["ver"] = version;
    claims[publisher] = kPublisher;
    return claims;
}

json::object usual_header(const TestKey& key) {
    json::object header;
    header["typ"] = "JWT";
    header["alg"] = "RS256";
    header["kid"] = key.kid();
    return header;
}

}  // namespace

TestKey::TestKey(std::string kid, unsigned bits)
    : kid_(std::move(kid)), key_(EVP_RSA_gen(bits), FreeOpenssl()) {
    require(key_ != nullptr, "no key");
}

json::object TestKey::jwk(const std::string& issuer) const {
    json::object object;
    object["kty"] = "RSA";
    object["use"] = "sig";
    object["kid"] = kid_;
    object["x5t"] = kid_;
    object["n"] = number_text(*key_, OSSL_PKEY_PARAM_RSA_N);
    object["e"] = number_text(*key_, OSSL_PKEY_PARAM_RSA_E);
    if (!issuer.empty()) object["issuer"] = issuer;
    return object;
}

std::string TestKey::public_pem() const {
    const OpensslOwned<BIO> bio(::BIO_new(::BIO_s_mem()));
    require(bio && ::PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1, "no PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string TestKey::sign(std::string_view text, const char* digest, bool pss) const {
    const OpensslOwned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    EVP_PKEY_CTX* settings = nullptr;
    require(
        ::EVP_DigestSignInit(
            context.get(), &settings, ::EVP_get_digestbyname(digest), nullptr, key_.get()
        ) == 1,
        "no signature"
    );
    if (pss) ::EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
    std::string signature(1'024, '\0');
    std::size_t size = signature.size();
    require(
        ::EVP_DigestSign(
            context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
            reinterpret_cast<const unsigned char*>(text.data()), text.size()
        ) == 1,
        "no signature"
    );
    signature.resize(size);
    return signature;
}

const TestKey& graph_key() {
    static const TestKey key("graph-key");
    return key;
}
const TestKey& other_key() {
    static const TestKey key("other-key");
    return key;
}
const TestKey& consumer_key() {
    static const TestKey key("consumer-key");
    return key;
}

std::string Draft::signed_part() const {
    return to_base64url(json::serialize(header)) + '.' + to_base64url(json::serialize(claims));
}

std::string Draft::signed_by(const TestKey& key) const {
    const std::string part = signed_part();
    return part + '.' + to_base64url(key.sign(part));
}

Draft v2_draft() {
    return {usual_header(graph_key()), usual_claims(issuer_of(kV2Issuer), "2.0", "azp")};
}
Draft v1_draft() {
    return {usual_header(graph_key()), usual_claims(issuer_of(kV1Issuer), "1.0", "appid")};
}
std::string v2_token(const std::function<void(Draft&)>& change) {
    Draft draft = v2_draft();
    change(draft);
    return draft.signed_by(graph_key());
}
std::string v1_token(const std::function<void(Draft&)>& change) {
    Draft draft = v1_draft();
    change(draft);
    return draft.signed_by(graph_key());
}

std::string issuer_of(std::string text, const std::string& tenant) {
    constexpr std::string_view kMark = "{tenantid}";
    return text.replace(text.find(kMark), kMark.size(), tenant);
}

std::string raw_token(std::string_view header, std::string_view claims, const TestKey& key) {
    const std::string part = to_base64url(header) + '.' + to_base64url(claims);
    return part + '.' + to_base64url(key.sign(part));
}

std::string jwks(const std::vector<json::object>& keys) {
    json::array array;
    for (const auto& key : keys) array.push_back(key);
    return json::serialize(json::object{{"keys", std::move(array)}});
}

KeySet key_set(const std::vector<json::object>& keys, Version version, SystemTime fetched_at) {
    return parse_key_set(
               jwks(keys), kLogin, version, version == Version::V1 ? kV1Issuer : kV2Issuer,
               fetched_at
    )
        .value();
}

KeySets usual_sets(SystemTime fetched_at) {
    static const std::string consumers =
        "https://login.microsoftonline.com/" + kConsumerTenant + "/v2.0";
    KeySets sets;
    sets.sets.push_back(key_set({graph_key().jwk()}, Version::V1, fetched_at));
    sets.sets.push_back(
        key_set({graph_key().jwk(), consumer_key().jwk(consumers)}, Version::V2, fetched_at)
    );
    return sets;
}

std::vector<Expected> ours() {
    return {
        {.tenant_id = kTenant, .client_id = kApp, .login = kLogin},
        {.tenant_id = kOtherTenant, .client_id = kApp, .login = kLogin},
        {.tenant_id = kTenant, .client_id = kOtherApp, .login = kLogin}
    };
}

std::string array_of(const std::vector<std::string>& tokens) {
    json::array array;
    for (const auto& token : tokens) array.emplace_back(token);
    return json::serialize(array);
}

Reason item_reason(
    const std::string& tokens_json, const KeySets& sets, SystemTime received, bool clock_doubtful
) {
    return judge_item(
        judge_tokens(tokens_json, sets, ours(), received), usual(), received, clock_doubtful
    );
}

}  // namespace graphhook::authenticity::test
