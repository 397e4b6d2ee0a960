#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "core/secret.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// `n` bytes from a good generator, as lower-case hex: core's `random_hex`, or a test's.
using RandomHex = std::function<std::string(std::size_t)>;
/// Waits that long; false: `stop` was asked for meanwhile.
using Wait = std::function<bool(std::chrono::milliseconds, std::stop_token)>;
/// Waits on the wall.
[[nodiscard]] bool really_wait(std::chrono::milliseconds how_long, const std::stop_token& stop);

/// Mended: it was refused, and its files are others now, so that asking again is worth while.
enum class CredentialState : std::uint8_t { Fine, Refused, Mended };

/// Where the bearer tokens of one tenant come from. Threads: any.
class TokenSource {
  public:
    virtual ~TokenSource() = default;
    /// One that is good for a while; asks the identity platform only where none is at hand.
    [[nodiscard]] virtual GraphResult<Secret> get(std::stop_token stop) = 0;
    /// Graph refused `token`: the next `get` asks for another. `claims`: what Graph wants to see in
    /// it (a JSON object, from a claims challenge); empty: it did not say. They go into one request
    /// for a token, not into those after it.
    virtual void drop(const Secret& token, std::string_view claims) = 0;
    /// What the last `get` met, and whether the files have changed since. Looks at them only after
    /// a refusal.
    [[nodiscard]] virtual CredentialState state() const { return CredentialState::Fine; }
};

class TokenCache;

/// What a token source stands on; all of it must outlive the source.
struct TokenParts {
    HttpClient& http;  ///< To the identity platform. Not used for managed identities, see there.
    Clock& clock;
    Metrics& metrics;
    RandomHex random = random_hex;
    /// Shared by all tenants of the process; empty: this source keeps its tokens to itself.
    std::shared_ptr<TokenCache> cache = {};
    Wait wait = really_wait;
};

/// The source for whatever credential the tenant has. Cheap: nothing is asked before the first
/// `get`; the dates of a certificate are read and given to the metrics.
[[nodiscard]] std::unique_ptr<TokenSource> make_token_source(
    const Tenant& tenant, TokenParts parts
);

}  // namespace graphhook::subscriptions
