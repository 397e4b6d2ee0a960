#include "store/sqlite/unsids.hpp"

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

namespace graphhook::store {
namespace {

/// Rows that a slice, a step of the reader or a turn of housekeeping looks at.
constexpr std::int64_t kAtOnce = 512;

constexpr std::string_view kColumns =
    "SELECT number, tenant, user, unsid, platform, client, expires_at, registered_at FROM unsid ";

std::int64_t micros(SystemTime time) {
    return time.time_since_epoch().count();
}

SystemTime time_of(std::int64_t micros) {
    return SystemTime(std::chrono::microseconds(micros));
}

Unsid read_unsid(const Query& query) {
    Unsid unsid;
    unsid.tenant_id = query.text(1);
    unsid.user_id = query.text(2);
    unsid.unsid = query.text(3);
    unsid.platform = query.text(4);
    unsid.client_id = query.text(5);
    unsid.expires_at = time_of(query.integer(6));
    unsid.registered_at = time_of(query.integer(7));
    return unsid;
}

bool fits(const UnsidQuery& query, const Unsid& unsid) {
    return (query.tenant_id.empty() || query.tenant_id == unsid.tenant_id) &&
           (query.user_id.empty() || query.user_id == unsid.user_id) &&
           (query.unsid.empty() || query.unsid == unsid.unsid) &&
           (!query.live_at || unsid.expires_at > *query.live_at);
}

/// What an index finds; the rest is looked at row by row, so that every step is short.
struct Key {
    std::string_view condition;
    std::string_view text;
};
Key key_of(const UnsidQuery& query) {
    if (!query.user_id.empty()) return {"user = ?1 AND ", query.user_id};
    if (!query.unsid.empty()) return {"unsid = ?1 AND ", query.unsid};
    return {};
}

}  // namespace

Unsids::Unsids(Connection& connection, Writes& writes)
    : connection_(connection),
      writes_(writes),
      find_(
          connection,
          "SELECT 1 FROM unsid WHERE user = ? AND tenant = ? AND unsid = ? AND platform = ?"
      ),
      put_(
          connection,
          "INSERT OR REPLACE INTO unsid(number, tenant, user, unsid, platform, client, expires_at, "
          "registered_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
      ),
      delete_(connection, "DELETE FROM unsid WHERE number = ?"),
      too_many_(
          connection,
          "SELECT number, platform FROM unsid WHERE user = ? AND tenant = ? AND number <> ? "
          "ORDER BY expires_at > ? DESC, registered_at DESC, number DESC LIMIT -1 OFFSET ?"
      ),
      expired_(
          connection,
          "SELECT number, platform FROM unsid WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
      ),
      count_expired_(
          connection, "SELECT platform, count(*) FROM unsid WHERE expires_at <= ? GROUP BY platform"
      ),
      next_(connection.query("SELECT coalesce(max(number), 0) + 1 FROM unsid")) {
    Statement all(connection, "SELECT platform, count(*) FROM unsid GROUP BY platform");
    for (Query query(all); query.step();)
        stored_[std::string(query.text(0))] = static_cast<std::uint64_t>(query.integer(1));
}

std::vector<Unsids::Row> Unsids::rows(Query& query) {
    std::vector<Row> found;
    while (query.step()) found.push_back({query.integer(0), std::string(query.text(1))});
    return found;
}

void Unsids::erase(const Row& row) {
    writes_.add(delete_, {row.number});
    const auto count = stored_.find(row.platform);
    if (count != stored_.end() && --count->second == 0) stored_.erase(count);
}

Result<UnsidPut> Unsids::put(Unsid unsid, SystemTime now) {
    if (unsid.tenant_id.empty() || unsid.user_id.empty() || unsid.unsid.empty() ||
        unsid.platform.empty())
        return fail(Errc::BadInput, "an UNSID needs tenant, user and platform");
    bool known = false;
    {
        Query query(find_);
        known = query.bind(1, std::string_view(unsid.user_id))
                    .bind(2, std::string_view(unsid.tenant_id))
                    .bind(3, std::string_view(unsid.unsid))
                    .bind(4, std::string_view(unsid.platform))
                    .step();
    }
    const std::int64_t number = next_++;
    writes_.add(
        put_, {number, unsid.tenant_id, unsid.user_id, std::move(unsid.unsid), unsid.platform,
               std::move(unsid.client_id), micros(unsid.expires_at), micros(unsid.registered_at)}
    );
    if (known) return UnsidPut::Renewed;
    ++stored_[unsid.platform];
    std::vector<Row> too_many;
    {
        Query query(too_many_);
        query.bind(1, std::string_view(unsid.user_id))
            .bind(2, std::string_view(unsid.tenant_id))
            .bind(3, number)
            .bind(4, micros(now))
            .bind(5, static_cast<std::int64_t>(kMostUnsidsOfOneUser) - 1);
        too_many = rows(query);
    }
    for (const Row& row : too_many) erase(row);
    return UnsidPut::Registered;
}

Result<bool> Unsids::drop(UnsidDrop& drop) {
    const UnsidQuery& selection = drop.selection;
    if (selection.tenant_id.empty() && selection.user_id.empty() && selection.unsid.empty())
        return fail(Errc::BadInput, "which UNSIDs: a tenant, a user or an UNSID is needed");
    if (!std::exchange(drop.begun, true)) drop.last = next_ - 1;
    const Key key = key_of(selection);
    std::int64_t looked = 0;
    std::vector<Row> found;
    {
        Statement next(
            connection_, std::string(kColumns)
                             .append("WHERE ")
                             .append(key.condition)
                             .append("number > ?2 AND number <= ?3 ORDER BY number LIMIT ?4")
        );
        Query query(next);
        if (!key.condition.empty()) query.bind(1, key.text);
        query.bind(2, drop.after).bind(3, drop.last).bind(4, kAtOnce);
        for (; query.step(); ++looked) {
            drop.after = query.integer(0);
            Unsid unsid = read_unsid(query);
            if (fits(selection, unsid)) found.push_back({drop.after, std::move(unsid.platform)});
        }
    }
    for (const Row& row : found) erase(row);
    drop.count += found.size();
    return looked < kAtOnce;
}

void Unsids::tidy(SystemTime now) {
    if (stored_.empty()) return;
    std::vector<Row> found;
    {
        Query query(expired_);
        query.bind(1, micros(now)).bind(2, kAtOnce);
        found = rows(query);
    }
    for (const Row& row : found) erase(row);
}

std::map<std::string, std::uint64_t> Unsids::live(SystemTime now) {
    auto live = stored_;
    if (live.empty()) return live;
    Query query(count_expired_);
    query.bind(1, micros(now));
    while (query.step()) {
        const auto count = live.find(std::string(query.text(0)));
        if (count == live.end()) continue;
        count->second -= static_cast<std::uint64_t>(query.integer(1));
        if (count->second == 0) live.erase(count);
    }
    return live;
}

UnsidListing::UnsidListing(UnsidQuery query) : query_(std::move(query)) {
}

bool UnsidListing::step(Connection& connection, std::vector<Unsid>& found) {
    if (found.size() >= query_.limit) return true;
    const Key key = key_of(query_);
    Statement statement(
        connection, std::string(kColumns)
                        .append("WHERE ")
                        .append(key.condition)
                        .append("(registered_at, number) < (?2, ?3) ORDER BY registered_at DESC, "
                                "number DESC LIMIT ?4")
    );
    std::vector<Unsid> next;
    std::int64_t looked = 0;
    std::int64_t time = before_time_;
    std::int64_t number = before_number_;
    {
        Query query(statement);
        if (!key.condition.empty()) query.bind(1, key.text);
        query.bind(2, before_time_).bind(3, before_number_).bind(4, kAtOnce);
        for (; found.size() + next.size() < query_.limit && query.step(); ++looked) {
            number = query.integer(0);
            time = query.integer(7);
            Unsid unsid = read_unsid(query);
            if (fits(query_, unsid)) next.push_back(std::move(unsid));
        }
    }
    before_time_ = time;
    before_number_ = number;
    for (Unsid& unsid : next) found.push_back(std::move(unsid));
    return looked < kAtOnce;
}

std::map<std::string, std::uint64_t> count_live_unsids(Connection& connection, SystemTime now) {
    std::map<std::string, std::uint64_t> live;
    Statement statement(
        connection, "SELECT platform, count(*) FROM unsid WHERE expires_at > ? GROUP BY platform"
    );
    Query query(statement);
    query.bind(1, micros(now));
    while (query.step())
        live[std::string(query.text(0))] = static_cast<std::uint64_t>(query.integer(1));
    return live;
}

}  // namespace graphhook::store
