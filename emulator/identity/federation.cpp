#include "emulator/identity/federation.hpp"

#include "emulator/files.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <system_error>

namespace graphhook::emulator {

Result<SigningKey> federation_key_in(const std::filesystem::path& directory) {
    const auto key_file = directory / "federation.key";
    const auto set_file = directory / "federation.jwks";
    std::error_code error;
    const bool kept = std::filesystem::exists(key_file, error);
    auto key = [&]() -> Result<SigningKey> {
        if (!kept) return SigningKey::make();
        const auto pem = read_file(key_file);
        if (!pem) return pem.error();
        return SigningKey::read(*pem);
    }();
    if (!key) return key;
    if (!kept) {
        std::filesystem::create_directories(directory, error);
        const auto pem = key->to_pem();
        if (!pem) return pem.error();
        if (auto written = write_file(key_file, pem->reveal(), FileMode::Secret); !written)
            return written.error();
    }
    if (!kept || !std::filesystem::exists(set_file, error)) {
        boost::json::array keys;
        auto jwk = key->to_jwk("");
        jwk.erase("issuer");
        keys.push_back(std::move(jwk));
        const auto text = boost::json::serialize(boost::json::object{{"keys", std::move(keys)}});
        if (auto written = write_file(set_file, text + "\n", FileMode::Public); !written)
            return written.error();
    }
    return key;
}

Result<std::vector<IssuerKey>> federation_keys_in(const std::filesystem::path& directory) {
    if (auto key = federation_key_in(directory); !key) return key.error();
    const auto text = read_file(directory / "federation.jwks");
    if (!text) return text.error();
    return read_issuer_keys(std::string_view(*text));
}

std::string mint(const SigningKey& key, const FederatedToken& token, SystemTime now) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    boost::json::object claims;
    claims["iss"] = token.issuer;
    claims["sub"] = token.subject;
    claims["aud"] = boost::json::array{boost::json::string(token.audience)};
    claims["iat"] = seconds;
    claims["nbf"] = seconds;
    claims["exp"] = seconds + token.life.count();
    claims["jti"] = random_guid();
    return key.sign(claims);
}

}  // namespace graphhook::emulator
