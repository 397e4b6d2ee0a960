#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "emulator/identity/directory.hpp"
#include "emulator/identity/jwt.hpp"
#include "emulator/identity/refusal.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

// How an app proves itself, as pure decisions (protocol 9.1 to 9.3). The numbers are those that the
// platform answers with; for a token that comes a second time none is documented, 50013 is ours.

/// The secret is one of the app's, and not expired.
[[nodiscard]] std::optional<Refusal> check_secret(
    std::string_view secret, const App* app, const Secret& common_secret, SystemTime now
);

/// An assertion that the app signed itself: PS256 or RS256, by a registered certificate that is
/// named by x5t#S256 or x5t and valid now, for one of `audiences`, by and about the app, with a
/// jti, begun, and over within ten minutes.
[[nodiscard]] std::optional<Refusal> check_own_assertion(
    const Jwt& jwt, const App& app, const std::vector<std::string>& audiences, SystemTime now
);

/// An external issuer's token: RS256, registered issuer, subject and audience, not over.
[[nodiscard]] std::optional<Refusal> check_federated_assertion(
    const Jwt& jwt, const App& app, SystemTime now
);

/// Remembers what must not come twice, until it could not be used anyway. One thread.
class Replays {
  public:
    /// False if `key` was there already.
    bool first(std::string key, SystemTime until, SystemTime now);
    void clear() { seen_.clear(); }

  private:
    std::map<std::string, SystemTime> seen_;
};

}  // namespace graphhook::emulator
