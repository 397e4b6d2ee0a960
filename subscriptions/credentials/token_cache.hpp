#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/graph.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

struct FreshToken {
    Secret value;
    std::chrono::seconds lives{0};
};

/// One way of asking for a token. Called by one thread at a time.
class TokenFlow {
  public:
    virtual ~TokenFlow() = default;
    /// Asks now. `claims`: see TokenSource::drop; ignored where the way has no place for them.
    [[nodiscard]] virtual GraphResult<FreshToken> fetch(
        std::string_view claims, std::stop_token stop
    ) = 0;
    /// Of the files that the credential is read from: differs when one of them was replaced. After
    /// a refusal that is the reason to ask again at once.
    [[nodiscard]] virtual std::string files_state() const { return {}; }
    /// Whether a refusal is final until those files change.
    [[nodiscard]] virtual bool only_a_new_file_helps(const GraphError& error) const {
        (void)error;
        return false;
    }
};

struct TokenSlot;

/// The tokens of the process: one for each cloud, tenant, client, flow, scopes and proof, whichever
/// configured tenants use it. Forgotten with the last source that uses it. Threads: any.
class TokenCache {
  public:
    [[nodiscard]] std::shared_ptr<TokenSlot> slot(const std::string& key);

  private:
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<TokenSlot>> slots_;  // guarded by mutex_
};

/// Serves tokens from a slot. A token is replaced when 80 % of its life is over or five minutes are
/// left; one caller at a time asks, and meanwhile (and while the identity platform is in trouble)
/// the old one is served as long as it lives. Tokens are never decoded, never logged, and wiped.
///
/// After a failure nobody asks again for a while, and callers get the same error: passing trouble
/// 1 s, doubling to 1 min; Retry-After where there is one; a refusal (a wrong secret, no consent)
/// 1 min, doubling to 1 h, or until the credential's files change. Of tokens that Graph refuses
/// without a claims challenge, one in ten seconds is replaced: some services answer 401 to whatever
/// token they get.
class CachedTokens final : public TokenSource {
  public:
    /// `tenant`: configured name, for messages.
    CachedTokens(
        std::string tenant, std::unique_ptr<TokenFlow> flow, std::shared_ptr<TokenSlot> slot,
        Clock& clock
    );
    [[nodiscard]] GraphResult<Secret> get(std::stop_token stop) override;
    void drop(const Secret& token, std::string_view claims) override;
    [[nodiscard]] CredentialState state() const override;

  private:
    const std::string tenant_;
    const std::unique_ptr<TokenFlow> flow_;
    const std::shared_ptr<TokenSlot> slot_;
    Clock& clock_;
    /// Of the files that the last `get` was refused with; guarded by the slot's mutex.
    std::optional<std::string> refused_with_;
};

/// How long nobody asks after the `count`th failure in a row.
[[nodiscard]] std::chrono::seconds pause_after(
    const GraphError& error, unsigned count, SystemTime now
);

}  // namespace graphhook::subscriptions
