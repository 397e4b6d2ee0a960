#include "app/service/proving.hpp"

#include "authenticity/issuers.hpp"
#include "authenticity/resource_data.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "handlers/opening.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace graphhook::app {
namespace {

using authenticity::Reason;
using handlers::Opened;

/// Of the last proofs whose verdict was stored.
constexpr std::size_t kMostPut = 1'024;
/// What was leased before its verdict was stored comes without it; later than this the store was
/// told to forget it (a retry from the quarantine) and is told again.
constexpr std::chrono::minutes kPutAgain{5};
/// For what only an operator's deed brings on.
constexpr std::chrono::minutes kRarely{5};
/// What a fetch that is under way, or a file that is being put in its place, may bring on.
constexpr std::chrono::milliseconds kSoon{1'000};
/// What fails for its time alone is false only if our clock was compared so lately: as long as a
/// clock may be wrong without being in doubt, so that none jumps that far unnoticed.
constexpr std::chrono::minutes kClockCompared{5};
constexpr std::size_t kMostDescribed = 3;
constexpr std::size_t kMostText = 80;

Opened waits(std::string reason, std::string detail) {
    return {.is = Opened::Is::Waits, .reason = std::move(reason), .detail = std::move(detail)};
}

Opened opened_as(Reason reason, std::string detail) {
    if (reason == Reason::None) return {};
    auto made = waits(std::string(to_string(reason)), std::move(detail));
    if (!authenticity::may_be_proved_later(reason)) made.is = Opened::Is::False;
    if (reason == Reason::TokensNull) made.again_in = kRarely;
    return made;
}

/// What has just come is asked about again after moments, what waits for longer less often: as a
/// rule the key that it lacks is fetched because of it, and is there in no time.
void ask_again_soon(Opened& answer, const store::Delivery& delivery, SystemTime now) {
    if (answer.is != Opened::Is::Waits || answer.again_in != Opened{}.again_in) return;
    const auto age = std::chrono::floor<std::chrono::milliseconds>(now - delivery.received_at);
    answer.again_in = std::clamp(age, kSoon, answer.again_in);
}

/// Which of the tokens were proved before, by a verdict that was not final for others of them.
void keep_proved(std::vector<authenticity::TokenVerdict>& judged, const std::string& stored) {
    const auto before = authenticity::verdicts_from_text(stored);
    if (!before || before->size() != judged.size()) return;
    for (std::size_t i = 0; i < judged.size(); ++i) {
        if ((*before)[i].reason == Reason::None) judged[i] = (*before)[i];
    }
}

/// Whenever a key set comes, our clock is compared with the platform's.
bool clock_compared_lately(
    const authenticity::KeySets& sets, const std::string& login, SystemTime now
) {
    return std::ranges::any_of(sets.sets, [&](const authenticity::KeySet& set) {
        return authenticity::same_login(set.login, login) && set.fetched_at <= now &&
               now - set.fetched_at <= kClockCompared;
    });
}

std::string quoted(const std::string& text) {
    return text.empty() ? std::string("none") : fmt::format("'{}'", for_log(text, kMostText));
}

}  // namespace

struct Prover::Apps {
    std::map<std::string, authenticity::Expected> by_name;
    std::vector<authenticity::Expected> all;
};

/// What all deliveries of one call have in common.
struct Prover::Round {
    std::shared_ptr<const Apps> apps;
    authenticity::KeySetsPtr sets;
    std::set<std::string> keys_wanted;
    /// The last proof, and its verdicts: those of one POST mostly come together.
    store::ProofPtr proof;
    Verdicts verdicts;
};

Prover::Prover(const std::vector<ProvenTenant>& tenants, Parts parts) : parts_(std::move(parts)) {
    set_tenants(tenants);
}

Prover::~Prover() = default;

void Prover::set_tenants(const std::vector<ProvenTenant>& tenants) {
    auto made = std::make_shared<Apps>();
    for (const auto& tenant : tenants) {
        made->by_name.emplace(tenant.name, tenant.expected);
        made->all.push_back(tenant.expected);
    }
    const std::lock_guard lock(mutex_);
    // What changed nothing must not make everything be judged again.
    if (apps_ == nullptr || apps_->by_name != made->by_name) apps_ = std::move(made);
}

Prover::Round Prover::begin() {
    Round round;
    round.sets = parts_.sets();
    const std::lock_guard lock(mutex_);
    round.apps = apps_;
    if (cached_apps_ != round.apps || cached_sets_ != round.sets) {
        cache_.clear();
        cached_apps_ = round.apps;
        cached_sets_ = round.sets;
    }
    return round;
}

std::vector<Opened> Prover::open(
    std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
) {
    std::vector<Opened> answers(batch.size());
    auto round = begin();
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].proof != nullptr) answers[i] = prove(batch[i], round);
    }
    for (const auto& login : round.keys_wanted) parts_.keys_wanted(login);
    if (decrypt) this->decrypt(batch, answers, stop);
    const auto now = parts_.clock.system_now();
    for (std::size_t i = 0; i < batch.size(); ++i) ask_again_soon(answers[i], batch[i], now);
    return answers;
}

Opened Prover::prove(const store::Delivery& delivery, Round& round) {
    const auto& tenant = delivery.stream->tenant;
    const auto found = round.apps->by_name.find(tenant);
    if (found == round.apps->by_name.end()) {
        auto made =
            waits("tenant_unknown", fmt::format("no tenant {} is configured", quoted(tenant)));
        made.again_in = kRarely;
        return made;
    }
    const auto& expected = found->second;
    if (round.proof != delivery.proof) {
        round.verdicts = verdicts_of(delivery, round);
        round.proof = delivery.proof;
    }
    const auto reason = reason_of(delivery, expected, round);
    return opened_as(reason, describe_tokens(*round.verdicts, reason, expected));
}

Reason Prover::reason_of(
    const store::Delivery& delivery, const authenticity::Expected& expected, Round& round
) const {
    const auto judged_at = [&](SystemTime received_at) {
        return authenticity::judge_item(
            *round.verdicts, expected, received_at, round.sets->clock_doubtful()
        );
    };
    const auto reason = judged_at(delivery.received_at);
    if (reason == Reason::KeysMissing || reason == Reason::KeyUnknown)
        round.keys_wanted.insert(expected.login);
    const bool for_its_time = reason == Reason::ClockDoubtful || reason == Reason::TokenExpired ||
                              reason == Reason::TokenNotYetValid;
    if (!for_its_time) return reason;
    if (!clock_compared_lately(*round.sets, expected.login, parts_.clock.system_now())) {
        round.keys_wanted.insert(expected.login);
        return Reason::ClockDoubtful;
    }
    // By the platform's clock: the time of receipt stays wrong when ours is set right.
    if (reason == Reason::ClockDoubtful)
        return judged_at(delivery.received_at - round.sets->clock_ahead);
    return reason;
}

Prover::Verdicts Prover::verdicts_of(const store::Delivery& delivery, Round& round) {
    const auto& proof = *delivery.proof;
    const auto now = parts_.clock.system_now();
    if (!proof.verdict.empty()) {
        if (auto known = cache_.find(proof.tokens, now)) return known;
        auto stored = authenticity::verdicts_from_text(proof.verdict);
        if (stored && authenticity::is_final(*stored) &&
            authenticity::still_hold(*stored, round.apps->all)) {
            auto kept =
                std::make_shared<const std::vector<authenticity::TokenVerdict>>(std::move(*stored));
            remember(proof, kept, round);
            return kept;
        }
    }
    return judge(delivery, round);
}

Prover::Verdicts Prover::judge(const store::Delivery& delivery, const Round& round) {
    const auto& proof = *delivery.proof;
    const std::lock_guard one_at_a_time(judging_);
    auto verdicts = cache_.find(proof.tokens, parts_.clock.system_now());
    if (verdicts == nullptr) {
        auto judged = authenticity::judge_tokens(
            proof.tokens, *round.sets, round.apps->all, delivery.received_at
        );
        keep_proved(judged, proof.verdict);
        verdicts =
            std::make_shared<const std::vector<authenticity::TokenVerdict>>(std::move(judged));
        remember(proof, verdicts, round);
    }
    auto text = authenticity::to_text(*verdicts);
    // While one of them may yet be proved they are judged anew each time; what is proved stays so.
    if (text == proof.verdict && !authenticity::is_final(*verdicts)) return verdicts;
    const auto now = parts_.clock.steady_now();
    const auto [put, is_new] = put_.try_emplace(proof.number, Put{now, verdicts});
    if (is_new || now - put->second.at > kPutAgain || *put->second.what != *verdicts) {
        put->second = {now, verdicts};
        parts_.keep_verdict(proof.number, std::move(text));
    }
    while (put_.size() > kMostPut) put_.erase(put_.begin());
    return verdicts;
}

void Prover::remember(const store::Proof& proof, const Verdicts& verdicts, const Round& round) {
    const std::lock_guard lock(mutex_);
    // Whoever took longer than a change of the key sets must not bring back what was before it.
    if (cached_apps_ == round.apps && cached_sets_ == round.sets)
        cache_.put(proof.tokens, verdicts, parts_.clock.system_now());
}

void Prover::decrypt(
    std::span<const store::Delivery> batch, std::vector<Opened>& answers,
    const std::stop_token& stop
) {
    std::vector<std::size_t> where;
    std::vector<Job> jobs;
    std::vector<std::string> ids;
    const auto keyring = parts_.keyring();
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].proof == nullptr || answers[i].is != Opened::Is::Proved) continue;
        auto content = authenticity::read_encrypted_content(batch[i].body);
        if (const auto* reason = std::get_if<Reason>(&content)) {
            answers[i] = opened_as(*reason, "its encryptedContent can not be read");
            continue;
        }
        auto& read = std::get<authenticity::EncryptedContent>(content);
        auto key = keyring->find(read.certificate_id, read.thumbprint);
        if (key == nullptr) {
            answers[i] = opened_as(
                Reason::NoPrivateKey, fmt::format(
                                          "no key {} with thumbprint {}",
                                          quoted(read.certificate_id), quoted(read.thumbprint)
                                      )
            );
            continue;
        }
        where.push_back(i);
        ids.push_back(key->id);
        jobs.push_back({std::move(read), std::move(key)});
    }
    if (jobs.empty()) return;
    const auto decrypted = parts_.decrypt(std::move(jobs), stop);
    for (std::size_t i = 0; i < where.size(); ++i) {
        auto& answer = answers[where[i]];
        if (i >= decrypted.size() || !decrypted[i]) {
            answer = stop.stop_requested()
                         ? waits("stopping", "")
                         : waits(std::string(handlers::kOpeningSlow), "not decrypted in time");
            answer.again_in = std::chrono::milliseconds(0);
        } else if (const auto* reason = std::get_if<Reason>(&*decrypted[i])) {
            answer = opened_as(*reason, fmt::format("with the key {}", quoted(ids[i])));
        } else {
            answer.data = std::get<Secret>(*decrypted[i]).reveal();
        }
    }
}

std::string describe_tokens(
    std::span<const authenticity::TokenVerdict> verdicts, Reason reason,
    const authenticity::Expected& expected
) {
    if (reason == Reason::None) return {};
    const bool coverage = reason == Reason::TokenCoverage;
    const bool time = reason == Reason::TokenExpired || reason == Reason::TokenNotYetValid ||
                      reason == Reason::ClockDoubtful;
    std::string text =
        coverage ? fmt::format("wants tid '{}' aud '{}'", expected.tenant_id, expected.client_id)
                 : std::string();
    std::size_t described = 0, others = 0;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const auto& verdict = verdicts[i];
        const bool meant = coverage || verdict.reason == (time ? Reason::None : reason);
        // What says nothing of itself (no token at all) has nothing to be described.
        const bool silent =
            verdict.kid.empty() && verdict.tenant_id.empty() && verdict.client_id.empty();
        if (!meant || silent) continue;
        if (described == kMostDescribed) {
            ++others;
            continue;
        }
        ++described;
        if (!text.empty()) text += "; ";
        text += fmt::format(
            "token {}: kid {} tid {} aud {}", i + 1, quoted(verdict.kid), quoted(verdict.tenant_id),
            quoted(verdict.client_id)
        );
        if (time)
            text += fmt::format(
                " valid {} to {}", to_text(verdict.not_before), to_text(verdict.expires)
            );
    }
    if (others > 0) text += fmt::format("; and {} more", others);
    return text;
}

}  // namespace graphhook::app
