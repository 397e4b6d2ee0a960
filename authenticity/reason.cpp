#include "authenticity/reason.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace graphhook::authenticity {
namespace {

using enum Reason;
constexpr std::array<std::pair<Reason, std::string_view>, 22> kNames = {{
    {None, "none"},
    {TokensNull, "tokens_null"},
    {KeysMissing, "keys_missing"},
    {KeyUnknown, "key_unknown"},
    {ClockDoubtful, "clock_doubtful"},
    {NoPrivateKey, "no_private_key"},
    {TokensMissing, "tokens_missing"},
    {TokenMalformed, "token_malformed"},
    {TokenAlgorithm, "token_algorithm"},
    {TokenKeyUnknown, "token_key_unknown"},
    {TokenSignature, "token_signature"},
    {TokenExpired, "token_expired"},
    {TokenNotYetValid, "token_not_yet_valid"},
    {TokenAudience, "token_audience"},
    {TokenPublisher, "token_publisher"},
    {TokenIssuer, "token_issuer"},
    {TokenCoverage, "token_coverage"},
    {ContentMalformed, "content_malformed"},
    {DataKey, "data_key"},
    {DataSignature, "data_signature"},
    {DataCiphertext, "data_ciphertext"},
    {DataJson, "data_json"},
}};

}  // namespace

std::string_view to_string(Reason reason) noexcept {
    const auto found =
        std::ranges::find(kNames, reason, &std::pair<Reason, std::string_view>::first);
    return found == kNames.end() ? std::string_view("none") : found->second;
}

std::vector<Reason> all_reasons() {
    std::vector<Reason> reasons;
    for (const auto& [reason, name] : kNames) {
        if (reason != None) reasons.push_back(reason);
    }
    return reasons;
}

std::optional<Reason> reason_named(std::string_view text) noexcept {
    const auto found =
        std::ranges::find(kNames, text, &std::pair<Reason, std::string_view>::second);
    if (found == kNames.end()) return std::nullopt;
    return found->first;
}

}  // namespace graphhook::authenticity
