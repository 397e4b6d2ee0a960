#include "store/sqlite/dispatch.hpp"

#include <algorithm>

namespace graphhook::store {
namespace {

/// A cursor remembers at most this much of what is finished beyond its position.
constexpr std::size_t kMostWindowPages = 1024;
constexpr std::uint64_t kMostWindowItems = 16'384;

std::int64_t micros(SystemTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

Head Dispatch::head_of(std::int64_t id, HeadPagePtr& page) {
    if (page == nullptr || page->page != page_of(id)) page = pages_.heads(page_of(id));
    if (page == nullptr || index_of(id) >= page->count) {
        throw SqlError(11, "notification " + std::to_string(id) + " waits but is not stored");
    }
    return read_head(page->heads, index_of(id));
}

void Dispatch::put_row(
    HandlerState& handler, std::int64_t id, const Flight& flight, RowState state,
    std::optional<SystemTime> next_at, std::string reason
) {
    HeadPagePtr page;
    const Head head = head_of(id, page);
    Value next;
    if (next_at) next = micros(*next_at);
    writes_.add(
        insert_row_,
        {handler.number, id, static_cast<std::int64_t>(flight.key),
         static_cast<std::int64_t>(state), std::int64_t{flight.attempt}, std::int64_t{flight.used},
         std::move(next), std::int64_t{flight.replayed ? 1 : 0},
         micros(page->received_at + head.late), micros(clock_.system_now()), std::move(reason)}
    );
    ++handler.rows;
    ++handler.row_keys[flight.key];
    if (next_at) handler.next_due = std::min(handler.next_due.value_or(*next_at), *next_at);
}

void Dispatch::update_row(
    HandlerState& handler, std::int64_t id, const Flight& flight, SystemTime next_at,
    std::string reason
) {
    writes_.add(
        update_row_, {std::int64_t{flight.attempt}, std::int64_t{flight.used}, micros(next_at),
                      micros(clock_.system_now()), std::move(reason), handler.number, id}
    );
    handler.next_due = std::min(handler.next_due.value_or(next_at), next_at);
}

void Dispatch::delete_row(HandlerState& handler, std::int64_t id, std::uint64_t key) {
    writes_.add(delete_row_, {handler.number, id});
    --handler.rows;
    const auto count = handler.row_keys.find(key);
    if (--count->second == 0) handler.row_keys.erase(count);
}

void Dispatch::order_rows(HandlerState& handler, std::uint64_t key, SystemTime now) {
    const auto count = handler.row_keys.find(key);
    if (count == handler.row_keys.end()) return;
    const auto stored_key = static_cast<std::int64_t>(key);
    std::int64_t first = 0;
    bool behind = false;
    {
        Query query(rows_of_key_);
        if (!query.bind(1, handler.number).bind(2, stored_key).step()) return;
        first = query.integer(0);
        behind = query.integer(1) == static_cast<std::int64_t>(RowState::Behind);
    }
    if (behind) {
        writes_.add(promote_row_, {micros(now), micros(now), handler.number, first});
        handler.next_due = std::min(handler.next_due.value_or(now), now);
        handler.work = true;
    }
    if (count->second > 1) writes_.add(demote_rows_, {handler.number, stored_key, first});
}

void Dispatch::park_key(HandlerState& handler, std::uint64_t key) {
    const auto found = handler.keys.find(key);
    if (found == handler.keys.end()) return;
    for (const std::int64_t id : found->second.waiting) {
        handler.ready.erase(id);
        --handler.deferred;
        Flight flight;
        flight.attempt = 0;
        flight.key = key;
        std::optional<SystemTime> next_at;
        const auto known = handler.flights.find(id);
        if (known != handler.flights.end()) {
            flight = known->second;
            if (flight.state == Flight::State::Released) {
                next_at = flight.not_before;
                --flight.attempt;  // it was not one
            }
            handler.flights.erase(known);
        }
        if (flight.row) continue;
        HeadPagePtr page;
        const Head head = head_of(id, page);
        put_row(handler, id, flight, next_at ? RowState::Retry : RowState::Behind, next_at, "");
        finish(handler, id, page->lane, head.stream);
    }
    found->second.waiting.clear();
    if (found->second.leased != 0) return;
    handler.keys.erase(found);
    order_rows(handler, key, clock_.system_now());
}

void Dispatch::park_leased(HandlerState& handler, std::int64_t id, Flight& flight) {
    HeadPagePtr page;
    const Head head = head_of(id, page);
    // Were we to stop now, it would be due at once.
    put_row(handler, id, flight, RowState::Retry, clock_.system_now(), "");
    flight.row = true;
    finish(handler, id, page->lane, head.stream);
}

void Dispatch::trim(HandlerState& handler, Lane lane) {
    LaneCursor& cursor = handler.lane(lane);
    while (cursor.window().size() > 1 && (cursor.window().size() > kMostWindowPages ||
                                          cursor.window_items() > kMostWindowItems)) {
        const std::int64_t page = cursor.window().front().page;
        const std::uint32_t count = cursor.window().front().count;
        for (std::uint32_t index = 0; index < count; ++index) {
            if (cursor.finished(page, index)) continue;
            const std::int64_t id = id_of(page, index);
            HeadPagePtr heads;
            const Head head = head_of(id, heads);
            const std::uint64_t key = lane_key(head.order_key, lane);
            const auto flight = handler.flights.find(id);
            if (flight != handler.flights.end() && flight->second.state == Flight::State::Leased) {
                park_leased(handler, id, flight->second);
                park_key(handler, key);
            } else if (handler.keys.contains(key)) {
                park_key(handler, key);
            } else {
                Flight flight_of_nobody;
                flight_of_nobody.attempt = 0;
                flight_of_nobody.key = key;
                put_row(handler, id, flight_of_nobody, RowState::Behind, {}, "");
                finish(handler, id, lane, head.stream);
                order_rows(handler, key, clock_.system_now());
            }
        }
    }
}

bool Dispatch::replay(HandlerState& handler, const HeadPage& page, std::uint32_t index) {
    const std::int64_t id = id_of(page.page, index);
    const Head head = read_head(page.heads, index);
    if (!handler.accepts_stream(head.stream) || !handler.finished(page, index)) return false;
    {
        Query query(row_exists_);
        if (query.bind(1, handler.number).bind(2, id).step()) return false;
    }
    drop_dead(handler, id);
    // It is judged again when it is handed over, as everything rich is.
    quarantine_.drop(handler.number, id);
    hand_over_again(handler, id, lane_key(head.order_key, page.lane));
    return true;
}

void Dispatch::hand_over_again(HandlerState& handler, std::int64_t id, std::uint64_t key) {
    // What comes now goes behind this row. What is already under way gets rows before that, or
    // after a restart it would come last.
    if (const auto queue = handler.keys.find(key); queue != handler.keys.end()) {
        const auto leased = handler.flights.find(queue->second.leased);
        if (leased != handler.flights.end() && !leased->second.row)
            park_leased(handler, leased->first, leased->second);
        park_key(handler, key);
    }
    Flight flight;
    flight.attempt = 0;
    flight.key = key;
    flight.replayed = true;
    put_row(handler, id, flight, RowState::Behind, {}, "");
    order_rows(handler, key, clock_.system_now());
}

bool Dispatch::replay_dead(HandlerState& handler, std::int64_t id) {
    std::uint64_t key = 0;
    {
        Query query(one_dead_);
        if (!query.bind(1, handler.number).bind(2, id).step()) return false;
        key = static_cast<std::uint64_t>(query.integer(0));
    }
    const HeadPagePtr page = pages_.heads(page_of(id));
    if (page == nullptr) return false;
    drop_dead(handler, id);
    hand_over_again(handler, id, key);
    return true;
}

bool Dispatch::retry_quarantined(HandlerState& handler, std::int64_t id) {
    const auto key = quarantine_.key_of(handler.number, id);
    if (!key) return false;
    const HeadPagePtr page = pages_.heads(page_of(id));
    if (page == nullptr || index_of(id) >= page->count) return false;
    const Head head = read_head(page->heads, index_of(id));
    const DataPtr data = head.rich ? pages_.data(page->page) : nullptr;
    const auto content = data != nullptr ? read_content(*data, head) : std::nullopt;
    if (content) proofs_.put_verdict(content->proof, "");
    quarantine_.drop(handler.number, id);
    hand_over_again(handler, id, *key);
    return true;
}

bool Dispatch::drop_quarantined(HandlerState& handler, std::int64_t id) {
    return quarantine_.drop(handler.number, id);
}

bool Dispatch::drop_dead(HandlerState& handler, std::int64_t id) {
    writes_.add(delete_dead_, {handler.number, id});
    if (connection_.changes() == 0) return false;
    --handler.dead;
    return true;
}

}  // namespace graphhook::store
