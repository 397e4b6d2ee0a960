#pragma once

#include "core/clock.hpp"
#include "emulator/caller.hpp"
#include "emulator/identity/sign_ins.hpp"
#include "emulator/identity/signing_key.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::emulator {

/// Issues access tokens and reads them again; keeps the moments before which they no longer count
/// (continuous access evaluation, protocol 9.8). One thread.
class AccessTokens {
  public:
    AccessTokens(SigningKey key, std::chrono::seconds life, const Clock& clock)
        : key_(std::move(key)), life_(life), clock_(clock) {}

    struct ForApp {
        std::string tenant;
        std::string app;
        std::string resource;
        std::vector<std::string> roles;
        /// What the request's `claims` says under access_token.nbf; 0: nothing.
        std::int64_t not_before = 0;
    };
    [[nodiscard]] std::string issue(const ForApp& wanted) const;
    [[nodiscard]] std::string issue(const SignIn& sign_in, std::int64_t not_before) const;
    /// An id_token of the user for the app.
    [[nodiscard]] std::string issue_id(const SignIn& sign_in) const;
    [[nodiscard]] std::chrono::seconds life() const noexcept { return life_; }
    [[nodiscard]] const SigningKey& key() const noexcept { return key_; }

    /// Who holds this token; nothing if it is not ours, or too old. With `challenge` set it no
    /// longer counts: the value is the challenge's claims in base64url.
    struct Reading {
        std::optional<Caller> caller;
        std::string challenge;
    };
    [[nodiscard]] Reading read(std::string_view token) const;

    /// From now on only tokens that were asked for with the challenge's claims count. Empty names
    /// fit all tenants or apps.
    void revoke(std::string_view tenant, std::string_view app);
    /// What `not_before` must be at least for a token to count; 0: nothing was revoked.
    [[nodiscard]] std::int64_t revoked_until(std::string_view tenant, std::string_view app) const;
    void forget_revocations() { revoked_.clear(); }

  private:
    [[nodiscard]] boost::json::object common(std::string_view tenant, std::string_view app) const;

    const SigningKey key_;
    const std::chrono::seconds life_;
    const Clock& clock_;
    std::map<std::pair<std::string, std::string>, std::int64_t> revoked_;
    std::int64_t last_revoked_ = 0;
};

/// access_token.nbf.value of a `claims` parameter; 0 if it asks for no such thing; nothing if it is
/// no JSON object.
[[nodiscard]] std::optional<std::int64_t> read_claims(std::string_view json);

}  // namespace graphhook::emulator
