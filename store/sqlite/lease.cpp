#include "store/sqlite/dispatch.hpp"

#include <algorithm>

namespace graphhook::store {
namespace {

/// How many notifications one lease looks at; a handler whose next ones all wait behind something
/// is told to ask again.
constexpr std::size_t kMostExamined = 4096;
/// How many may wait in memory for one of their key that is leased; more get rows.
constexpr std::size_t kMostDeferred = 4096;

}  // namespace

struct Dispatch::Lending {
    HandlerState& handler;
    const LeaseRequest& request;
    SystemTime now;
    SteadyTime expiry;
    std::vector<Delivery> out{};
    std::size_t bytes = 0;
    std::size_t examined = 0;
    bool full = false;
    bool more = false;

    [[nodiscard]] bool over() const noexcept { return full || more; }
};

Result<std::vector<Delivery>> Dispatch::lease(const LeaseRequest& request) {
    HandlerState* handler = find(request.handler);
    if (handler == nullptr || !handler->attached) {
        return fail(Errc::NotFound, "handler " + request.handler + " is not attached");
    }
    run_timers();
    if (handler->paused || request.limit == 0) {
        handler->hungry = true;
        return std::vector<Delivery>{};
    }
    Lending lending{*handler, request, clock_.system_now(), clock_.steady_now() + request.hold};
    lend_lane(lending, Lane::Lifecycle);
    if (handler->rows != 0 && !lending.over()) lend_rows(lending);
    if (!lending.over()) lend_ready(lending);
    if (!lending.over()) lend_lane(lending, Lane::Change);
    handler->hungry = !lending.full;
    if (lending.more) handler->work = true;
    return std::move(lending.out);
}

/// False: no room for it in this lease.
bool Dispatch::lend(
    Lending& lending, const HeadPagePtr& page, std::uint32_t index, const Head& head, Flight flight
) {
    HandlerState& handler = lending.handler;
    if (lending.out.size() >= lending.request.limit ||
        (!lending.out.empty() && lending.bytes + head.size > lending.request.limit_bytes)) {
        lending.full = true;
        return false;
    }
    const std::int64_t id = id_of(page->page, index);
    flight.stream = head.stream;
    flight.key = lane_key(head.order_key, page->lane);
    folds_.forget(flight.key, id);
    const DataPtr data = pages_.data(page->page);
    const auto content = data != nullptr ? read_content(*data, head) : std::nullopt;
    if (!content) {
        bury(handler, id, flight, "what was stored of it is damaged");
        if (flight.row) order_rows(handler, flight.key, lending.now);
        return true;
    }
    Delivery delivery;
    if (head.rich) {
        // Without what is to prove it, it must not look like a basic one.
        delivery.proof = proofs_.find(content->proof);
        if (delivery.proof == nullptr) {
            bury(handler, id, flight, "the tokens that came with it are damaged");
            if (flight.row) order_rows(handler, flight.key, lending.now);
            return true;
        }
    }
    delivery.id = {id};
    delivery.stream = streams_.at(head.stream);
    delivery.subscription_id = content->subscription_id;
    delivery.resource = content->resource;
    delivery.body = content->body;
    delivery.received_at = page->received_at + head.late;
    delivery.order_key = head.order_key;
    delivery.attempt = flight.attempt;
    delivery.used = flight.used;
    delivery.replayed = flight.replayed;
    lending.out.push_back(std::move(delivery));
    lending.bytes += head.size;

    flight.state = Flight::State::Leased;
    flight.expiry = lending.expiry;
    handler.next_expiry = std::min(handler.next_expiry, flight.expiry);
    handler.keys[flight.key].leased = id;
    handler.flights.insert_or_assign(id, flight);
    return true;
}

void Dispatch::defer(HandlerState& handler, std::int64_t id, std::uint64_t key) {
    handler.keys[key].waiting.push_back(id);
    if (++handler.deferred > kMostDeferred) park_key(handler, key);
}

void Dispatch::lend_lane(Lending& lending, Lane lane) {
    HandlerState& handler = lending.handler;
    LaneCursor& cursor = handler.lane(lane);
    HandlerState::Scan& scan = handler.scans[static_cast<std::size_t>(lane)];
    if (handler.accepted_open[static_cast<std::size_t>(lane)] == 0) return;
    while (true) {
        if (scan.page == nullptr || scan.index == scan.page->count) {
            scan = {pages_.next(lane, cursor.next()), 0};
            if (scan.page == nullptr) return;
            cursor.load(scan.page->page, scan.page->count, scan.page->received_at);
        }
        if (lending.out.size() >= lending.request.limit) {
            lending.full = true;
            return;
        }
        if (++lending.examined > kMostExamined) {
            lending.more = true;
            return;
        }
        const HeadPagePtr page = scan.page;
        const std::uint32_t index = scan.index;
        const std::int64_t id = id_of(page->page, index);
        if (cursor.finished(page->page, index)) {
            ++scan.index;
            continue;
        }
        const Head head = read_head(page->heads, index);
        if (!handler.accepts_stream(head.stream)) {
            ++scan.index;
            finish(handler, id, lane, head.stream);
            continue;
        }
        const std::uint64_t key = lane_key(head.order_key, lane);
        if (handler.row_keys.contains(key)) {
            ++scan.index;
            Flight behind;
            behind.attempt = 0;
            behind.key = key;
            put_row(handler, id, behind, RowState::Behind, {}, "");
            finish(handler, id, lane, head.stream);
        } else if (handler.keys.contains(key)) {
            ++scan.index;
            defer(handler, id, key);
        } else {
            if (!lend(lending, page, index, head, Flight{})) return;
            ++scan.index;
        }
    }
}

void Dispatch::lend_ready(Lending& lending) {
    HandlerState& handler = lending.handler;
    while (!handler.ready.empty()) {
        const auto [id, key] = *handler.ready.begin();
        Flight flight;
        if (const auto given_back = handler.flights.find(id); given_back != handler.flights.end()) {
            flight = given_back->second;
            // What was given back is as if it had never been leased.
            if (flight.state != Flight::State::Released) ++flight.attempt;
        }
        HeadPagePtr page;
        const Head head = head_of(id, page);
        // Before lending: burying what is damaged makes the next of the key ready.
        KeyQueue& queue = handler.keys[key];
        handler.ready.erase(handler.ready.begin());
        queue.waiting.pop_front();
        --handler.deferred;
        queue.leased = id;
        if (lend(lending, page, index_of(id), head, flight)) continue;
        queue.leased = 0;
        queue.waiting.push_front(id);
        ++handler.deferred;
        handler.ready.emplace(id, key);
        return;
    }
}

void Dispatch::lend_rows(Lending& lending) {
    HandlerState& handler = lending.handler;
    struct Due {
        std::int64_t id;
        Flight flight;
    };
    std::vector<Due> due;
    {
        Query query(due_rows_);
        query.bind(1, handler.number).bind(2, lending.now.time_since_epoch().count());
        while (due.size() < lending.request.limit && query.step()) {
            const auto key = static_cast<std::uint64_t>(query.integer(1));
            const std::int64_t id = query.integer(0);
            if (handler.flights.contains(id) || handler.keys.contains(key)) continue;
            Flight flight;
            flight.key = key;
            flight.attempt = static_cast<std::uint32_t>(query.integer(2)) + 1;
            flight.used = static_cast<std::uint32_t>(query.integer(3));
            flight.replayed = query.integer(4) != 0;
            flight.row = true;
            due.push_back({id, flight});
        }
    }
    for (const Due& row : due) {
        const HeadPagePtr page = pages_.heads(page_of(row.id));
        if (page == nullptr || index_of(row.id) >= page->count) {
            bury(handler, row.id, row.flight, "it is no longer stored");
            order_rows(handler, row.flight.key, lending.now);
            continue;
        }
        const Head head = read_head(page->heads, index_of(row.id));
        if (!lend(lending, page, index_of(row.id), head, row.flight)) return;
    }
}

}  // namespace graphhook::store
