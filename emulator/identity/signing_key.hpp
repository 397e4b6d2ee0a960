#pragma once

#include "core/error.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

std::string base64url(std::string_view bytes);
/// Nothing for what is not base64url without padding.
std::optional<std::string> from_base64url(std::string_view text);

/// The identity platform's RSA key, made at the start. Threads: one.
class SigningKey {
  public:
    [[nodiscard]] static Result<SigningKey> make();
    SigningKey(SigningKey&&) noexcept;
    SigningKey& operator=(SigningKey&&) noexcept;
    ~SigningKey();

    [[nodiscard]] const std::string& id() const noexcept;
    /// A JWT (RS256) with these claims.
    [[nodiscard]] std::string sign(const boost::json::object& claims) const;
    /// The claims of a JWT that this key signed; nothing for any other text.
    [[nodiscard]] std::optional<boost::json::object> verify(std::string_view token) const;
    /// The entry of a key set (protocol 7.9).
    [[nodiscard]] boost::json::object to_jwk(std::string_view issuer) const;

  private:
    struct Impl;
    explicit SigningKey(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::emulator
