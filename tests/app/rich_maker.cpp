#include "tests/app/rich_maker.hpp"

#include "core/base64.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <stdexcept>
#include <vector>

namespace graphhook::test {
namespace {

namespace json = boost::json;

using Bytes = std::vector<unsigned char>;

void must(bool good) {
    if (!good) throw std::runtime_error("OpenSSL failed");
}

std::string number_text(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    must(::EVP_PKEY_get_bn_param(key, name, &number) == 1);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
    ::BN_bn2bin(number, bytes.data());
    ::BN_free(number);
    return to_base64url(bytes);
}

}  // namespace

TokenSigner::TokenSigner(std::string kid) : kid_(std::move(kid)), key_(make_rsa(2048)) {
}

std::string TokenSigner::token(const json::object& claims) const {
    return token({{"typ", "JWT"}, {"alg", "RS256"}, {"kid", kid_}}, claims);
}

std::string TokenSigner::token(const json::object& header, const json::object& claims) const {
    const std::string input =
        to_base64url(json::serialize(header)) + '.' + to_base64url(json::serialize(claims));
    const OpensslOwned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    must(
        ::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key_.get()) == 1 &&
        ::EVP_DigestSignUpdate(context.get(), input.data(), input.size()) == 1
    );
    std::size_t size = 0;
    must(::EVP_DigestSignFinal(context.get(), nullptr, &size) == 1);
    Bytes signature(size);
    must(::EVP_DigestSignFinal(context.get(), signature.data(), &size) == 1);
    signature.resize(size);
    return input + '.' + to_base64url(signature);
}

std::string TokenSigner::jwks(std::string_view issuer) const {
    json::object key{
        {"kty", "RSA"},
        {"use", "sig"},
        {"kid", kid_},
        {"n", number_text(key_.get(), OSSL_PKEY_PARAM_RSA_N)},
        {"e", number_text(key_.get(), OSSL_PKEY_PARAM_RSA_E)}
    };
    if (!issuer.empty()) key["issuer"] = issuer;
    return json::serialize(json::object{{"keys", json::array{key}}});
}

authenticity::KeySetsPtr TokenSigner::sets(SystemTime fetched_at) const {
    auto sets = std::make_shared<authenticity::KeySets>();
    sets->sets.push_back(authenticity::parse_key_set(
                             jwks(), std::string(kLogin), authenticity::Version::V2,
                             "https://login.microsoftonline.com/{tenantid}/v2.0", fetched_at
    )
                             .value());
    return sets;
}

json::object genuine_claims(SystemTime at, std::string_view tenant_id, std::string_view client_id) {
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    return {
        {"aud", client_id},
        {"iss", fmt::format("https://login.microsoftonline.com/{}/v2.0", tenant_id)},
        {"iat", second},
        {"nbf", second},
        {"exp", second + 86'700},
        {"azp", "0bf30f3b-4a52-48df-9a82-234910c4a086"},
        {"azpacr", "2"},
        {"tid", tenant_id},
        {"uti", "not-a-secret"},
        {"ver", "2.0"},
    };
}

json::object encrypted_content(const authenticity::EncryptionKey& key, std::string_view plaintext) {
    const auto sealed = seal(key.key.get(), plaintext);
    return {
        {"data", sealed.data},
        {"dataKey", sealed.data_key},
        {"dataSignature", sealed.data_signature},
        {"encryptionCertificateId", key.id},
        {"encryptionCertificateThumbprint", key.thumbprint},
    };
}

}  // namespace graphhook::test
