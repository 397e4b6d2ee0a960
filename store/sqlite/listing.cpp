#include "store/sqlite/listing.hpp"

#include "store/sqlite/handler_state.hpp"
#include "store/sqlite/quarantine.hpp"
#include "store/sqlite/streams.hpp"
#include "store/sqlite/unsids.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>

namespace graphhook::store {
namespace {

SystemTime time_of(std::int64_t micros) {
    return SystemTime(std::chrono::microseconds(micros));
}

/// A step ends after this, so that its snapshot does not hold back the WAL.
constexpr std::chrono::milliseconds kStep{20};

/// Where the rows of that state are.
const char* table_of(DeliveryState state) {
    return state == DeliveryState::Dead          ? "dead"
           : state == DeliveryState::Quarantined ? "quarantine"
                                                 : "delivery";
}

}  // namespace

ReadTransaction::ReadTransaction(Connection& connection) : connection_(connection) {
    connection_.exec("BEGIN");
}

ReadTransaction::~ReadTransaction() {
    // It wrote nothing: how it ends does not matter, only that it does. An interrupt may hit the
    // ROLLBACK too, and a transaction left open would fail every later one.
    int result = SQLITE_INTERRUPT;
    while (result == SQLITE_INTERRUPT && connection_.in_transaction())
        result = sqlite3_exec(connection_.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Snapshot::Snapshot(Connection& connection) : connection_(connection), receipts_(connection) {
    Statement streams(connection, kReadStreams);
    for (Query query(streams); query.step();) {
        streams_.resize(static_cast<std::size_t>(query.integer(0)) + 1);
        streams_.back() = read_stream(query);
    }
    Statement handlers(connection, "SELECT id, name, paused FROM handler ORDER BY name");
    for (Query query(handlers); query.step();) {
        handlers_.push_back(
            {query.integer(0),
             std::string(query.text(1)),
             query.integer(2) != 0,
             std::vector<bool>(streams_.size()),
             {}}
        );
    }
    Statement routes(connection, "SELECT stream FROM route WHERE handler = ? AND accepts <> 0");
    Statement cursors(connection, "SELECT lane, page, done FROM cursor WHERE handler = ?");
    for (OfHandler& handler : handlers_) {
        Query accepted(routes);
        accepted.bind(1, handler.number);
        while (accepted.step()) {
            const auto stream = static_cast<std::size_t>(accepted.integer(0));
            if (stream < handler.accepts.size()) handler.accepts[stream] = true;
        }
        Query cursor(cursors);
        cursor.bind(1, handler.number);
        while (cursor.step()) {
            handler.lanes[cursor.integer(0) == 0 ? 0 : 1] =
                LaneCursor(cursor.integer(1), cursor.blob(2));
        }
    }
}

const Stream& Snapshot::stream(std::uint32_t number) const {
    return number < streams_.size() ? streams_[number] : streams_.at(0);
}

std::optional<Snapshot::Page> Snapshot::next_page(std::int64_t from) {
    Statement statement(
        connection_,
        "SELECT page, lane, received_at, count, heads FROM head WHERE page >= ? ORDER BY page "
        "LIMIT 1"
    );
    Query query(statement);
    if (!query.bind(1, from).step()) return {};
    Page page;
    page.page = query.integer(0);
    page.lane = query.integer(1) == 0 ? Lane::Change : Lane::Lifecycle;
    page.received_at = time_of(query.integer(2));
    page.count = static_cast<std::uint32_t>(query.integer(3));
    page.heads = query.blob(4);
    if (!heads_sound(page.heads, page.page, page.count)) {
        throw SqlError(
            SQLITE_CORRUPT, "the heads of page " + std::to_string(page.page) + " are damaged"
        );
    }
    return page;
}

std::optional<std::string> Snapshot::data(std::int64_t page) {
    Statement statement(connection_, "SELECT data FROM body WHERE page = ?");
    Query query(statement);
    if (!query.bind(1, page).step() || !data_sound(query.blob(0), page)) return {};
    return std::string(query.blob(0));
}

std::optional<std::int64_t> Snapshot::next_row(std::int64_t from, DeliveryState state) {
    std::optional<std::int64_t> lowest;
    Statement statement(
        connection_, std::string("SELECT id FROM ") + table_of(state) +
                         " WHERE handler = ? AND id >= ? ORDER BY id LIMIT 1"
    );
    for (const OfHandler& handler : handlers_) {
        Query query(statement);
        if (!query.bind(1, handler.number).bind(2, from).step()) continue;
        lowest = std::min(lowest.value_or(query.integer(0)), query.integer(0));
    }
    return lowest;
}

std::map<std::uint32_t, DeliveryRow> Snapshot::rows(const OfHandler& handler, std::int64_t page) {
    std::map<std::uint32_t, DeliveryRow> rows;
    Statement active(
        connection_,
        "SELECT id, state, attempts, next_at, reason, replayed FROM delivery WHERE "
        "handler = ? AND id >= ? AND id < ?"
    );
    Statement dead(
        connection_,
        "SELECT id, 0, attempts, NULL, reason, replayed FROM dead WHERE handler = ? AND "
        "id >= ? AND id < ?"
    );
    Statement quarantined(
        connection_,
        "SELECT id, 0, attempts, NULL, reason, replayed FROM quarantine WHERE handler = ? AND "
        "id >= ? AND id < ?"
    );
    for (Statement* statement : {&active, &dead, &quarantined}) {
        Query query(*statement);
        query.bind(1, handler.number).bind(2, id_of(page, 0)).bind(3, id_of(page + 1, 0));
        while (query.step()) {
            DeliveryRow row;
            row.id = {query.integer(0)};
            const auto state = static_cast<RowState>(query.integer(1));
            row.state = statement == &dead          ? DeliveryState::Dead
                        : statement == &quarantined ? DeliveryState::Quarantined
                        : state == RowState::Retry  ? DeliveryState::Retrying
                                                    : DeliveryState::Behind;
            row.attempts = static_cast<std::uint32_t>(query.integer(2));
            if (!query.null(3)) row.next_at = time_of(query.integer(3));
            row.reason = query.text(4);
            row.replayed = query.integer(5) != 0;
            rows.emplace(index_of(row.id.value), std::move(row));
        }
    }
    return rows;
}

std::optional<DeliveryRow> Snapshot::delivery(
    const OfHandler& handler, const Page& page, std::uint32_t index, const Head& head,
    const std::map<std::uint32_t, DeliveryRow>& rows, const LeasedNow& leased
) {
    const std::int64_t id = id_of(page.page, index);
    DeliveryRow row;
    if (const auto found = rows.find(index); found != rows.end()) {
        row = found->second;
    } else if (head.stream >= handler.accepts.size() || !handler.accepts[head.stream]) {
        return {};
    } else if (handler.lanes[static_cast<std::size_t>(page.lane)].finished(page.page, index)) {
        row.state = DeliveryState::Done;
        row.attempts = 1;
    }
    if (row.state != DeliveryState::Done && row.state != DeliveryState::Dead &&
        row.state != DeliveryState::Quarantined) {
        if (const auto now = leased.find({handler.number, id}); now != leased.end()) {
            row.state = DeliveryState::Leased;
            row.attempts = now->second;
        }
    }
    row.id = {id};
    row.handler = handler.name;
    row.received_at = page.received_at + head.late;
    return row;
}

Listing::Listing(DeliveryQuery query, LeasedNow leased)
    : query_(std::move(query)), leased_(std::move(leased)), from_(query_.after.value + 1) {
}

bool Listing::step(Connection& connection, std::vector<DeliveryRow>& rows) {
    if (rows.size() >= query_.limit) return true;
    const auto begin = std::chrono::steady_clock::now();
    const ReadTransaction transaction(connection);
    Snapshot snapshot(connection);
    std::vector<DeliveryRow> found;
    std::int64_t from = from_;
    bool over = false;
    const bool only_rows =
        query_.state == DeliveryState::Retrying || query_.state == DeliveryState::Behind ||
        query_.state == DeliveryState::Dead || query_.state == DeliveryState::Quarantined;
    while (!over && std::chrono::steady_clock::now() - begin < kStep) {
        if (only_rows) {
            const auto next = snapshot.next_row(from, *query_.state);
            over = !next;
            if (over) break;
            from = *next;
        }
        const auto page = snapshot.next_page(page_of(from));
        over = !page;
        if (over) break;
        std::vector<std::map<std::uint32_t, DeliveryRow>> known;
        for (const auto& handler : snapshot.handlers()) {
            known.push_back(snapshot.rows(handler, page->page));
        }
        std::optional<std::string> data;
        std::uint32_t index = page->page == page_of(from) ? index_of(from) : 0;
        for (; index < page->count && !over; ++index) {
            const Head head = read_head(page->heads, index);
            const Stream& stream = snapshot.stream(head.stream);
            if (query_.subscription && stream.subscription != *query_.subscription) continue;
            for (std::size_t at = 0; at < known.size(); ++at) {
                const auto& handler = snapshot.handlers()[at];
                if (query_.handler && handler.name != *query_.handler) continue;
                auto row = Snapshot::delivery(handler, *page, index, head, known[at], leased_);
                if (!row || (query_.state && row->state != *query_.state)) continue;
                if (!data) data = snapshot.data(page->page).value_or("");
                row->stream = stream;
                row->receipt = snapshot.receipt(handler, row->id);
                if (const auto content = read_content(*data, head))
                    row->resource = content->resource;
                found.push_back(std::move(*row));
            }
            over = rows.size() + found.size() >= query_.limit;
        }
        from = id_of(page->page + 1, 0);
    }
    from_ = from;
    std::move(found.begin(), found.end(), std::back_inserter(rows));
    return over;
}

Result<StoredNotification> show_notification(
    Connection& connection, NotificationId id, const LeasedNow& leased
) {
    const ReadTransaction transaction(connection);
    Snapshot snapshot(connection);
    const auto page = snapshot.next_page(page_of(id.value));
    if (!page || page->page != page_of(id.value) || index_of(id.value) >= page->count) {
        return fail(Errc::NotFound, "notification " + std::to_string(id.value) + " is not stored");
    }
    const Head head = read_head(page->heads, index_of(id.value));
    const auto data = snapshot.data(page->page);
    const auto content = data ? read_content(*data, head) : std::nullopt;
    if (!content) {
        return fail(
            Errc::Corrupt,
            "what is stored of notification " + std::to_string(id.value) + " is damaged"
        );
    }
    StoredNotification stored;
    stored.id = id;
    stored.stream = snapshot.stream(head.stream);
    stored.subscription_id = content->subscription_id;
    stored.resource = content->resource;
    stored.body = content->body;
    stored.received_at = page->received_at + head.late;
    stored.rich = head.rich;
    if (head.rich) {
        Statement statement(connection, "SELECT verdict FROM proof WHERE number = ?");
        Query query(statement);
        if (query.bind(1, content->proof).step()) stored.verdict = query.text(0);
    }
    for (const auto& handler : snapshot.handlers()) {
        auto row = Snapshot::delivery(
            handler, *page, index_of(id.value), head, snapshot.rows(handler, page->page), leased
        );
        if (!row) continue;
        row->stream = stored.stream;
        row->receipt = snapshot.receipt(handler, id);
        row->resource = stored.resource;
        stored.deliveries.push_back(std::move(*row));
    }
    return stored;
}

bool FileStats::step(Connection& connection, StoreStats& stats) {
    const auto begin = std::chrono::steady_clock::now();
    const ReadTransaction transaction(connection);
    Snapshot snapshot(connection);
    StoreStats next = stats;
    if (!begun_) {
        next = {};
        for (const auto& handler : snapshot.handlers()) {
            const std::string number = std::to_string(handler.number);
            HandlerStats of_handler;
            of_handler.handler = handler.name;
            of_handler.attached = true;  // Nobody can tell while nobody serves.
            of_handler.paused = handler.paused;
            const auto count = [&](const std::string& table) {
                std::string sql = "SELECT count(*) FROM ";
                sql.append(table).append(" WHERE handler = ").append(number);
                return static_cast<std::uint64_t>(connection.query(sql));
            };
            of_handler.retrying = of_handler.waiting = count("delivery");
            of_handler.dead = count("dead");
            if (of_handler.waiting != 0) {
                of_handler.oldest_waiting = time_of(connection.query(
                    "SELECT received_at FROM delivery WHERE handler = " + number +
                    " ORDER BY id LIMIT 1"
                ));
            }
            next.handlers.push_back(std::move(of_handler));
        }
        Statement reasons(connection, "SELECT substr(reason, 1, 64) FROM quarantine");
        for (Query query(reasons); query.step();) {
            ++next.quarantined[quarantine_label(query.text(0))];
        }
        next.unsids = count_live_unsids(connection, now_);
        Statement oldest(connection, kOldestNotification);
        if (Query query(oldest); query.step()) next.oldest_notification = time_of(query.integer(0));
        next.notifications = static_cast<std::uint64_t>(
            connection.query("SELECT coalesce((SELECT before + count FROM head ORDER BY page DESC "
                             "LIMIT 1), 0) - (SELECT value FROM counter WHERE name = 'deleted')")
        );
    }
    std::int64_t from = from_;
    if (!begun_) {
        from = INT64_MAX;
        for (const auto& handler : snapshot.handlers()) {
            for (const auto& lane : handler.lanes) from = std::min(from, lane.position());
        }
    }
    bool over = false;
    while (!over && std::chrono::steady_clock::now() - begin < kStep) {
        const auto page = snapshot.next_page(from);
        over = !page;
        if (over) break;
        from = page->page + 1;
        for (std::uint32_t index = 0; index < page->count; ++index) {
            const Head head = read_head(page->heads, index);
            for (const auto& handler : snapshot.handlers()) {
                if (head.stream >= handler.accepts.size() || !handler.accepts[head.stream] ||
                    handler.lanes[static_cast<std::size_t>(page->lane)].finished(page->page, index))
                    continue;
                for (HandlerStats& of_handler : next.handlers) {
                    if (of_handler.handler != handler.name) continue;
                    ++of_handler.waiting;
                    if (!of_handler.oldest_waiting ||
                        page->received_at < *of_handler.oldest_waiting)
                        of_handler.oldest_waiting = page->received_at;
                }
            }
        }
    }
    stats = std::move(next);
    from_ = from;
    begun_ = true;
    return over;
}

}  // namespace graphhook::store
