#include "store/sqlite/dispatch.hpp"

#include <algorithm>

namespace graphhook::store {
namespace {

constexpr std::size_t kMostReason = 1000;

/// Cut at a whole UTF-8 character.
void bound(std::string& text) {
    if (text.size() <= kMostReason) return;
    std::size_t end = kMostReason;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
}

}  // namespace

Result<std::size_t> Dispatch::settle(const std::string& name, std::span<Settlement> settlements) {
    HandlerState* handler = find(name);
    if (handler == nullptr) return fail(Errc::NotFound, "there is no handler " + name);
    const SystemTime now = clock_.system_now();
    std::size_t refused = 0;
    for (Settlement& settlement : settlements) {
        if (!settle(*handler, settlement, now)) ++refused;
    }
    return refused;
}

bool Dispatch::settle(HandlerState& handler, Settlement& settlement, SystemTime now) {
    const std::int64_t id = settlement.id.value;
    const auto found = handler.flights.find(id);
    if (found == handler.flights.end() || found->second.attempt != settlement.attempt ||
        found->second.state == Flight::State::Released)
        return false;
    Flight& flight = found->second;
    const std::uint64_t key = flight.key;
    KeyQueue& queue = handler.keys[key];
    if (flight.state == Flight::State::Lapsed) {
        // It ran out, but nobody else was given it: as if it had not.
        handler.ready.erase(id);
        queue.waiting.pop_front();
        --handler.deferred;
        queue.leased = id;
    }
    flight.used = settlement.used;
    bound(settlement.reason);
    // What is given back is as if it had never been leased.
    if (settlement.as != SettleAs::Release)
        receipts_.put(handler.number, id, std::move(settlement.receipt));
    switch (settlement.as) {
        case SettleAs::Done:
            if (flight.row) {
                delete_row(handler, id, key);
                finished_some_ = true;
            } else {
                finish(handler, id, streams_.at(flight.stream)->lane, flight.stream);
                finished_some_ = true;
            }
            handler.flights.erase(found);
            free_key(handler, key);
            break;
        case SettleAs::Retry: {
            const bool had_row = flight.row;
            const Flight copy = flight;
            handler.flights.erase(found);
            queue.leased = 0;
            if (had_row) {
                update_row(handler, id, copy, settlement.at, std::move(settlement.reason));
            } else {
                put_row(
                    handler, id, copy, RowState::Retry, settlement.at, std::move(settlement.reason)
                );
                finish(handler, id, streams_.at(copy.stream)->lane, copy.stream);
            }
            park_key(handler, key);
            break;
        }
        case SettleAs::Dead:
        case SettleAs::Quarantine: {
            const Flight copy = flight;
            const bool dead = settlement.as == SettleAs::Dead;
            bury(
                handler, id, copy, std::move(settlement.reason),
                dead ? Grave::Dead : Grave::Quarantine
            );
            break;
        }
        case SettleAs::Release:
            flight.state = Flight::State::Released;
            flight.not_before = settlement.at;
            queue.leased = 0;
            queue.waiting.push_front(id);
            ++handler.deferred;
            if (settlement.at > now) {
                handler.delayed.emplace(settlement.at, id);
            } else {
                handler.ready.emplace(id, key);
                handler.work = true;
            }
            break;
    }
    return true;
}

void Dispatch::lapse(HandlerState& handler, std::int64_t id, Flight& flight) {
    flight.state = Flight::State::Lapsed;
    KeyQueue& queue = handler.keys[flight.key];
    queue.leased = 0;
    queue.waiting.push_front(id);
    ++handler.deferred;
    handler.ready.emplace(id, flight.key);
    handler.work = true;
}

void Dispatch::finish(HandlerState& handler, std::int64_t id, Lane lane, std::uint32_t stream) {
    if (!handler.lane(lane).finish(page_of(id), index_of(id))) return;
    const auto which = static_cast<std::size_t>(lane);
    handler.dirty[which] = true;
    --handler.open[stream];
    if (handler.accepts_stream(stream)) --handler.accepted_open[which];
}

void Dispatch::bury(
    HandlerState& handler, std::int64_t id, const Flight& flight, std::string reason, Grave grave
) {
    const HeadPagePtr page = pages_.heads(page_of(id));
    SystemTime received_at;
    if (page != nullptr && index_of(id) < page->count) {
        received_at = page->received_at + read_head(page->heads, index_of(id)).late;
    }
    const SystemTime now = clock_.system_now();
    if (grave == Grave::Quarantine) {
        quarantine_.add(
            {handler.number, id, flight.key, flight.attempt, flight.used, flight.replayed,
             received_at, std::move(reason)},
            now
        );
    } else {
        writes_.add(
            insert_dead_,
            {handler.number, id, static_cast<std::int64_t>(flight.key),
             std::int64_t{flight.attempt}, std::int64_t{flight.used},
             std::int64_t{flight.replayed ? 1 : 0}, received_at.time_since_epoch().count(),
             now.time_since_epoch().count(), std::move(reason)}
        );
        ++handler.dead;
    }
    const std::uint64_t key = flight.key;
    if (flight.row) {
        delete_row(handler, id, key);
    } else {
        finish(handler, id, streams_.at(flight.stream)->lane, flight.stream);
    }
    handler.flights.erase(id);
    const auto queue = handler.keys.find(key);
    if (queue != handler.keys.end() && queue->second.leased == id) free_key(handler, key);
}

void Dispatch::free_key(HandlerState& handler, std::uint64_t key) {
    const auto found = handler.keys.find(key);
    found->second.leased = 0;
    if (!found->second.waiting.empty()) {
        handler.ready.emplace(found->second.waiting.front(), key);
        handler.work = true;
        return;
    }
    handler.keys.erase(found);
    if (handler.row_keys.contains(key)) order_rows(handler, key, clock_.system_now());
}

void Dispatch::extend(
    const std::string& name, std::span<const NotificationId> ids, std::chrono::milliseconds hold
) {
    HandlerState* handler = find(name);
    if (handler == nullptr) return;
    const SteadyTime expiry = clock_.steady_now() + hold;
    for (const NotificationId id : ids) {
        const auto flight = handler->flights.find(id.value);
        if (flight == handler->flights.end() || flight->second.state != Flight::State::Leased)
            continue;
        flight->second.expiry = expiry;
        handler->next_expiry = std::min(handler->next_expiry, expiry);
    }
}

}  // namespace graphhook::store
