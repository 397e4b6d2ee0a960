#pragma once

#include "core/error.hpp"
#include "core/secret.hpp"
#include "emulator/identity/base64.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// An RSA key that tokens are signed with: the identity platform's, made at the start, or that of
/// an external issuer, kept in a file. Threads: one.
class SigningKey {
  public:
    [[nodiscard]] static Result<SigningKey> make();
    /// From an unencrypted PEM private key. Errc::BadInput if that is none, or not RSA.
    [[nodiscard]] static Result<SigningKey> read(std::string_view pem);
    SigningKey(SigningKey&&) noexcept;
    SigningKey& operator=(SigningKey&&) noexcept;
    ~SigningKey();

    [[nodiscard]] const std::string& id() const noexcept;
    /// SHA-1 of the certificate, in base64url.
    [[nodiscard]] const std::string& thumbprint() const noexcept;
    /// Self-signed, as DER.
    [[nodiscard]] const std::string& certificate() const noexcept;
    [[nodiscard]] std::string public_pem() const;
    /// Over `text`, by RS256, RS384, RS512 or PS256.
    [[nodiscard]] std::string signature(std::string_view text, std::string_view algorithm) const;
    /// A JWT (RS256) with these claims.
    [[nodiscard]] std::string sign(const boost::json::object& claims) const;
    /// The claims of a JWT that this key signed; nothing for any other text.
    [[nodiscard]] std::optional<boost::json::object> verify(std::string_view token) const;
    /// The entry of a key set (protocol 7.9).
    [[nodiscard]] boost::json::object to_jwk(std::string_view issuer) const;
    /// The private key, unencrypted.
    [[nodiscard]] Result<Secret> to_pem() const;

  private:
    struct Impl;
    static Result<SigningKey> from(std::unique_ptr<Impl> impl);
    explicit SigningKey(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::emulator
