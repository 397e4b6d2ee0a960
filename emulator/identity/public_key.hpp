#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "emulator/identity/jwt.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace graphhook::emulator {

enum class Algorithm { Rs256, Ps256 };

/// An RSA key that signatures are checked with. Copies share it. Threads: one.
class PublicKey {
  public:
    explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    /// Whether the key made this signature. PS256 means a salt of 32 bytes (protocol 9.2).
    [[nodiscard]] bool verifies(const Jwt& jwt, Algorithm algorithm) const;

  private:
    std::shared_ptr<evp_pkey_st> key_;
};

/// A certificate that an app may sign assertions with.
struct AppCertificate {
    PublicKey key;
    std::string x5t;         ///< base64url of the SHA-1 of the certificate
    std::string x5t_s256;    ///< base64url of its SHA-256
    std::string thumbprint;  ///< the SHA-1 in hex, as the platform names it in errors
    SystemTime not_before;
    SystemTime not_after;
};

/// The first certificate of a PEM text. Errc::BadInput if there is none, or its key is not RSA.
[[nodiscard]] Result<AppCertificate> read_certificate(std::string_view pem);

/// A key of an issuer's key set; without `kid` it fits any token.
struct IssuerKey {
    std::string kid;
    PublicKey key;
};
/// A PEM public key, a PEM certificate, or a JSON Web Key Set (RSA keys of it). Errc::BadInput for
/// anything else, and for a set without RSA keys.
[[nodiscard]] Result<std::vector<IssuerKey>> read_issuer_keys(std::string_view text);
[[nodiscard]] Result<std::vector<IssuerKey>> read_issuer_keys(const boost::json::object& jwks);

}  // namespace graphhook::emulator
