#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "subscriptions/options.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// A certificate with its private key, both read and known to belong together. Cheap to copy,
/// immutable. Threads: any.
class KeyPair {
  public:
    /// Reads both files as they are now. Errc::BadInput: with the file and what is wrong with it;
    /// the key is never shown. RSA only, as the platform wants; the key must not have a passphrase.
    [[nodiscard]] static Result<KeyPair> load(const ClientCertificate& files);

    [[nodiscard]] SystemTime not_before() const;
    [[nodiscard]] SystemTime not_after() const;
    /// SHA-1 of the DER form in upper-case hex, as the app registration lists it.
    [[nodiscard]] std::string thumbprint() const;

    struct Claims {
        std::string audience;  ///< The token endpoint.
        std::string client_id;
        std::string id;  ///< jti: fresh every time.
        SystemTime now;
    };
    /// A client assertion (RFC 7523, protocol of Microsoft's page "Certificate credentials"), good
    /// for ten minutes: PS256 with x5t#S256, or RS256 with x5t. Empty only if OpenSSL fails.
    [[nodiscard]] std::string sign(ClientCertificate::Algorithm algorithm, const Claims& claims)
        const;

  private:
    struct Parts;
    explicit KeyPair(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
    std::shared_ptr<const Parts> parts_;
};

}  // namespace graphhook::subscriptions
