#pragma once

#include "authenticity/decryption_pool.hpp"
#include "authenticity/key_set.hpp"
#include "authenticity/keyring.hpp"
#include "authenticity/token.hpp"
#include "authenticity/verdict_cache.hpp"
#include "core/clock.hpp"
#include "handlers/opener.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace graphhook::app {

/// A tenant's configured name, and what its rich notifications have to prove.
struct ProvenTenant {
    std::string name;
    authenticity::Expected expected;
};

/// Says of rich deliveries whether they are Graph's, and opens what is in them.
///
/// Operation. A final verdict that is stored is trusted, whatever keys are at hand today, unless a
/// token that was refused for its audience is ours by now. Otherwise the tokens are judged, once
/// for all deliveries that share them; the verdict is stored, and remembered as long as the key
/// sets and the configured applications stay what they are, so that what an operator takes back
/// from the quarantine is judged by those of that day. Of one that is not final yet, what is proved
/// stays so.
///
/// What came too early or too late by our clock is judged by the platform's where they differ, and
/// is false only if they were compared within five minutes; else the key sets are fetched first,
/// which compares them.
///
/// A delivery whose tenant is no longer configured waits ("tenant_unknown"): nobody can say which
/// application it should prove, and configuring the tenant again brings it on.
///
/// Threads: any, several at once. What is in `parts` must outlive it.
class Prover final : public handlers::Opener {
  public:
    using Job = authenticity::DecryptionPool::Job;
    using Decrypted = authenticity::DecryptionPool::Outcome;
    struct Parts {
        Clock& clock;
        /// Never nullptr.
        std::function<authenticity::KeySetsPtr()> sets;
        /// No key set of that authority, or none with the key of some token.
        std::function<void(const std::string& login)> keys_wanted;
        /// Never nullptr.
        std::function<std::shared_ptr<const authenticity::Keyring>()> keyring;
        /// As DecryptionPool::decrypt.
        std::function<std::vector<Decrypted>(std::vector<Job>, const std::stop_token&)> decrypt;
        /// Stores a verdict of that proof; must not block.
        std::function<void(std::int64_t proof, std::string verdict)> keep_verdict;
    };
    Prover(const std::vector<ProvenTenant>& tenants, Parts parts);
    ~Prover() override;

    /// After a reload.
    void set_tenants(const std::vector<ProvenTenant>& tenants);

    [[nodiscard]] std::vector<handlers::Opened> open(
        std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
    ) override;

  private:
    using Verdicts = authenticity::TokenVerdicts::Verdicts;
    struct Apps;
    struct Round;
    [[nodiscard]] Round begin();
    [[nodiscard]] handlers::Opened prove(const store::Delivery& delivery, Round& round);
    [[nodiscard]] authenticity::Reason reason_of(
        const store::Delivery& delivery, const authenticity::Expected& expected, Round& round
    ) const;
    [[nodiscard]] Verdicts verdicts_of(const store::Delivery& delivery, Round& round);
    [[nodiscard]] Verdicts judge(const store::Delivery& delivery, const Round& round);
    void remember(const store::Proof& proof, const Verdicts& verdicts, const Round& round);
    void decrypt(
        std::span<const store::Delivery> batch, std::vector<handlers::Opened>& answers,
        const std::stop_token& stop
    );

    const Parts parts_;
    authenticity::TokenVerdicts cache_;
    /// One judges at a time, so that what several hold is judged and stored once. Taken before
    /// mutex_.
    std::mutex judging_;
    struct Put {
        SteadyTime at;
        Verdicts what;
    };
    std::map<std::int64_t, Put> put_;  ///< By proof; guarded by judging_.

    std::mutex mutex_;
    // Guarded by mutex_.
    std::shared_ptr<const Apps> apps_;
    // What the verdicts in cache_ were found with.
    std::shared_ptr<const Apps> cached_apps_;
    authenticity::KeySetsPtr cached_sets_;
};

/// What an operator is told of tokens that failed for that reason: kid, tid and aud as the tokens
/// have them, fit for a log line. Pure.
[[nodiscard]] std::string describe_tokens(
    std::span<const authenticity::TokenVerdict> verdicts, authenticity::Reason reason,
    const authenticity::Expected& expected
);

}  // namespace graphhook::app
