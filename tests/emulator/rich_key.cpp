#include "tests/emulator/rich_key.hpp"

#include "core/base64.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace graphhook::emulator::test {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

std::string der_of(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = ::i2d_X509(certificate, &der);
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
}

std::string bytes_in(const boost::json::object& content, std::string_view name) {
    const auto* value = content.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return from_base64(std::string_view(value->as_string())).value_or("");
}

struct FreeNumber {
    void operator()(BIGNUM* number) const { ::BN_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

Number number_in(const boost::json::object& jwk, std::string_view name) {
    const auto bytes = from_base64(std::string_view(jwk.at(name).as_string())).value();
    return Number(
        ::BN_bin2bn(bytes_of(std::string_view(bytes)), static_cast<int>(bytes.size()), nullptr)
    );
}

OpensslOwned<EVP_PKEY> key_of(const boost::json::object& jwk) {
    const auto n = number_in(jwk, "n");
    const auto e = number_in(jwk, "e");
    const std::unique_ptr<OSSL_PARAM_BLD, decltype(&::OSSL_PARAM_BLD_free)> builder(
        ::OSSL_PARAM_BLD_new(), &::OSSL_PARAM_BLD_free
    );
    ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    const std::unique_ptr<OSSL_PARAM, decltype(&::OSSL_PARAM_free)> params(
        ::OSSL_PARAM_BLD_to_param(builder.get()), &::OSSL_PARAM_free
    );
    const OpensslOwned<EVP_PKEY_CTX> context(::EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    ::EVP_PKEY_fromdata_init(context.get());
    ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get());
    return OpensslOwned<EVP_PKEY>(key);
}

}  // namespace

RichKey::RichKey(std::size_t bits) : key_(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)) {
    const OpensslOwned<X509> made(::X509_new());
    ::X509_set_version(made.get(), X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 86'400);
    ::X509_set_pubkey(made.get(), key_.get());
    ::X509_NAME_add_entry_by_txt(
        ::X509_get_subject_name(made.get()), "CN", MBSTRING_ASC, bytes_of("rich"), -1, -1, 0
    );
    ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(made.get()));
    if (!key_ || ::X509_sign(made.get(), key_.get(), ::EVP_sha256()) == 0)
        throw std::runtime_error("no certificate");
    const auto der = der_of(made.get());
    certificate_ = to_base64(der);
    std::array<unsigned char, 20> digest{};
    ::EVP_Digest(der.data(), der.size(), digest.data(), nullptr, ::EVP_sha1(), nullptr);
    for (const auto byte : digest) thumbprint_ += fmt::format("{:02X}", byte);
}

std::string RichKey::private_key() const {
    unsigned char* der = nullptr;
    const int size = ::i2d_PrivateKey(key_.get(), &der);
    const std::string_view bytes(
        reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)
    );
    auto text = to_base64(bytes);
    OPENSSL_free(der);
    return text;
}

std::optional<std::string> RichKey::unwrap(std::string_view data_key, const EVP_MD* hash) const {
    const OpensslOwned<EVP_PKEY_CTX> context(::EVP_PKEY_CTX_new(key_.get(), nullptr));
    ::EVP_PKEY_decrypt_init(context.get());
    ::EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
    ::EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash);
    ::EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash);
    std::string out(512, '\0');
    std::size_t size = out.size();
    if (::EVP_PKEY_decrypt(
            context.get(), bytes_of(out), &size, bytes_of(data_key), data_key.size()
        ) != 1)
        return std::nullopt;
    out.resize(size);
    return out;
}

std::string hmac(std::string_view key, std::string_view data) {
    std::string mac(32, '\0');
    ::HMAC(
        ::EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data), data.size(),
        bytes_of(mac), nullptr
    );
    return mac;
}

std::optional<std::string> decrypt_cbc(std::string_view key, std::string_view data) {
    const OpensslOwned<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
    std::string out(data.size() + 16, '\0');
    int first = 0;
    int last = 0;
    ::EVP_DecryptInit_ex(context.get(), ::EVP_aes_256_cbc(), nullptr, bytes_of(key), bytes_of(key));
    if (::EVP_DecryptUpdate(
            context.get(), bytes_of(out), &first, bytes_of(data), static_cast<int>(data.size())
        ) != 1 ||
        ::EVP_DecryptFinal_ex(context.get(), bytes_of(out) + first, &last) != 1)
        return std::nullopt;
    out.resize(static_cast<std::size_t>(first + last));
    return out;
}

RichKey::Opened RichKey::open(const boost::json::object& content) const {
    const auto key = unwrap(bytes_in(content, "dataKey"), ::EVP_sha1());
    if (!key) return {"", "dataKey"};
    if (key->size() != 32) return {"", "key length"};
    const auto data = bytes_in(content, "data");
    if (hmac(*key, data) != bytes_in(content, "dataSignature")) return {"", "signature"};
    auto plaintext = decrypt_cbc(*key, data);
    if (!plaintext) return {"", "padding"};
    return {std::move(*plaintext), ""};
}

std::optional<Token> read_token(std::string_view text) {
    const auto first = text.find('.');
    const auto last = text.rfind('.');
    if (first == std::string_view::npos || first == last) return std::nullopt;
    const auto header = from_base64(text.substr(0, first));
    const auto claims = from_base64(text.substr(first + 1, last - first - 1));
    const auto signature = from_base64(text.substr(last + 1));
    if (!header || !claims || !signature) return std::nullopt;
    boost::system::error_code error;
    auto head = boost::json::parse(*header, error);
    if (error || !head.is_object()) return std::nullopt;
    auto body = boost::json::parse(*claims, error);
    if (error || !body.is_object()) return std::nullopt;
    Token token;
    token.signed_text = std::string(text.substr(0, last));
    token.signature = *signature;
    token.claims_text = *claims;
    token.header = std::move(head.as_object());
    token.claims = std::move(body.as_object());
    return token;
}

bool verifies(const Token& token, const boost::json::object& jwk, std::string_view algorithm) {
    const auto key = key_of(jwk);
    const OpensslOwned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    EVP_PKEY_CTX* how = nullptr;
    const EVP_MD* hash = algorithm == "RS384"   ? ::EVP_sha384()
                         : algorithm == "RS512" ? ::EVP_sha512()
                                                : ::EVP_sha256();
    if (!key || ::EVP_DigestVerifyInit(context.get(), &how, hash, nullptr, key.get()) != 1)
        return false;
    if (algorithm == "PS256") ::EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
    return ::EVP_DigestVerify(
               context.get(), bytes_of(token.signature), token.signature.size(),
               bytes_of(token.signed_text), token.signed_text.size()
           ) == 1;
}

}  // namespace graphhook::emulator::test
