#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "emulator/caller.hpp"
#include "emulator/faults.hpp"
#include "emulator/http.hpp"
#include "emulator/identity/signing_key.hpp"
#include "emulator/stats.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// The identity platform: tokens, discovery documents, key set (protocol 7.9, 9.1, 9.7). One
/// thread.
class Identity {
  public:
    struct Options {
        Secret client_secret{"emulator-secret"};
        std::chrono::seconds token_life{3599};
        /// Application roles put into tokens; "*" alone: all.
        std::vector<std::string> roles{"*"};
    };
    Identity(Options options, SigningKey key, Faults& faults, Stats& stats, Clock& clock);

    /// The reply to a request for one of its paths; nothing if the path is none of them.
    [[nodiscard]] std::optional<Response> handle(const Request& request);
    /// Who holds this token; nothing if it is not ours, or too old.
    [[nodiscard]] std::optional<Caller> read_token(std::string_view token) const;

  private:
    [[nodiscard]] Response token(const Request& request, std::string_view tenant);
    [[nodiscard]] Response refuse(
        int status, std::string_view error, int code, std::string_view text
    );

    const Options options_;
    const SigningKey key_;
    Faults& faults_;
    Stats& stats_;
    Clock& clock_;
};

}  // namespace graphhook::emulator
