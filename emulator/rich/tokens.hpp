#pragma once

#include "core/clock.hpp"
#include "emulator/identity/key_ring.hpp"
#include "emulator/rich/forgery.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <compare>
#include <map>
#include <optional>
#include <string>

namespace graphhook::emulator {

enum class TokenVersion { V1, V2 };

/// Whom a validation token is for.
struct TokenOwner {
    std::string app;  ///< the audience
    std::string tenant;
    auto operator<=>(const TokenOwner&) const = default;
};

/// How validation tokens are made; times are real ones.
struct ValidationTokenOptions {
    /// Nothing: one POST has tokens of version 1, the next of version 2.
    std::optional<TokenVersion> version = TokenVersion::V2;
    std::chrono::seconds life{86'700};
};

/// Makes validation tokens (protocol 7.8), good ones and forged ones. A good one is signed once and
/// used until an hour (or half its life) is left, or the signing key changes. One thread; the key
/// ring and the clock must outlive it.
class ValidationTokens {
  public:
    ValidationTokens(ValidationTokenOptions options, KeyRing& keys, const Clock& clock)
        : options_(options), keys_(keys), clock_(clock) {}

    /// Which version the next POST is to have.
    [[nodiscard]] TokenVersion next_version();
    [[nodiscard]] const std::string& genuine(const TokenOwner& owner, TokenVersion version);
    /// In place of the good one, for a forgery of the scope Token.
    [[nodiscard]] std::string forged(Forged what, const TokenOwner& owner, TokenVersion version);
    /// The element `index` of very many bad ones: short, and each different.
    [[nodiscard]] std::string bad(std::uint64_t index) const;

    /// Where jku leads; what is fetched there is nobody's business but a test's.
    void set_foreign_keys_url(std::string url) { foreign_keys_url_ = std::move(url); }
    /// The key set behind it.
    [[nodiscard]] boost::json::object foreign_key_set();
    /// The key for personal accounts only, as an element of the key sets; nothing before a forgery
    /// uses it.
    [[nodiscard]] std::optional<boost::json::object> consumer_key() const;
    /// Moves iat, nbf and exp of tokens that are made from now on.
    void set_offset(std::chrono::seconds offset);
    /// As at the start.
    void reset();

  private:
    struct Kept {
        std::string text;
        std::int64_t renew_at = 0;
        std::uint64_t key_version = 0;
    };
    [[nodiscard]] std::int64_t now() const;
    [[nodiscard]] boost::json::object claims(const TokenOwner& owner, TokenVersion version) const;
    [[nodiscard]] std::string forged_header(Forged what, const boost::json::object& claims);
    [[nodiscard]] boost::json::object forged_claims(
        Forged what, const TokenOwner& owner, TokenVersion version
    ) const;
    [[nodiscard]] std::string forged_text(
        Forged what, const TokenOwner& owner, TokenVersion version
    );
    [[nodiscard]] static const SigningKey& made_once(std::optional<SigningKey>& key);

    const ValidationTokenOptions options_;
    KeyRing& keys_;
    const Clock& clock_;
    std::map<std::pair<TokenOwner, TokenVersion>, Kept> kept_;
    std::optional<SigningKey> foreign_;
    std::optional<SigningKey> consumer_;
    std::string foreign_keys_url_ = "https://elsewhere.invalid/keys";
    std::chrono::seconds offset_{0};
    bool last_was_v1_ = false;
};

}  // namespace graphhook::emulator
