#include "store/sqlite/lookup.hpp"

#include "store/sqlite/subscription_table.hpp"

#include <chrono>
#include <cstring>
#include <optional>

namespace graphhook::store {
namespace {

int liveliness(SubscriptionState state) {
    return state == SubscriptionState::Active ? 2 : state == SubscriptionState::Creating ? 1 : 0;
}

KnownPtr liveliest(Query& query, SystemTime now) {
    std::optional<SubscriptionRecord> best;
    while (query.step()) {
        SubscriptionRecord record = read_record(query);
        if (!published(record.state, record.forget_at, now)) continue;
        if (!best || liveliness(best->state) <= liveliness(record.state)) best = std::move(record);
    }
    return best ? make_known(*best) : nullptr;
}

}  // namespace

std::vector<KnownPtr> ask_table(
    Connection& connection, const std::vector<Store::Query>& queries, SystemTime now
) {
    const std::string select = "SELECT " + std::string(kRecordColumns) + " FROM subscription ";
    Statement by_id(
        connection, select + "WHERE graph_id = ? COLLATE NOCASE AND graph_id <> '' ORDER BY record"
    );
    Statement by_state(connection, select + "WHERE state_hash = ? ORDER BY record");
    std::vector<KnownPtr> answers;
    answers.reserve(queries.size());
    for (const auto& asked : queries) {
        KnownPtr answer;
        if (!asked.graph_id.empty()) {
            Query query(by_id);
            query.bind(1, std::string_view(asked.graph_id));
            answer = liveliest(query, now);
        }
        if (answer == nullptr && asked.state_hash != Sha256{}) {
            std::string hash(asked.state_hash.size(), '\0');
            std::memcpy(hash.data(), asked.state_hash.data(), hash.size());
            Query query(by_state);
            query.bind_blob(1, hash);
            answer = liveliest(query, now);
        }
        answers.push_back(std::move(answer));
    }
    return answers;
}

bool read_subscriptions(Connection& connection, std::vector<SubscriptionRecord>& records) {
    constexpr std::int64_t kAtOnce = 1000;
    Statement statement(
        connection, "SELECT " + std::string(kRecordColumns) +
                        " FROM subscription WHERE record > ? ORDER BY record LIMIT ?"
    );
    std::vector<SubscriptionRecord> next;
    {
        Query query(statement);
        query.bind(1, records.empty() ? 0 : records.back().record).bind(2, kAtOnce);
        while (query.step()) next.push_back(read_record(query));
    }
    const bool over = next.size() < static_cast<std::size_t>(kAtOnce);
    for (auto& record : next) records.push_back(std::move(record));
    return over;
}

std::vector<RefusedBody> read_refused(Connection& connection) {
    Statement statement(
        connection, "SELECT number, at, reason, subscription, body FROM refused ORDER BY number"
    );
    std::vector<RefusedBody> bodies;
    for (Query query(statement); query.step();) {
        RefusedBody body;
        body.number = query.integer(0);
        body.at = SystemTime(std::chrono::microseconds(query.integer(1)));
        body.reason = query.text(2);
        body.subscription = query.text(3);
        body.body = query.text(4);
        bodies.push_back(std::move(body));
    }
    return bodies;
}

}  // namespace graphhook::store
