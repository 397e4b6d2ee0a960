#pragma once

#include "authenticity/keyring.hpp"
#include "core/clock.hpp"
#include "store/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

// How an encryption key stands, and when it may go. Pure.

enum class KeyState : std::uint8_t {
    Current,  ///< New subscriptions use it.
    InUse,    ///< Another is current; live subscriptions still use it.
    Idle,     ///< Nothing uses it; its time to be retired has not come.
    Waiting,  ///< Its time has come, but something in the store is old enough to need it.
    Spent,    ///< To be retired now.
    Coming,   ///< Its certificate is not valid yet.
    Retired,
};
/// "current", "in_use", "idle", "waiting", "spent", "coming", "retired"
[[nodiscard]] std::string_view to_string(KeyState state) noexcept;

/// For so long after a key's last use Graph may send what was encrypted with it: its retries go on
/// for 4 h, and a use may have been written down an hour ago.
inline constexpr std::chrono::hours kKeyHorizon{5};

struct KeyFacts {
    bool current = false;
    bool coming = false;  ///< Not valid yet.
    /// There is a current key, and this one never comes after it: its life began earlier, or is
    /// over.
    bool superseded = false;
    std::size_t subscriptions = 0;        ///< Live ones with its certificate.
    std::optional<SystemTime> last_used;  ///< Was current, or in use. Absent: not known.
};
struct KeyVerdict {
    KeyState state = KeyState::Idle;
    /// Idle: when it is retired at the earliest.
    std::optional<SystemTime> retire_at;
};
/// `oldest_notification`: received at, of all that is stored, done, dead and quarantined included;
/// absent: nothing is stored. A key goes when another has replaced it, no live subscription uses
/// it, `retire_after` (and kKeyHorizon) have passed since it was last used, and everything stored
/// came more than kKeyHorizon after that.
[[nodiscard]] KeyVerdict judge_key(
    const KeyFacts& key, std::optional<SystemTime> oldest_notification,
    std::chrono::milliseconds retire_after, SystemTime now
);

/// Stands for the certificate of live subscriptions whose id Graph does not name: it may be any.
inline constexpr std::string_view kUnnamedCertificate = "?";

/// One line of `keys list`.
struct KeyRow {
    std::string id, thumbprint, file;
    int bits = 0;  ///< 0: not known.
    SystemTime not_before, not_after;
    KeyState state = KeyState::Idle;
    std::size_t subscriptions = 0;
    std::optional<SystemTime> last_used, retire_at;
};
/// Without key material.
[[nodiscard]] boost::json::object to_json(const KeyRow& row);

/// All of a keyring, in the order of their lives, the newest first.
[[nodiscard]] std::vector<KeyRow> key_rows(
    const authenticity::Keyring& keyring, const std::map<std::string, std::size_t>& in_use,
    const std::map<std::string, SystemTime>& last_used,
    std::optional<SystemTime> oldest_notification, std::chrono::milliseconds retire_after,
    SystemTime now
);
/// Of those that were taken out of use (see read_retired_keys).
[[nodiscard]] std::vector<KeyRow> retired_rows(const authenticity::Keyring& retired);
/// Live subscriptions by the certificate that they have, as the store knows them.
[[nodiscard]] std::map<std::string, std::size_t> certificates_in_use(
    const std::vector<store::SubscriptionRecord>& records
);

/// Where the store's notes have when a key was last used.
[[nodiscard]] std::string last_used_note(std::string_view id);

}  // namespace graphhook::app
