#include "authenticity/issuers.hpp"
#include "authenticity/proof.hpp"
#include "authenticity/token.hpp"

#include <algorithm>

namespace graphhook::authenticity {
namespace {

/// How near a token comes to proving an item, nearest last. Each is for one thing only that is
/// wrong, as far as that can be told of what is not proved.
enum class Nearness : std::uint8_t {
    Elsewhere,    ///< Not genuine, and for another tenant and app.
    Unreadable,   ///< Whose it is cannot be told.
    HalfWay,      ///< Not genuine; of the item's tenant or app, not of both.
    ForAnother,   ///< Genuine, but not for the item.
    Forged,       ///< Not genuine; claims to be for the item.
    OutsideTime,  ///< Genuine, for the item, too early or too late.
    MayBeProved,  ///< For the item as far as can be told, not yet provable.
};

struct Answer {
    Nearness nearness;
    Reason reason;
};

Answer answer_of(
    const TokenVerdict& verdict, const Expected& expected, SystemTime received_at,
    bool clock_doubtful
) {
    const bool tenant = verdict.tenant_id == expected.tenant_id;
    const bool app = verdict.client_id == expected.client_id;
    const bool unreadable = verdict.tenant_id.empty() && verdict.client_id.empty();
    if (verdict.reason == Reason::None) {
        if (!tenant || !app || !same_login(verdict.login, expected.login))
            return {Nearness::ForAnother, Reason::TokenCoverage};
        const Reason reason = time_reason(verdict.not_before, verdict.expires, received_at);
        if (reason != Reason::None && clock_doubtful)
            return {Nearness::MayBeProved, Reason::ClockDoubtful};
        return {Nearness::OutsideTime, reason};
    }
    if (may_be_proved_later(verdict.reason)) {
        // Whose key it is that we lack does not matter where the token could not be the item's.
        if ((tenant && app) || unreadable) return {Nearness::MayBeProved, verdict.reason};
        return {Nearness::ForAnother, Reason::TokenCoverage};
    }
    if (tenant && app) return {Nearness::Forged, verdict.reason};
    if (tenant || app) return {Nearness::HalfWay, verdict.reason};
    return {unreadable ? Nearness::Unreadable : Nearness::Elsewhere, verdict.reason};
}

}  // namespace

Reason judge_item(
    std::span<const TokenVerdict> verdicts, const Expected& expected, SystemTime received_at,
    bool clock_doubtful
) {
    Answer best{Nearness::Elsewhere, Reason::TokensMissing};
    bool first = true;
    for (const TokenVerdict& verdict : verdicts) {
        const Answer answer = answer_of(verdict, expected, received_at, clock_doubtful);
        if (answer.reason == Reason::None) return Reason::None;
        if (first || answer.nearness > best.nearness) best = answer;
        first = false;
    }
    return best.reason;
}

bool is_final(std::span<const TokenVerdict> verdicts) noexcept {
    return !verdicts.empty() && std::ranges::all_of(verdicts, [](const TokenVerdict& verdict) {
        return verdict.reason == Reason::TokensNull || !may_be_proved_later(verdict.reason);
    });
}

bool still_hold(std::span<const TokenVerdict> verdicts, std::span<const Expected> ours) noexcept {
    return std::ranges::none_of(verdicts, [&](const TokenVerdict& verdict) {
        return verdict.reason == Reason::TokenAudience &&
               std::ranges::any_of(ours, [&](const Expected& one) {
                   return one.client_id == verdict.client_id;
               });
    });
}

}  // namespace graphhook::authenticity
