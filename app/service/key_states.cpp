#include "app/service/key_states.hpp"

#include "app/api/json_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace graphhook::app {
namespace {

KeyRow row_of(const authenticity::EncryptionKey& key) {
    KeyRow row;
    row.id = key.id;
    row.thumbprint = key.thumbprint;
    row.file = key.file;
    row.bits = key.bits;
    row.not_before = key.not_before;
    row.not_after = key.not_after;
    return row;
}

void sort_rows(std::vector<KeyRow>& rows) {
    std::sort(rows.begin(), rows.end(), [](const KeyRow& a, const KeyRow& b) {
        return std::tie(b.not_before, b.id) < std::tie(a.not_before, a.id);
    });
}

}  // namespace

std::string_view to_string(KeyState state) noexcept {
    switch (state) {
        case KeyState::Current:
            return "current";
        case KeyState::InUse:
            return "in_use";
        case KeyState::Idle:
            return "idle";
        case KeyState::Waiting:
            return "waiting";
        case KeyState::Spent:
            return "spent";
        case KeyState::Coming:
            return "coming";
        case KeyState::Retired:
            return "retired";
    }
    return "idle";
}

KeyVerdict judge_key(
    const KeyFacts& key, std::optional<SystemTime> oldest_notification,
    std::chrono::milliseconds retire_after, SystemTime now
) {
    if (key.current) return {KeyState::Current, std::nullopt};
    if (key.subscriptions > 0) return {KeyState::InUse, std::nullopt};
    if (key.coming) return {KeyState::Coming, std::nullopt};
    if (!key.superseded || !key.last_used) return {KeyState::Idle, std::nullopt};
    const auto due =
        *key.last_used + std::max<std::chrono::milliseconds>(retire_after, kKeyHorizon);
    if (now < due) return {KeyState::Idle, due};
    if (oldest_notification && *oldest_notification <= *key.last_used + kKeyHorizon)
        return {KeyState::Waiting, std::nullopt};
    return {KeyState::Spent, now};
}

boost::json::object to_json(const KeyRow& row) {
    return {
        {"id", row.id},
        {"state", to_string(row.state)},
        {"subscriptions", row.subscriptions},
        {"bits", row.bits},
        {"thumbprint", row.thumbprint},
        {"not_before", time_or_null(row.not_before)},
        {"not_after", time_or_null(row.not_after)},
        {"last_used", time_or_null(row.last_used)},
        {"retire_at", time_or_null(row.retire_at)},
        {"file", row.file},
    };
}

std::vector<KeyRow> key_rows(
    const authenticity::Keyring& keyring, const std::map<std::string, std::size_t>& in_use,
    const std::map<std::string, SystemTime>& last_used,
    std::optional<SystemTime> oldest_notification, std::chrono::milliseconds retire_after,
    SystemTime now
) {
    const auto current = keyring.current(now);
    std::vector<KeyRow> rows;
    for (const auto& key : keyring.keys()) {
        KeyFacts facts;
        facts.current = key == current;
        facts.coming = key->not_before > now;
        facts.superseded =
            current != nullptr && (key->not_before <= current->not_before || key->not_after <= now);
        if (const auto used = in_use.find(key->id); used != in_use.end())
            facts.subscriptions = used->second;
        if (const auto last = last_used.find(key->id); last != last_used.end())
            facts.last_used = last->second;
        const auto verdict = judge_key(facts, oldest_notification, retire_after, now);
        auto row = row_of(*key);
        row.state = verdict.state;
        row.subscriptions = facts.subscriptions;
        row.last_used = facts.last_used;
        row.retire_at = verdict.retire_at;
        rows.push_back(std::move(row));
    }
    sort_rows(rows);
    return rows;
}

std::vector<KeyRow> retired_rows(const authenticity::Keyring& retired) {
    std::vector<KeyRow> rows;
    for (const auto& key : retired.keys()) {
        auto row = row_of(*key);
        row.state = KeyState::Retired;
        rows.push_back(std::move(row));
    }
    sort_rows(rows);
    return rows;
}

std::map<std::string, std::size_t> certificates_in_use(
    const std::vector<store::SubscriptionRecord>& records
) {
    std::map<std::string, std::size_t> in_use;
    for (const auto& record : records) {
        const bool live = record.state == store::SubscriptionState::Active ||
                          record.state == store::SubscriptionState::Creating;
        if (live && !record.certificate_id.empty()) ++in_use[record.certificate_id];
    }
    return in_use;
}

std::string last_used_note(std::string_view id) {
    return fmt::format("keys/last_used/{}", id);
}

}  // namespace graphhook::app
