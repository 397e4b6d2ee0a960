#pragma once

#include "authenticity/key_set.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

namespace graphhook::authenticity {

/// What is asked of an authority, and what is known of it from before.
struct FetchOrder {
    std::string login;
    Version version = Version::V2;
    std::string issuer;    ///< As the metadata said last; empty: never read.
    std::string jwks_uri;  ///< Likewise.
};

struct Fetched {
    enum class Outcome : std::uint8_t {
        Ok,
        Unreachable,  ///< No answer.
        Refused,      ///< An answer, but not 200: redirects too.
        Garbled,      ///< Not what it should be, or more than 1 MiB.
        Aborted,
    };
    Outcome outcome = Outcome::Ok;
    std::string detail;  ///< Of a failure, for the operator.
    KeySet set;          ///< Ok: what the document holds.
    std::string jwks_uri;
    /// How much our clock is ahead, by the last answer that says so.
    std::optional<std::chrono::seconds> clock_ahead;
};

/// Reads the metadata of all tenants ({login}/common/…), then the key set that it names, if it may
/// be fetched (see may_fetch_keys). Where the metadata cannot be had but was known before, or the
/// authority is one of Microsoft's own clouds, whose issuers are pinned, the key set is taken from
/// where it was last or from its usual place. Redirects are not followed. Blocks.
[[nodiscard]] Fetched fetch_key_set(
    const FetchOrder& order, HttpClient& client, const Clock& clock, const std::stop_token& stop
);

/// "ok", "unreachable", "refused", "garbled", "aborted".
[[nodiscard]] std::string_view to_string(Fetched::Outcome outcome) noexcept;

/// The largest document that is read.
inline constexpr std::size_t kLargestDocument = 1u << 20;

}  // namespace graphhook::authenticity
